//! The clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// The source of time. The engine reads no other clock.
///
/// A function or closure that returns seconds is a clock:
///
/// ```
/// use tollgate::extend::Clock;
///
/// let stopped = || 1_700_000_000;
/// assert_eq!(stopped.now(), 1_700_000_000);
/// ```
pub trait Clock: Send + Sync {
    /// Returns whole seconds since 1970-01-01T00:00:00Z (RFC 7519 section 2, `NumericDate`).
    ///
    /// ```
    /// # use tollgate::extend::Clock;
    /// struct Stopped;
    ///
    /// impl Clock for Stopped {
    ///     fn now(&self) -> u64 {
    ///         1_700_000_000
    ///     }
    /// }
    /// assert_eq!(Stopped.now(), 1_700_000_000);
    /// ```
    fn now(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync> Clock for F {
    fn now(&self) -> u64 {
        self()
    }
}

/// The operating system's clock, the default of a verifier.
///
/// ```
/// use tollgate::extend::{Clock, SystemClock};
///
/// assert!(SystemClock.now() > 1_700_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Returns seconds since the epoch. A system clock before 1970 reads as `u64::MAX`, so that
    /// every token counts as expired.
    fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(u64::MAX, |elapsed| elapsed.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_returns_the_current_second() {
        let precise = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        for _ in 0..1000 {
            let (before, now, after) = (precise(), SystemClock.now(), precise());
            assert!(
                (before..=after).contains(&now),
                "{now} is not from {before} to {after}"
            );
        }
    }
}
