//! Time that passes, as far as fetching goes.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::BoxFuture;

/// Tells how much time has passed, and waits. Ages and pauses go by it, so that a wall clock that is set does not make keys
/// older or younger.
///
/// ```
/// use std::time::Duration;
/// use tollgate_oidc::{Timer, TokioTimer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let timer = TokioTimer::new();
/// let before = timer.now();
/// timer.sleep_until(before + Duration::from_millis(1)).await;
/// assert!(timer.now() > before);
/// # }
/// ```
pub trait Timer: Send + Sync + 'static {
    /// The time since some moment in the past, always the same one. It never goes back. It is asked for each token.
    fn now(&self) -> Duration;

    /// Waits until [`now`](Self::now) is `at` or later.
    fn sleep_until(&self, at: Duration) -> BoxFuture<()>;
}

impl<T: Timer + ?Sized> Timer for Arc<T> {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<()> {
        (**self).sleep_until(at)
    }
}

/// The operating system's steady clock, by tokio's timer.
///
/// Of most systems, Linux among them, it stands still while the machine is suspended: keys are then no older than before, and a
/// key that was withdrawn meanwhile is trusted until the next fetch. Where machines sleep, bring a [`Timer`] that goes on.
///
/// ```
/// use tollgate_oidc::{Timer, TokioTimer};
///
/// let timer = TokioTimer::new();
/// assert!(timer.now() <= timer.now());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioTimer(tokio::time::Instant);

impl TokioTimer {
    /// Whose time begins now.
    ///
    /// ```
    /// # use tollgate_oidc::{Timer, TokioTimer};
    /// assert!(TokioTimer::new().now().as_secs() < 60);
    /// ```
    pub fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Default for TokioTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep_until(self.0 + at))
    }
}
