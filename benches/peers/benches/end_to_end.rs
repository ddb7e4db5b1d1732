//! The CPU time of a server for one request over loopback, with tollgate and with other crates in
//! front of the route, relative to the bare route.
//!
//! Each server is a process with one thread on core 0; the client runs on core 1. The measure is
//! the server's CPU time, not the throughput, because the client is slower than the server. The
//! servers alternate, one slice in each round.
//!
//! There are two ratios to the bare route: the median over all rounds, and the 10th percentile of
//! the slices, which is less sensitive to other programs. Needs Linux, two cores and `taskset`.

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
    // Microseconds per request, by candidate and round.
    let mut costs = vec![Vec::new(); servers.len()];
    for round in 0..=ROUNDS {
        for ((server, load), costs) in servers.iter().zip(&mut loads).zip(&mut costs) {
            let before = server.cpu();
            let answers = load.run(SLICE);
            let used = server.cpu().saturating_sub(before);
            #[allow(clippy::cast_precision_loss)] // a few thousand
            let cost = used.as_secs_f64() * 1e6 / answers as f64;
            // The first round is a warm-up.
            if round > 0 {
                costs.push(cost);
            }
        }
    }

    println!(
        "\n{}: the server's CPU time for one request",
        fixture.algorithm
    );
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>9}",
        "", "ratio", "µs", "quiet", "quiet µs"
    );
    for (candidate, own) in CANDIDATES.iter().zip(&costs) {
        let ratios: Vec<f64> = own
            .iter()
            .zip(&costs[0])
            .map(|(own, bare)| own / bare)
            .collect();
        let (ratio, cost) = (quantile(0.5, &ratios), quantile(0.5, own));
        let (own, bare) = (quantile(0.1, own), quantile(0.1, &costs[0]));
        println!(
            "{:<44} {ratio:>9.3} {cost:>9.2} {:>9.3} {own:>9.2}",
            candidate.name,
            own / bare
        );
    }
}

/// The quantile of the values.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)] // a few hundred
fn quantile(part: f64, values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() as f64 * part) as usize]
}
