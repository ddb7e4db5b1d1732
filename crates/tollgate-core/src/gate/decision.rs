//! A decision that has to wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::gate::{Authentication, Refusal};

/// What is known later.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a gate says at once: its decision, or that it has to ask.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{Request, verifier};
/// use tollgate_core::{Decision, Gate};
///
/// # fn main() {
/// let gate = Gate::from(verifier());
/// assert!(matches!(gate.begin(&Request::new("GET")), Decision::Ready(Err(_))));
/// # }
/// ```
#[derive(Debug)]
pub enum Decision {
    /// It is decided.
    Ready(Result<Authentication, Refusal>),
    /// A store, or a source of keys, is being asked.
    Pending(PendingDecision),
}

/// A decision that waits for a store or for keys: a future of the gate's decision. It owns all it needs.
#[must_use = "futures do nothing unless polled"]
pub struct PendingDecision(pub(crate) BoxFuture<Result<Authentication, Refusal>>);

impl Future for PendingDecision {
    type Output = Result<Authentication, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl std::fmt::Debug for PendingDecision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PendingDecision")
    }
}
