//! The cost of an operation: time, allocations, instructions.

use std::alloc::System;
use std::process::Command;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::Fixture;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A repeatable operation. It must use its result, for example with [`std::hint::black_box`].
pub type Operation<'a> = Box<dyn FnMut() + 'a>;

/// Measures the nanoseconds per operation in the fastest slice. The operations alternate, for about
/// `time` each, so that disturbances affect all of them equally.
///
/// ```
/// use std::{hint::black_box, time::Duration};
/// use tollgate_peers::measure::{Operation, nanoseconds};
///
/// let mut sum = 0_u64;
/// let mut operations: [Operation; 1] = [Box::new(|| sum = black_box(sum + 1))];
/// assert!(nanoseconds(&mut operations, Duration::from_millis(1))[0] < 1e6);
/// ```
pub fn nanoseconds(operations: &mut [Operation<'_>], time: Duration) -> Vec<f64> {
    const SLICES: u32 = 1000;
    let slice = time / SLICES;
    let rounds: Vec<u32> = operations
        .iter_mut()
        .map(|operation| rounds(operation, slice))
        .collect();
    let mut best = vec![f64::INFINITY; operations.len()];
    for _ in 0..SLICES {
        for ((operation, best), rounds) in operations.iter_mut().zip(&mut best).zip(&rounds) {
            let start = Instant::now();
            for _ in 0..*rounds {
                operation();
            }
            *best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(*rounds));
        }
    }
    best
}

fn rounds(operation: &mut Operation<'_>, slice: Duration) -> u32 {
    let start = Instant::now();
    let mut rounds = 0_u32;
    while start.elapsed() < slice {
        operation();
        rounds += 1;
    }
    rounds.max(1)
}

/// Counts the heap allocations per operation, including reallocations. The warm-up is not counted.
///
/// ```
/// use std::hint::black_box;
///
/// let count = tollgate_peers::measure::allocations(&mut (Box::new(|| drop(black_box(Box::new(7)))) as Box<_>));
/// assert_eq!(count, 1.0);
/// ```
pub fn allocations(operation: &mut Operation<'_>) -> f64 {
    // The allocator counts for all threads: the minimum of several counts is that of the operation.
    const COUNTS: usize = 10;
    const COUNTED: u16 = 100;
    for _ in 0..COUNTED {
        operation();
    }
    let count = || {
        let region = Region::new(ALLOCATOR);
        for _ in 0..COUNTED {
            operation();
        }
        let change = region.change();
        change.allocations + change.reallocations
    };
    let least = std::iter::repeat_with(count).take(COUNTS).min();
    #[allow(clippy::cast_precision_loss)] // counts of a hundred operations
    let least = least.unwrap_or_default() as f64;
    least / f64::from(COUNTED)
}

const OPERATION: &str = "TOLLGATE_PEERS_OPERATION";
const ROUNDS: &str = "TOLLGATE_PEERS_ROUNDS";

/// Counts the instructions per operation: the difference of two runs under valgrind with different
/// numbers of rounds. The program must [run the operation](counted) there. `None` without valgrind.
pub fn instructions(operation: &str, fixture: &Fixture) -> Option<u64> {
    const FEW: u32 = 100;
    const MANY: u32 = 400;
    let few = total(operation, fixture, FEW)?;
    let many = total(operation, fixture, MANY)?;
    Some(many.saturating_sub(few) / u64::from(MANY - FEW))
}

/// The operation to count in this run of the program, and the number of rounds.
///
/// ```
/// assert_eq!(tollgate_peers::measure::counted(), None);
/// ```
pub fn counted() -> Option<(String, u32)> {
    let rounds = std::env::var(ROUNDS).ok()?.parse().unwrap();
    Some((std::env::var(OPERATION).unwrap(), rounds))
}

fn total(operation: &str, fixture: &Fixture, rounds: u32) -> Option<u64> {
    let (name, value) = fixture.variable();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .env(name, value)
        .env(OPERATION, operation)
        .env(ROUNDS, rounds.to_string())
        .output()
        .ok()?;
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let count = log.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = count.unwrap_or_else(|| panic!("no count in {log}"));
    Some(count.trim().parse().unwrap())
}
