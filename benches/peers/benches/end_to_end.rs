//! The CPU time that a server uses for one request over loopback, with tollgate and with the other crates before the route,
//! beside the bare route with the same request.
//!
//! Each server is a process of its own, on one thread that is kept to core 0; the client is kept to core 1. What counts is the
//! server's time on the CPU and not how many requests there are in a second, for the client is the slower one. The servers take
//! turns, a slice each in every round. There are two ratios: to the bare route in the same round, in the middle one of all
//! rounds, and of the best slices, which other programs on the machine disturb least. Needs Linux, two cores, `taskset`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tollgate_peers::server::{Load, Server, pin, serve_if_told};
use tollgate_peers::{CANDIDATES, Fixture};

const ROUNDS: usize = 200;
const SLICE: Duration = Duration::from_millis(20);
const CONNECTIONS: usize = 16;

fn main() {
    serve_if_told(CANDIDATES);
    let fixtures = [Fixture::hs256(), Fixture::rs256()];
    for fixture in &fixtures {
        for candidate in CANDIDATES {
            fixture.check(candidate);
        }
    }
    pin(1);
    for fixture in &fixtures {
        table(fixture);
    }
}

fn table(fixture: &Fixture) {
    let servers: Vec<Server> = CANDIDATES
        .iter()
        .map(|candidate| Server::start(candidate, fixture, 0))
        .collect();
    let mut loads: Vec<Load> = servers
        .iter()
        .map(|server| Load::connect(server, fixture, CONNECTIONS))
        .collect();
    // Microseconds of each request, by candidate and round.
    let mut costs = vec![Vec::new(); servers.len()];
    for round in 0..=ROUNDS {
        for ((server, load), costs) in servers.iter().zip(&mut loads).zip(&mut costs) {
            let before = server.cpu();
            let answers = load.run(SLICE);
            let used = server.cpu().saturating_sub(before);
            #[allow(clippy::cast_precision_loss)] // some thousands
            let cost = used.as_secs_f64() * 1e6 / answers as f64;
            // In the first round they warm up.
            if round > 0 {
                costs.push(cost);
            }
        }
    }

    println!("\n{}: the server's CPU time for one request", fixture.algorithm);
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>9}",
        "", "ratio", "µs", "best", "best µs"
    );
    let best = |costs: &[f64]| costs.iter().copied().fold(f64::INFINITY, f64::min);
    for (candidate, own) in CANDIDATES.iter().zip(&costs) {
        let ratio = middle(own.iter().zip(&costs[0]).map(|(own, bare)| own / bare).collect());
        let cost = middle(own.clone());
        let (own, bare) = (best(own), best(&costs[0]));
        println!(
            "{:<44} {ratio:>9.3} {cost:>9.2} {:>9.3} {own:>9.2}",
            candidate.name,
            own / bare
        );
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
