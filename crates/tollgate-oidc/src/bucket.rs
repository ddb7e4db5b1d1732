//! A token bucket.

use std::time::Duration;

/// A token bucket, stored as the time at which it is full (generic cell rate algorithm).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// The time for one token.
    interval: Duration,
    /// The maximum distance of `full_at` from now before a token is taken.
    ahead: Duration,
    full_at: Duration,
}

impl Bucket {
    /// Creates a full bucket: `burst` tokens at once, and as many per further cool-down.
    pub(crate) fn new(burst: u32, cool_down: Duration) -> Self {
        let interval = cool_down / burst.max(1);
        Self {
            interval,
            ahead: cool_down.saturating_sub(interval),
            full_at: Duration::ZERO,
        }
    }

    /// Takes a token, or returns the time until there is one.
    pub(crate) fn take(&mut self, now: Duration) -> Result<(), Duration> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(10);

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
                        let mut later = bucket;
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
