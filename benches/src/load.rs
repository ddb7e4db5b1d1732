//! Concurrent clients: throughput and latency.
//!
//! ```
//! use std::time::Duration;
//! use tollgate_benches::load::{Client, Load, run};
//!
//! struct Counting(u64);
//!
//! impl Client for Counting {
//!     async fn ask(&mut self) {
//!         self.0 += 1;
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let mut load = Load::default();
//! let clients = run(vec![Counting(0), Counting(0)], Duration::from_millis(1), &mut load).await;
//! assert_eq!(clients.iter().map(|client| client.0).sum::<u64>(), load.answers());
//! assert!(load.percentile(50) <= load.percentile(99));
//! # });
//! ```

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// A client that sends a request and waits for the response.
pub trait Client: Send + 'static {
    /// Sends one request. Panics on an unexpected response, because a failure must not count as a
    /// fast response.
    fn ask(&mut self) -> impl Future<Output = ()> + Send;
}

/// The measurements of the clients, over any number of runs.
#[derive(Debug, Default)]
pub struct Load {
    /// The latency of each response.
    waits: Vec<Duration>,
    /// The total duration of the runs.
    time: Duration,
}

impl Load {
    /// The number of responses.
    pub fn answers(&self) -> u64 {
        self.waits.len() as u64
    }

    /// Responses per second of all clients together.
    #[allow(clippy::cast_precision_loss)] // less than 2^52 of them
    pub fn per_second(&self) -> f64 {
        self.waits.len() as f64 / self.time.as_secs_f64()
    }

    /// The latency at this percentile.
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.waits.sort_unstable();
        let place = (self.waits.len() * percent / 100).min(self.waits.len().saturating_sub(1));
        self.waits.get(place).copied().unwrap_or_default()
    }
}

/// Runs the clients concurrently for `time`, adds the measurements to `load`, and returns the
/// clients.
pub async fn run<C: Client>(clients: Vec<C>, time: Duration, load: &mut Load) -> Vec<C> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut client in clients {
        tasks.spawn(async move {
            let mut waits = Vec::new();
            while start.elapsed() < time {
                let asked = Instant::now();
                client.ask().await;
                waits.push(asked.elapsed());
                // An immediate response does not yield to the other clients.
                tokio::task::yield_now().await;
            }
            (client, waits)
        });
    }
    let mut back = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (client, waits) = ended.unwrap();
        back.push(client);
        load.waits.extend(waits);
    }
    load.time += start.elapsed();
    back
}
