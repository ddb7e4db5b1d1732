//! Admission to a first fetch.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

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

/// A token bucket, stored as the time at which it is full (generic cell rate algorithm).
struct Bucket {
    /// The time for one token.
    interval: Duration,
    /// The maximum distance of `full_at` from now before a token is taken.
    ahead: Duration,
    full_at: Duration,
}

impl Bucket {
    fn new(burst: u32, cool_down: Duration) -> Self {
        let interval = cool_down / burst.max(1);
        Self {
            interval,
            ahead: cool_down.saturating_sub(interval),
            full_at: Duration::ZERO,
        }
    }

    /// Takes a token, or returns the time until there is one.
    fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.max(now);
        match full_at.saturating_sub(now).checked_sub(self.ahead) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = full_at + self.interval;
                Ok(())
            }
        }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(10);

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_burst_is_admitted_and_then_one_per_interval() {
        let mut admission = Admission::new(10, COOL_DOWN);
        for n in 0..10 {
            assert!(
                admission.admit(&n.to_string(), false, at(100)).is_ok(),
                "{n}"
            );
        }
        assert_eq!(admission.admit("10", false, at(100)).unwrap_err(), at(1));
        assert!(admission.admit("10", false, at(101)).is_ok());
        assert_eq!(admission.admit("11", false, at(101)).unwrap_err(), at(1));
        for n in 0..10 {
            assert!(
                admission.admit(&n.to_string(), false, at(1_000)).is_ok(),
                "{n}"
            );
        }
        assert!(admission.admit("12", false, at(1_000)).is_err());
    }

    #[test]
    fn concurrent_fetches_are_bounded_with_a_full_bucket() {
        let mut admission = Admission::new(1_000, COOL_DOWN);
        let mut running: Vec<_> = (0..MOST_RUNNING)
            .map(|n| admission.admit(&n.to_string(), false, at(1)).unwrap())
            .collect();
        assert_eq!(
            admission.admit("one more", false, at(1)).unwrap_err(),
            at(1)
        );
        running.pop();
        assert!(admission.admit("one more", false, at(1)).is_ok());
    }

    #[test]
    fn a_removed_issuer_rests_for_a_cool_down() {
        let mut admission = Admission::new(10, COOL_DOWN);
        admission.given_up(["a".into()], at(100));
        assert_eq!(admission.admit("a", false, at(103)).unwrap_err(), at(7));
        assert!(admission.admit("b", false, at(103)).is_ok());
        // Removed again in the meantime: the later rest counts.
        admission.given_up(["a".into()], at(105));
        assert_eq!(admission.admit("a", false, at(110)).unwrap_err(), at(5));
        assert!(admission.admit("a", false, at(115)).is_ok());
        assert_eq!(admission.resting(at(115)), 0);
    }

    #[test]
    fn unknown_issuers_take_nothing_from_known_ones() {
        let mut admission = Admission::new(1, COOL_DOWN);
        let _running = admission.admit("unknown", false, at(1)).unwrap();
        for n in 0..1_000 {
            assert!(admission.admit(&n.to_string(), false, at(1)).is_err());
            assert!(admission.admit(&n.to_string(), true, at(1)).is_ok());
        }
        // The cool-down of a removed issuer holds for both.
        admission.given_up(["a".into()], at(1));
        assert_eq!(admission.admit("a", true, at(2)).unwrap_err(), at(9));
    }

    #[test]
    fn a_refusal_takes_nothing_from_the_bucket() {
        let mut admission = Admission::new(1, COOL_DOWN);
        admission.given_up(["a".into()], at(100));
        assert!(admission.admit("a", false, at(101)).is_err());
        assert!(admission.admit("b", false, at(101)).is_ok());
    }

    proptest! {
        /// In any sequence of times, n cool-downs have at most n + 1 bursts.
        #[test]
        fn the_rate_is_bounded_in_every_window(burst in 1_u32..20,
            steps in prop::collection::vec(0_u64..3_000, 1..200)) {
            let mut bucket = Bucket::new(burst, COOL_DOWN);
            let (mut now, mut taken) = (Duration::ZERO, Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                match bucket.take(now) {
                    Ok(()) => taken.push(now),
                    Err(wait) => {
                        prop_assert!(wait <= COOL_DOWN);
                        let mut later = Bucket { ..bucket };
                        prop_assert!(later.take(now + wait).is_ok());
                    }
                }
            }
            for (first, begin) in taken.iter().enumerate() {
                let window = taken[first..].iter().filter(|end| **end < *begin + COOL_DOWN).count();
                prop_assert!(window <= 2 * burst as usize, "{window}");
            }
        }
    }
}
