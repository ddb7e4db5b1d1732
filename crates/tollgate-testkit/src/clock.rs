//! A manual clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use tollgate_core::Clock;

/// A clock that only a test moves. Clones show the same time.
///
/// ```
/// use tollgate::extend::Clock;
/// use tollgate_testkit::FakeClock;
///
/// let clock = FakeClock::new();
/// let shared = clock.clone();
/// assert_eq!(shared.now(), FakeClock::START);
/// clock.advance(60);
/// assert_eq!(shared.now(), FakeClock::START + 60);
/// ```
#[derive(Clone, Debug)]
pub struct FakeClock {
    seconds: Arc<AtomicU64>,
    began: Option<Instant>,
}

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
        Self {
            seconds: Arc::new(AtomicU64::new(seconds)),
            began: None,
        }
    }

    /// Creates a clock at [`START`](Self::START) that moves on with tokio's clock, for tests with
    /// paused time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate_testkit::FakeClock;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let clock = FakeClock::ticking();
    /// tokio::time::sleep(Duration::from_millis(2500)).await;
    /// tokio::time::sleep(Duration::from_millis(2500)).await;
    /// assert_eq!(clock.seconds(), FakeClock::START + 5);
    /// # }
    /// ```
    pub fn ticking() -> Self {
        Self {
            began: Some(Instant::now()),
            ..Self::new()
        }
    }

    /// The seconds that have passed on tokio's clock.
    fn ticked(&self) -> u64 {
        self.began.map_or(0, |began| began.elapsed().as_secs())
    }

    /// The current time, in seconds since the epoch.
    pub fn seconds(&self) -> u64 {
        self.seconds
            .load(Ordering::Relaxed)
            .wrapping_add(self.ticked())
    }

    /// Sets the clock and its clones to `seconds` since the epoch, forwards or backwards.
    ///
    /// ```
    /// let clock = tollgate_testkit::FakeClock::new();
    /// clock.set(1);
    /// assert_eq!(clock.seconds(), 1);
    /// ```
    pub fn set(&self, seconds: u64) {
        let base = seconds.wrapping_sub(self.ticked());
        self.seconds.store(base, Ordering::Relaxed);
    }

    /// Advances the clock and its clones by `seconds`.
    ///
    /// ```
    /// let clock = tollgate_testkit::FakeClock::at(1);
    /// clock.advance(2);
    /// assert_eq!(clock.seconds(), 3);
    /// ```
    pub fn advance(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
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
