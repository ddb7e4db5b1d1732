//! Fetched keys compared with static keys: verification on one thread, on two threads, and during
//! fetches.
//!
//! The targets: the same cost within the measurement noise of one verifier, and the same 99th
//! percentile.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tollgate_benches::remote::{connect, connect_refreshing, fetched, serve, sets, verifier};
use tollgate_benches::tokens::Fixture;
use tollgate_benches::{Candidate, Row, compare};
use tollgate_core::{Algorithm, KeySet, KeySource as _, Verifier};

tollgate_benches::count_allocations!();

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

fn main() {
    // Fetches run on other threads, as in a service.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    cost(&runtime);
    threads(&runtime);
    while_fetching(&runtime);
}

fn cost(runtime: &Runtime) {
    println!("one thread: time relative to static keys, fastest and median slices");
    println!(
        "{:<44} {:>7} {:>7} {:>9} {:>12}",
        "", "best", "middle", "ns", "allocations"
    );
    for algorithm in ALGORITHMS {
        let fixture = Fixture::new(algorithm);
        let keys = runtime.block_on(fetched(&fixture));
        let (fixed, again) = (fixture.cold_verifier(), fixture.cold_verifier());
        let remote = verifier(keys.clone());
        let verify =
            |verifier: &Verifier| drop(verifier.verify(black_box(&fixture.token)).unwrap());
        let rows = compare(
            &mut [
                Candidate::new("fixed keys", || verify(&fixed)),
                Candidate::new("static keys, another verifier (noise)", || verify(&again)),
                Candidate::new("fetched keys", || verify(&remote)),
                Candidate::new("fetched keys, not used", || {
                    drop(black_box(keys.keys().unwrap()));
                }),
            ],
            Duration::from_secs(4),
        );
        println!("{algorithm}");
        for row in &rows {
            let Row {
                name,
                nanoseconds,
                median,
                allocations,
            } = row;
            println!(
                "  {name:<42} {:>7.3} {:>7.3} {nanoseconds:>9.0} {allocations:>12.1}",
                nanoseconds / rows[0].nanoseconds,
                median / rows[0].median,
            );
        }
    }
}

/// Measures threads that share a verifier, including the reference counts behind it.
fn threads(runtime: &Runtime) {
    const SLICES: usize = 40;
    println!("\ntwo threads with one verifier: throughput relative to one thread");
    println!("{:<44} {:>7} {:>7}", "", "best", "middle");
    for algorithm in ALGORITHMS {
        let fixture = Fixture::new(algorithm);
        let fixed = fixture.cold_verifier();
        let remote = verifier(runtime.block_on(fetched(&fixture)));
        let mut rates: [[Vec<f64>; 2]; 2] = Default::default();
        for _ in 0..SLICES {
            for (verifier, rates) in [&fixed, &remote].into_iter().zip(&mut rates) {
                for (threads, rates) in (1..).zip(rates) {
                    rates.push(rate(verifier, &fixture.token, threads));
                }
            }
        }
        println!("{algorithm}");
        for (name, [one, two]) in ["fixed keys", "fetched keys"].into_iter().zip(&mut rates) {
            one.sort_by(f64::total_cmp);
            two.sort_by(f64::total_cmp);
            let (best, middle) = (
                two[SLICES - 1] / one[SLICES - 1],
                two[SLICES / 2] / one[SLICES / 2],
            );
            println!("  {name:<42} {best:>7.2} {middle:>7.2}");
        }
    }
}

/// Verifications per second of all threads together.
fn rate(verifier: &Verifier, token: &str, threads: usize) -> f64 {
    const SLICE: Duration = Duration::from_millis(40);
    let together = Barrier::new(threads);
    let each = || {
        together.wait();
        let start = Instant::now();
        let mut count = 0_u32;
        while start.elapsed() < SLICE {
            drop(verifier.verify(black_box(token)).unwrap());
            count += 1;
        }
        f64::from(count) / start.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    })
}

/// Alternates slices with and without fetches.
fn while_fetching(runtime: &Runtime) {
    const ROUNDS: u32 = 25;
    let fixture = Fixture::new(Algorithm::ES256);
    let sets = sets(&fixture);
    let prepare = |set: &String| drop(KeySet::from_json(black_box(set)).unwrap());
    let rows = compare(
        &mut [Candidate::new("", || prepare(&sets[0]))],
        Duration::from_secs(1),
    );
    let milliseconds = rows[0].nanoseconds / 1e6;
    println!(
        "\na set of {} keys is prepared in {milliseconds:.1} ms",
        KeySet::MAX_KEYS
    );

    let address = serve(sets.clone()).unwrap();
    let still = verifier(runtime.block_on(connect(address)));
    let mut waits: [Vec<Duration>; 4] = Default::default();
    let [nothing, one, many, other] = &mut waits;
    let fetches = Arc::new(AtomicU32::new(0));
    for _ in 0..ROUNDS {
        verify_for_a_second(&still, &fixture.token, nothing);

        let refreshing = verifier(runtime.block_on(connect_refreshing(address)));
        verify_for_a_second(&refreshing, &fixture.token, one);
        drop(refreshing);

        let counted = Arc::clone(&fetches);
        let fetching = runtime.spawn(async move {
            loop {
                drop(connect(address).await);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        verify_for_a_second(&still, &fixture.token, many);
        fetching.abort();
        let _ = runtime.block_on(fetching);

        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    sets.iter().for_each(prepare);
                }
            });
            verify_for_a_second(&still, &fixture.token, other);
            stop.store(true, Ordering::Relaxed);
        });
    }
    println!(
        "verifying with ES256 on one thread; without a pause there were {:.0} fetches a second",
        f64::from(fetches.load(Ordering::Relaxed)) / f64::from(ROUNDS)
    );
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>8} µs",
        "", "p50", "p99", "p99.9", "most"
    );
    let names = [
        "no fetches",
        "one fetch per second, the maximum",
        "continuous fetches by other sources",
        "no fetches, one thread equally busy",
    ];
    for (name, waits) in names.into_iter().zip(&mut waits) {
        waits.sort_unstable();
        let at = |thousandths: usize| {
            let place = (waits.len() * thousandths / 1000).min(waits.len() - 1);
            waits[place].as_secs_f64() * 1e6
        };
        println!(
            "{name:<44} {:>8.1} {:>8.1} {:>8.1} {:>8.0}",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }
}

fn verify_for_a_second(verifier: &Verifier, token: &str, waits: &mut Vec<Duration>) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        let asked = Instant::now();
        drop(verifier.verify(black_box(token)).unwrap());
        waits.push(asked.elapsed());
    }
}
