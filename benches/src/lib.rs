//! What the benchmarks share: tokens to verify, and a way to measure candidates side by side.
//!
//! ```
//! use tollgate_benches::{Candidate, compare};
//!
//! tollgate_benches::count_allocations!();
//!
//! let mut sum = 0_u64;
//! let rows = compare(&mut [Candidate::new("add", || sum = sum.wrapping_add(1))], std::time::Duration::from_millis(1));
//! assert_eq!(rows[0].allocations, 0.0);
//! ```

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a benchmark that cannot be set up has nothing to report

pub mod failing;
pub mod load;
pub mod remote;
pub mod revocation;
pub mod routes;
pub mod signature;
pub mod tokens;

use std::hint::black_box;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

/// For [`count_allocations`].
#[doc(hidden)]
pub mod __private {
    pub use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
}

/// Has the allocations of a program counted: to be said once, at its top. All threads write to the counters, so a program
/// that measures threads must not count.
#[macro_export]
macro_rules! count_allocations {
    () => {
        #[global_allocator]
        static ALLOCATOR: &$crate::__private::StatsAlloc<::std::alloc::System> =
            &$crate::__private::INSTRUMENTED_SYSTEM;
    };
}

/// Something to measure: a name and one operation.
pub struct Candidate<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Candidate<'a> {
    /// The operation must use its result, for instance through [`std::hint::black_box`].
    pub fn new(name: &'static str, run: impl FnMut() + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }
}

/// What one candidate costs.
#[derive(Clone, Debug)]
pub struct Row {
    /// The candidate's name.
    pub name: &'static str,
    /// Nanoseconds for one operation, in the best slice.
    pub nanoseconds: f64,
    /// The same in the middle one of the slices.
    pub median: f64,
    /// Heap allocations, reallocations counted, of one operation. Not a number in a program that does not
    /// [count](count_allocations).
    pub allocations: f64,
}

/// Measures the candidates in turns, a slice each, for about `time` each in all, so that whatever disturbs the machine
/// disturbs all of them alike. The best slice counts.
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
        // The allocator counts for all threads. What others allocate comes on top, now and then (the thread that has started a
        // test still writes down that it has): the least of several counts is the candidate's own.
        const COUNTS: usize = 10;
        const COUNTED: u16 = 100;
        (candidate.run)(); // what is made once is made now
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

/// Whether this program counts its allocations.
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

/// Runs `measure` with the name of each backend of `jsonwebtoken`, which takes one for the whole process: the program
/// runs itself once for each.
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

/// Prints the rows as ratios to the row called `base`.
pub fn print(title: &str, rows: &[Row], base: &str) {
    let unit = rows
        .iter()
        .find(|row| row.name == base)
        .map_or(f64::NAN, |row| row.nanoseconds);
    println!("\n{title}");
    println!("{:<52} {:>8} {:>10} {:>12}", "", "ratio", "ns", "allocations");
    for row in rows {
        let ratio = row.nanoseconds / unit;
        println!(
            "{:<52} {ratio:>8.2} {:>10.0} {:>12.1}",
            row.name, row.nanoseconds, row.allocations
        );
    }
}
