//! Time that passes when a test says so.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tollgate_core::BoxFuture;
use tollgate_oidc::Timer;

use crate::clock::FakeClock;

/// A [`Timer`] whose time passes when a test says so. Its clones share the time.
///
/// ```
/// use std::time::Duration;
/// use tollgate_oidc::Timer;
/// use tollgate_testkit::FakeTimer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let timer = FakeTimer::new();
/// let alarm = tokio::spawn(timer.sleep_until(timer.now() + Duration::from_secs(3600)));
/// timer.pass(Duration::from_secs(3599)).await;
/// assert!(!alarm.is_finished());
/// timer.pass(Duration::from_secs(1)).await;
/// assert!(alarm.is_finished());
/// # }
/// ```
#[derive(Clone)]
pub struct FakeTimer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    clock: Option<FakeClock>,
}

#[derive(Default)]
struct State {
    now: Duration,
    /// By the time at which they are to be woken, then in the order in which they went to sleep.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    /// How many have gone to sleep so far.
    count: u64,
}

impl FakeTimer {
    /// A timer that shows 1000 s, so that a moment before it was made can be told.
    ///
    /// ```
    /// use tollgate_oidc::Timer;
    ///
    /// assert_eq!(tollgate_testkit::FakeTimer::new().now().as_secs(), 1000);
    /// ```
    pub fn new() -> Self {
        Self::with(None)
    }

    /// A timer that moves `clock` on by its own whole seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate_testkit::{FakeClock, FakeTimer};
    ///
    /// let clock = FakeClock::at(0);
    /// let timer = FakeTimer::moving(&clock);
    /// timer.advance(Duration::from_millis(2500));
    /// timer.advance(Duration::from_millis(2500));
    /// assert_eq!(clock.seconds(), 5);
    /// ```
    pub fn moving(clock: &FakeClock) -> Self {
        Self::with(Some(clock.clone()))
    }

    fn with(clock: Option<FakeClock>) -> Self {
        let state = State {
            now: Duration::from_secs(1000),
            ..State::default()
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            clock,
        }))
    }

    /// Moves the time on at once and wakes whoever's time has come, the longest due first: as after a machine was suspended.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate_oidc::Timer;
    /// use tollgate_testkit::FakeTimer;
    ///
    /// let timer = FakeTimer::new();
    /// let before = timer.clone().now();
    /// timer.advance(Duration::from_secs(60));
    /// assert_eq!(timer.now() - before, Duration::from_secs(60));
    /// ```
    pub fn advance(&self, time: Duration) {
        let due = {
            let mut state = self.lock();
            let before = state.now;
            state.now += time;
            if let Some(clock) = &self.0.clock {
                clock.advance(state.now.as_secs() - before.as_secs());
            }
            let now = state.now;
            let later = state.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.sleepers, later)
        };
        due.into_values().for_each(Waker::wake);
    }

    /// Lets the time pass: everybody wakes at the very time they sleep until, and everything that follows from it has
    /// [settled](Self::settled) before the next one wakes. For runtimes of one thread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate_oidc::Timer;
    /// use tollgate_testkit::FakeTimer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let timer = FakeTimer::new();
    /// let ticking = timer.clone();
    /// let ticks = tokio::spawn(async move {
    ///     for _ in 0..10 {
    ///         ticking.sleep_until(ticking.now() + Duration::from_secs(1)).await;
    ///     }
    /// });
    /// timer.pass(Duration::from_secs(10)).await;
    /// assert!(ticks.is_finished());
    /// # }
    /// ```
    pub async fn pass(&self, time: Duration) {
        let end = self.now() + time;
        self.settled().await;
        while let Some(at) = self.next_wake().filter(|at| *at <= end) {
            self.advance(at.saturating_sub(self.now()));
            self.settled().await;
        }
        self.advance(end.saturating_sub(self.now()));
        self.settled().await;
    }

    /// Lets everything run that can run without the time moving on. For runtimes of one thread: with more, wait for what the
    /// test is about, by [`asleep`](Self::asleep).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = tokio::spawn(async { 7 });
    /// tollgate_testkit::FakeTimer::new().settled().await;
    /// assert!(task.is_finished());
    /// # }
    /// ```
    pub async fn settled(&self) {
        // Whoever is woken runs within one turn; a chain of tasks that wake each other is far shorter than this.
        const TURNS: u32 = 64;
        let mut quiet = 0;
        let mut count = self.lock().count;
        while quiet < TURNS {
            tokio::task::yield_now().await;
            let now = self.lock().count;
            quiet = if now == count { quiet + 1 } else { 0 };
            count = now;
        }
    }

    /// Waits, without the time moving on, until that many or more sleep.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate_oidc::Timer;
    /// use tollgate_testkit::FakeTimer;
    ///
    /// # #[tokio::main]
    /// # async fn main() {
    /// let timer = FakeTimer::new();
    /// let alarm = tokio::spawn(timer.sleep_until(timer.now() + Duration::from_secs(5)));
    /// timer.asleep(1).await;
    /// timer.advance(Duration::from_secs(5));
    /// assert!(alarm.await.is_ok());
    /// # }
    /// ```
    pub async fn asleep(&self, count: usize) {
        while self.sleepers() < count {
            tokio::task::yield_now().await;
        }
    }

    /// How many sleep.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeTimer::new().sleepers(), 0);
    /// ```
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.len()
    }

    /// The time at which the next one wakes.
    ///
    /// ```
    /// assert_eq!(tollgate_testkit::FakeTimer::new().next_wake(), None);
    /// ```
    pub fn next_wake(&self) -> Option<Duration> {
        self.lock().sleepers.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("FakeTimer")
            .field("now", &state.now)
            .field("sleepers", &state.sleepers.len())
            .finish_non_exhaustive()
    }
}

impl Timer for FakeTimer {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<()> {
        Box::pin(Sleep {
            timer: self.clone(),
            at,
            number: None,
        })
    }
}

struct Sleep {
    timer: FakeTimer,
    at: Duration,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.clone();
        let mut state = timer.lock();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            state.count += 1;
            state.count
        });
        state.sleepers.insert((self.at, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.timer.lock().sleepers.remove(&(self.at, number));
        }
    }
}
