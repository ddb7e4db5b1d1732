//! Clients that wait for answers, many at once: how many answers there are in a second, and how long the slow ones take.
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

/// Somebody who asks, waits for the answer, and asks again.
pub trait Client: Send + 'static {
    /// Asks once. It panics if the answer is not as it should be: a failure must not pass for a fast answer.
    fn ask(&mut self) -> impl Future<Output = ()> + Send;
}

/// What clients saw, over any number of runs.
#[derive(Debug, Default)]
pub struct Load {
    /// How long each answer took.
    waits: Vec<Duration>,
    /// How long the runs were.
    time: Duration,
}

impl Load {
    /// How many answers there were.
    pub fn answers(&self) -> u64 {
        self.waits.len() as u64
    }

    /// Answers in a second, to all clients together.
    #[allow(clippy::cast_precision_loss)] // less than 2^52 of them
    pub fn per_second(&self) -> f64 {
        self.waits.len() as f64 / self.time.as_secs_f64()
    }

    /// How long the client waited that waited longer than this percentage of all.
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.waits.sort_unstable();
        let place = (self.waits.len() * percent / 100).min(self.waits.len().saturating_sub(1));
        self.waits.get(place).copied().unwrap_or_default()
    }
}

/// Lets the clients ask for this long, all at once, adds what they saw to `load`, and returns them.
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
                // An answer that was there at once gives the others no turn.
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
