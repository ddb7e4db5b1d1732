//! Shared code of the benchmarks: test tokens and the measurement of candidates side by side.
//!
//! ```
//! use tollgate_benches::{Candidate, compare};
//!
//! tollgate_benches::count_allocations!();
//!
//! let mut sum = 0_u64;
//! let rows =
//!     compare(&mut [Candidate::new("add", || sum = sum.wrapping_add(1))],
//!     std::time::Duration::from_millis(1));
//! assert_eq!(rows[0].allocations, 0.0);
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a benchmark without its setup has no result"
)]

pub mod failing;
pub mod load;
pub mod remote;
pub mod revocation;
pub mod routes;
pub mod sessions;
pub mod signature;
pub mod tokens;

use std::hint::black_box;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

/// Items for [`count_allocations`].
#[doc(hidden)]
pub mod __private {
    pub use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
}

/// Enables allocation counting for a program. Use it once at the top. All threads write to the
/// counters, so a program that measures threads must not count.
#[macro_export]
macro_rules! count_allocations {
    () => {
        #[global_allocator]
        static ALLOCATOR: &$crate::__private::StatsAlloc<::std::alloc::System> =
            &$crate::__private::INSTRUMENTED_SYSTEM;
    };
}

/// A named operation to measure.
pub struct Candidate<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    /// Creates a candidate. The operation must use its result, for example with
    /// [`std::hint::black_box`].
    pub fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }
}

/// The cost of one candidate.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name of the candidate.
    pub name: &'static str,
    /// Nanoseconds per operation in the fastest slice.
    pub nanoseconds: f64,
    /// Nanoseconds per operation in the median slice.
    pub median: f64,
    /// Heap allocations per operation, including reallocations. NaN in a program without
    /// [`count_allocations`].
    pub allocations: f64,
}

/// Measures the candidates in alternating slices, for about `time` each, so that disturbances
/// affect all of them equally.
pub fn compare(candidates: &mut [Candidate<'_>], time: Duration) -> Vec<Row> {
    const SLICES: u32 = 60;
    let slice = time / SLICES;
    let mut rows: Vec<Row> = candidates.iter_mut().map(Row::start).collect();
    let rounds: Vec<u32> = candidates
        .iter_mut()
        .map(|candidate| rounds(candidate, slice))
        .collect();
    let mut slices = vec![Vec::new(); rows.len()];
    for _ in 0..SLICES {
        for ((candidate, slices), rounds) in candidates.iter_mut().zip(&mut slices).zip(&rounds) {
            let start = Instant::now();
            for _ in 0..*rounds {
                (candidate.run)();
            }
            slices.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(*rounds));
        }
    }
    for (row, mut slices) in rows.iter_mut().zip(slices) {
        slices.sort_by(f64::total_cmp);
        (row.nanoseconds, row.median) = (slices[0], slices[slices.len() / 2]);
    }
    rows
}

impl Row {
    fn start(candidate: &mut Candidate<'_>) -> Self {
        // The allocator counts for all threads, and other threads may add allocations, such as the
        // test harness. The minimum of several counts is that of the candidate.
        const COUNTS: usize = 10;
        const COUNTED: u16 = 100;
        (candidate.run)(); // warm up
        let count = || {
            let region = Region::new(&INSTRUMENTED_SYSTEM);
            for _ in 0..COUNTED {
                (candidate.run)();
            }
            let change = region.change();
            change.allocations + change.reallocations
        };
        let least = std::iter::repeat_with(count).take(COUNTS).min();
        #[allow(clippy::cast_precision_loss)] // counts of a hundred operations
        let allocations = match least {
            Some(least) if counts() => least as f64 / f64::from(COUNTED),
            _ => f64::NAN,
        };
        Self {
            name: candidate.name,
            nanoseconds: f64::INFINITY,
            median: f64::INFINITY,
            allocations,
        }
    }
}

/// Returns whether this program counts allocations.
fn counts() -> bool {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    drop(black_box(Box::new(0_u64)));
    region.change().allocations > 0
}

fn rounds(candidate: &mut Candidate<'_>, slice: Duration) -> u32 {
    let start = Instant::now();
    let mut rounds = 0_u32;
    while start.elapsed() < slice {
        (candidate.run)();
        rounds += 1;
    }
    rounds.max(1)
}

/// Calls `measure` with the name of each backend of `jsonwebtoken`. The backend is global to a
/// process, so the program runs itself once for each.
pub fn with_each_backend(measure: impl FnOnce(&str)) {
    const VARIABLE: &str = "TOLLGATE_BENCH_BACKEND";
    let Ok(backend) = std::env::var(VARIABLE) else {
        for backend in ["aws_lc_rs", "rust_crypto"] {
            let program = std::env::current_exe().unwrap();
            let status = std::process::Command::new(program)
                .args(std::env::args_os().skip(1))
                .env(VARIABLE, backend)
                .status()
                .unwrap();
            assert!(status.success(), "the run with {backend} failed");
        }
        return;
    };
    match &*backend {
        "aws_lc_rs" => jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
            .install_default()
            .unwrap(),
        _ => jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER
            .install_default()
            .unwrap(),
    }
    measure(&backend);
}

/// Prints the rows as ratios to the row `base`.
pub fn print(title: &str, rows: &[Row], base: &str) {
    let unit = rows
        .iter()
        .find(|row| row.name == base)
        .map_or(f64::NAN, |row| row.nanoseconds);
    println!("\n{title}");
    println!(
        "{:<52} {:>8} {:>10} {:>12}",
        "", "ratio", "ns", "allocations"
    );
    for row in rows {
        let ratio = row.nanoseconds / unit;
        println!(
            "{:<52} {ratio:>8.2} {:>10.0} {:>12.1}",
            row.name, row.nanoseconds, row.allocations
        );
    }
}
