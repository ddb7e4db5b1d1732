//! The end of an entry by the clocks of the caller and of the store.

use tokio::time::Instant;
use tollgate_core::{Clock, SystemClock};

/// The time for which a store keeps an entry that has ended by the caller's clock, but not by its
/// own: 7200 seconds (2 hours).
///
/// A caller whose clock is ahead by less removes no entry that lives. Entries end this much later
/// in a store whose clock stands still.
///
/// ```
/// use tollgate::extend::{MAX_RETENTION, ended_until};
///
/// assert_eq!(ended_until(1_700_010_000, 0), 1_700_010_000 - MAX_RETENTION);
/// ```
pub const MAX_RETENTION: u64 = 7200;

/// Returns the time up to which entries have ended, by the clocks of the caller and of the store:
/// an entry whose `expires_at` is at or before it may be removed.
///
/// An entry ends when it has ended by both clocks, but at most [`MAX_RETENTION`] after it has ended
/// by the caller's. A clock that jumps forward and back thus loses no entry. Apply this to
/// revocations in every operation, and to sessions before they are removed. All times are in
/// seconds since the epoch.
///
/// ```
/// use tollgate::extend::ended_until;
///
/// let now = 1_700_000_000;
/// assert_eq!(ended_until(now, now + 5), now, "a store that is ahead changes nothing");
/// assert_eq!(ended_until(now + 3600, now), now, "a caller that is ahead ends nothing");
/// assert_eq!(ended_until(now + 10_000, now), now + 2800, "at most two hours");
/// ```
pub const fn ended_until(caller: u64, store: u64) -> u64 {
    let earlier = if caller < store { caller } else { store };
    let bound = caller.saturating_sub(MAX_RETENTION);
    if earlier > bound { earlier } else { bound }
}

/// Returns the later of the two clocks. A store that is ahead by more than [`MAX_RETENTION`] does
/// not count, such as in a test with a fixed time.
pub(crate) const fn later(caller: u64, store: u64) -> u64 {
    if store > caller && store - caller <= MAX_RETENTION {
        store
    } else {
        caller
    }
}

/// Returns the caller's time, but not later than the store's, with two seconds for the precision of
/// a clock that was carried on. A store that is behind by more than [`MAX_RETENTION`] does not
/// count.
pub(crate) const fn not_ahead(caller: u64, store: u64) -> u64 {
    let latest = store.saturating_add(2);
    if caller > latest && caller - latest <= MAX_RETENTION {
        latest
    } else {
        caller
    }
}

/// A clock that cannot jump: the system clock at its construction, carried on by the monotonic
/// clock.
///
/// It is the clock of stores that have no server. It does not follow corrections of the system
/// clock, nor a suspended machine, and then differs from it. In a test, it follows the paused time
/// of tokio.
///
/// ```
/// use std::time::Duration;
/// use tollgate::extend::{Clock, SteadyClock};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let clock = SteadyClock::new();
/// let start = clock.now();
/// tokio::time::sleep(Duration::from_secs(5)).await;
/// assert_eq!(clock.now(), start + 5);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SteadyClock {
    start: u64,
    since: Instant,
}

impl SteadyClock {
    /// Creates a clock that shows the time of the system clock now.
    ///
    /// ```
    /// use tollgate::extend::{Clock, SteadyClock};
    ///
    /// assert!(SteadyClock::new().now() > 1_700_000_000);
    /// ```
    pub fn new() -> Self {
        Self {
            start: SystemClock.now(),
            since: Instant::now(),
        }
    }
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> u64 {
        self.start.saturating_add(self.since.elapsed().as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_by_both_clocks() {
        for (caller, store, ended) in [
            (0, 0, 0),
            (5, 9, 5),
            (9, 5, 5),
            (10_000, 10_005, 10_000),
            (10_005, 10_000, 10_000),
            (17_200, 10_000, 10_000),
            (17_201, 10_000, 10_001),
            (u64::MAX, 10_000, u64::MAX - 7200),
            (10_000, u64::MAX, 10_000),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(ended_until(caller, store), ended, "{caller} {store}");
        }
    }

    #[test]
    fn a_time_is_not_ahead_of_the_store() {
        for (caller, store, time) in [
            (100, 100, 100),
            (102, 100, 102),
            (103, 100, 102),
            (100, 200, 100),
            (7302, 100, 102),
            (7303, 100, 7303),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(not_ahead(caller, store), time, "{caller} {store}");
        }
    }

    #[test]
    fn a_time_far_from_the_store_is_not_moved() {
        for (caller, store, time) in [
            (100, 100, 100),
            (100, 105, 105),
            (105, 100, 105),
            (100, 7300, 7300),
            (100, 7301, 100),
            (100, 0, 100),
            (u64::MAX, 5, u64::MAX),
        ] {
            assert_eq!(later(caller, store), time, "{caller} {store}");
        }
    }
}
