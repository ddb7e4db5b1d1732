//! Admission to a first fetch.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::bucket::Bucket;
use crate::remote::Turn;

/// The maximum number of concurrent first fetches of unknown issuers.
pub(super) const MOST_RUNNING: usize = 32;

/// The maximum number of concurrent first fetches of known issuers. The others wait.
const MOST_KNOWN_RUNNING: usize = 64;

/// Bounds the first fetches of issuers that tokens name: the burst, the rate, and the first fetches
/// of an issuer that was removed less than a cool-down ago. Unknown issuers take nothing from known
/// ones.
///
/// All times are durations since one instant.
pub(super) struct Admission {
    bucket: Bucket,
    resting: Resting,
    running: Arc<Semaphore>,
    known_running: Arc<Semaphore>,
}

impl Admission {
    /// Allows `burst` first fetches at once, and as many per further cool-down.
    pub(super) fn new(burst: u32, cool_down: Duration) -> Self {
        Self {
            bucket: Bucket::new(burst, cool_down),
            resting: Resting {
                cool_down,
                until: HashMap::new(),
                order: VecDeque::new(),
            },
            running: Arc::new(Semaphore::new(MOST_RUNNING)),
            known_running: Arc::new(Semaphore::new(MOST_KNOWN_RUNNING)),
        }
    }

    /// Admits the issuer to its first fetch.
    ///
    /// # Errors
    /// Returns the time to wait, as far as it is known now.
    pub(super) fn admit(
        &mut self,
        issuer: &str,
        is_known: bool,
        now: Duration,
    ) -> Result<Turn, Duration> {
        if let Some(rest) = self.resting.rest(issuer, now) {
            return Err(rest);
        }
        if is_known {
            return Ok(Turn::Later(Arc::clone(&self.known_running)));
        }
        let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() else {
            return Err(Duration::from_secs(1));
        };
        self.bucket.take(now)?;
        Ok(Turn::Now(permit))
    }

    /// Records the removal of these issuers. Adding one again does not shorten its cool-down.
    pub(super) fn given_up(&mut self, issuers: impl IntoIterator<Item = Arc<str>>, now: Duration) {
        for issuer in issuers {
            self.resting.add(issuer, now);
        }
    }

    #[cfg(test)]
    pub(super) fn resting(&mut self, now: Duration) -> usize {
        self.resting.wake(now);
        self.resting.order.len()
    }
}

/// The issuers that were removed less than a cool-down ago.
///
/// Bounded by the issuers at the start of a cool-down and those admitted during it.
struct Resting {
    cool_down: Duration,
    until: HashMap<Arc<str>, Duration>,
    /// By the end of the rest: all rests are equally long.
    order: VecDeque<(Duration, Arc<str>)>,
}

impl Resting {
    fn rest(&mut self, issuer: &str, now: Duration) -> Option<Duration> {
        self.wake(now);
        Some(self.until.get(issuer)?.saturating_sub(now))
    }

    fn add(&mut self, issuer: Arc<str>, now: Duration) {
        self.wake(now);
        let until = now + self.cool_down;
        self.until.insert(Arc::clone(&issuer), until);
        self.order.push_back((until, issuer));
    }

    fn wake(&mut self, now: Duration) {
        while let Some((until, _)) = self.order.front()
            && *until <= now
        {
            if let Some((until, issuer)) = self.order.pop_front()
                && self.until.get(&issuer) == Some(&until)
            {
                self.until.remove(&issuer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
