//! The outcome of a stage that may have to wait.

use std::fmt;
use std::future::{Future, IntoFuture, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A boxed future that can move between threads and owns everything it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The outcome of a stage: a value, or a future of it.
///
/// Stages that may have to fetch a key or query a store return a step. A ready step does not
/// allocate. Dropping the future is cancel-safe. A step can be awaited directly.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{token, verifier};
/// use tollgate::extend::Step;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let verifier = verifier();
/// match verifier.begin(token("orders:read")) {
///     Step::Ready(outcome) => assert!(outcome.is_ok()), // the key is in memory
///     Step::Pending(outcome) => assert!(outcome.await.is_ok()),
/// }
/// assert!(verifier.begin(token("orders:read")).await.is_ok());
/// # }
/// ```
#[must_use = "a step that is dropped has no outcome"]
pub enum Step<T> {
    /// The outcome is known.
    Ready(T),
    /// The outcome is known later.
    Pending(BoxFuture<T>),
}

impl<T> Step<T> {
    /// Creates a step that waits for a future.
    ///
    /// ```
    /// use tollgate::extend::Step;
    ///
    /// assert!(matches!(Step::pending(async { 7 }), Step::Pending(_)));
    /// ```
    pub fn pending(outcome: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Pending(Box::pin(outcome))
    }

    /// Returns the outcome if it is known. A pending step is dropped.
    ///
    /// ```
    /// use tollgate::extend::Step;
    ///
    /// assert_eq!(Step::Ready(7).ready(), Some(7));
    /// assert_eq!(Step::pending(async { 7 }).ready(), None);
    /// ```
    pub fn ready(self) -> Option<T> {
        match self {
            Self::Ready(outcome) => Some(outcome),
            Self::Pending(_) => None,
        }
    }
}

/// Creates the step of a stage that has failed at once.
impl<T, E> From<E> for Step<Result<T, E>> {
    fn from(error: E) -> Self {
        Self::Ready(Err(error))
    }
}

impl<T> IntoFuture for Step<T> {
    type Output = T;
    type IntoFuture = StepFuture<T>;

    fn into_future(self) -> StepFuture<T> {
        StepFuture(match self {
            Self::Ready(outcome) => Waiting::Nothing(ready(outcome)),
            Self::Pending(outcome) => Waiting::For(outcome),
        })
    }
}

/// The future of a [`Step`].
///
/// ```
/// use std::future::IntoFuture as _;
/// use tollgate::extend::{Step, StepFuture};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let future: StepFuture<u8> = Step::Ready(7).into_future();
/// assert_eq!(future.await, 7);
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct StepFuture<T>(Waiting<T>);

enum Waiting<T> {
    Nothing(Ready<T>),
    For(BoxFuture<T>),
}

impl<T> Future for StepFuture<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            Waiting::Nothing(outcome) => Pin::new(outcome).poll(context),
            Waiting::For(outcome) => outcome.as_mut().poll(context),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Step<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(outcome) => f.debug_tuple("Ready").field(outcome).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

impl<T> fmt::Debug for StepFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepFuture")
    }
}
