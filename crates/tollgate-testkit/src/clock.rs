//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_core::Clock;

/// A clock that shows what it was set to. Its clones show the same time.
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
    /// What a new clock shows: 2023-11-14T22:13:20Z.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeClock::START, 1_700_000_000);
    /// ```
    pub const START: u64 = 1_700_000_000;

    /// A clock at [`START`](Self::START).
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeClock::new().seconds(), 1_700_000_000);
    /// ```
    pub fn new() -> Self {
        Self::at(Self::START)
    }

    /// A clock at that many seconds since the epoch.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeClock::at(5).seconds(), 5);
    /// ```
    pub fn at(seconds: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seconds)))
    }

    /// What it shows, in seconds since the epoch.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeClock::at(7).seconds(), 7);
    /// ```
    pub fn seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it, and all its clones, to that many seconds since the epoch; backwards too.
    ///
    /// ```
    /// let clock = tollgate_testkit::FakeClock::new();
    /// clock.set(1);
    /// assert_eq!(clock.seconds(), 1);
    /// ```
    pub fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    /// Moves it, and all its clones, on by that many seconds.
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
