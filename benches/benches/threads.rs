//! The scaling of a shared verifier: throughput of two threads relative to one.
//!
//! Slices with one and two threads alternate, so that disturbances affect both equally. The bare
//! route shows the scaling of the machine itself. It needs two idle cores, so it prints results
//! without a limit. Words after `--` select rows by name.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tollgate_benches::routes::{Endpoint, axum};
use tollgate_benches::tokens::Fixture;
use tollgate_core::{Algorithm, Verifier};

const SLICE: Duration = Duration::from_millis(40);
/// Enough to verify each token a few times.
const WARM_UP: Duration = Duration::from_millis(10);
const SLICES: usize = 50;
/// The number of tokens that fit into the cache level of each thread.
const MANY: usize = 500;
/// The number of tokens that do not fit: most are found in the shared level.
const MORE: usize = 4000;

/// A constructor for the work of one thread, called on that thread.
type Work = Box<dyn Fn() -> Box<dyn FnMut()> + Sync>;

fn main() {
    let hs256 = Fixture::new(Algorithm::HS256);
    let es256 = Fixture::new(Algorithm::ES256);
    let one = |fixture: &Fixture| vec![fixture.token.clone()];
    let many = hs256.distinct(MANY);
    let rows: Vec<(&str, Work)> = vec![
        (
            "axum: bare route",
            route(Endpoint::Bare, &hs256.cold_verifier(), one(&hs256)),
        ),
        (
            "axum: a layer that inserts one value",
            route(Endpoint::Inserting, &hs256.cold_verifier(), one(&hs256)),
        ),
        (
            "core: warm, one hot token",
            verify(hs256.verifier(), one(&hs256)),
        ),
        (
            "core: warm, 500 tokens",
            verify(hs256.verifier(), many.clone()),
        ),
        (
            "core: warm, 4000 tokens",
            verify(hs256.verifier(), hs256.distinct(MORE)),
        ),
        (
            "core: cold HS256",
            verify(hs256.cold_verifier(), one(&hs256)),
        ),
        (
            "core: cold ES256",
            verify(es256.cold_verifier(), one(&es256)),
        ),
        (
            "axum: layer and Jwt<T>, warm, one hot token",
            route(Endpoint::Claims, &hs256.verifier(), one(&hs256)),
        ),
        (
            "axum: layer and Jwt<T>, warm, 500 tokens",
            route(Endpoint::Claims, &hs256.verifier(), many),
        ),
        (
            "axum: layer and Principal, warm, one hot token",
            route(Endpoint::Principal, &hs256.verifier(), one(&hs256)),
        ),
        (
            "axum: Jwt<T> without a layer, warm",
            route(Endpoint::ClaimsAlone, &hs256.verifier(), one(&hs256)),
        ),
        (
            "axum: layer and Jwt<T>, cold HS256",
            route(Endpoint::Claims, &hs256.cold_verifier(), one(&hs256)),
        ),
        (
            "axum: layer and Jwt<T>, cold ES256",
            route(Endpoint::Claims, &es256.cold_verifier(), one(&es256)),
        ),
    ];
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    println!(
        "{:<48} {:>6} {:>7} {:>12}",
        "two threads over one", "best", "middle", "one thread/s"
    );
    for (name, work) in rows
        .iter()
        .filter(|(name, _)| words.iter().all(|word| name.contains(&**word)))
    {
        let [mut single, mut double] = [const { Vec::new() }; 2];
        for _ in 0..SLICES {
            single.push(rate(work, 1));
            double.push(rate(work, 2));
        }
        for rates in [&mut single, &mut double] {
            rates.sort_by(f64::total_cmp);
        }
        println!(
            "{name:<48} {:>6.2} {:>7.2} {:>12.0}",
            double[SLICES - 1] / single[SLICES - 1],
            double[SLICES / 2] / single[SLICES / 2],
            single[SLICES - 1],
        );
    }
}

fn verify(verifier: Verifier, tokens: Vec<String>) -> Work {
    Box::new(move || {
        let (verifier, tokens) = (verifier.clone(), tokens.clone());
        let mut next = 0;
        Box::new(move || {
            drop(black_box(verifier.verify(&tokens[next]).unwrap()));
            next = (next + 1) % tokens.len();
        })
    })
}

/// Creates the work of a route. Each thread has a clone of the router, like a connection of a
/// server.
fn route(endpoint: Endpoint, verifier: &Verifier, tokens: Vec<String>) -> Work {
    let router = axum::router(endpoint, verifier);
    Box::new(move || {
        let mut ask = axum::ask(router.clone(), tokens.iter().map(|token| Some(&**token)));
        Box::new(move || assert_eq!(ask(), 200))
    })
}

/// Operations per second of all threads together.
fn rate(work: &Work, threads: usize) -> f64 {
    const BATCH: u32 = 32;
    let together = Barrier::new(threads);
    let each = || {
        let mut once = work();
        let start = Instant::now();
        while start.elapsed() < WARM_UP {
            once(); // warm up
        }
        together.wait();
        let start = Instant::now();
        let mut count = 0_u32;
        while start.elapsed() < SLICE {
            for _ in 0..BATCH {
                once();
            }
            count += BATCH;
        }
        f64::from(count) / start.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    })
}
