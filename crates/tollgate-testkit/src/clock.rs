//! A manual clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_core::Clock;

/// A clock that only a test moves. Clones show the same time.
///
/// ```
/// use tollgate_core::Clock;
/// use tollgate_testkit::FakeClock;
///
/// let clock = FakeClock::new();
/// let shared = clock.clone();
/// assert_eq!(shared.now(), FakeClock::START);
/// clock.advance(60);
/// assert_eq!(shared.now(), FakeClock::START + 60);
/// ```
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// The initial time: 2023-11-14T22:13:20Z.
    pub const START: u64 = 1_700_000_000;

    /// Creates a clock at [`START`](Self::START).
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeClock::new().seconds(), 1_700_000_000);
    /// ```
    pub fn new() -> Self {
        Self::at(Self::START)
    }

    /// Creates a clock at `seconds` since the epoch.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeClock::at(5).seconds(), 5);
    /// ```
    pub fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    /// The current time, in seconds since the epoch.
    pub fn seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the clock and its clones to `seconds` since the epoch, forwards or backwards.
    ///
    /// ```
    /// let clock = tollgate_testkit::FakeClock::new();
    /// clock.set(1);
    /// assert_eq!(clock.seconds(), 1);
    /// ```
    pub fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    /// Advances the clock and its clones by `seconds`.
    ///
    /// ```
    /// let clock = tollgate_testkit::FakeClock::at(1);
    /// clock.advance(2);
    /// assert_eq!(clock.seconds(), 3);
    /// ```
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for FakeClock {
    fn now(&self) -> u64 {
        self.seconds()
    }
}
