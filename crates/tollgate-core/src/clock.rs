//! Where the time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time. The engine reads no clock but the one it is given.
///
/// A function or closure that returns seconds is a clock:
///
/// ```
/// use tollgate_core::Clock;
///
/// let stopped = || 1_700_000_000;
/// assert_eq!(stopped.now(), 1_700_000_000);
/// ```
pub trait Clock: Send + Sync {
    /// Whole seconds since 1970-01-01T00:00:00Z (RFC 7519 section 2, `NumericDate`).
    ///
    /// ```
    /// # use tollgate_core::Clock;
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

/// The operating system's clock, which a verifier uses unless it is given another. On Linux it reads the time of the last tick,
/// and close to the end of a second the precise time: it is late only where the machine misses ticks, by as long as it does.
///
/// ```
/// use tollgate_core::{Clock, SystemClock};
///
/// assert!(SystemClock.now() > 1_700_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Seconds since the epoch. A system clock set before 1970 reads as `u64::MAX`, so that every token counts as expired.
    fn now(&self) -> u64 {
        tick().unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(u64::MAX, |elapsed| elapsed.as_secs())
        })
    }
}

/// The second, as of the last tick of the system, which costs an eighth of asking what time it is now. The last tick was
/// some milliseconds ago, so close to the end of a second it cannot tell which one it is, and gives `None`.
#[cfg(target_os = "linux")]
fn tick() -> Option<u64> {
    /// Twice the longest time from one tick to the next: there are at least a hundred in a second.
    const STALE: i64 = 20_000_000;
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_REALTIME_COARSE).ok()?;
    #[allow(clippy::useless_conversion)] // from 32 bits, where a C `long` has as many
    let is_sure = i64::from(time.tv_nsec()) < 1_000_000_000 - STALE;
    is_sure.then(|| u64::try_from(time.tv_sec()).ok())?
}

#[cfg(not(target_os = "linux"))]
const fn tick() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_says_the_second_that_it_is() {
        let precise = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (mut ticks, start) = (0_u32, precise());
        // Past the end of a second, where the last tick is of the second before; a machine that stands still may miss one.
        while precise() < start + std::time::Duration::from_millis(1100) {
            let (before, now, after) = (precise(), SystemClock.now(), precise().as_secs());
            let late = u64::from(before.subsec_millis() < 300);
            let earliest = before.as_secs() - late;
            assert!(
                (earliest..=after).contains(&now),
                "{now} is not from {earliest} to {after}"
            );
            ticks += u32::from(tick().is_some());
        }
        assert_eq!(ticks > 0, cfg!(target_os = "linux"));
    }
}
