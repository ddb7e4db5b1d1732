//! A verification that has to wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::gate::decision::BoxFuture;
use crate::rejection::Rejection;
use crate::verifier::principal::Principal;

/// What a verifier says at once: its outcome, or that it has to ask for keys.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::verifier;
/// use tollgate_core::Verification;
///
/// # fn main() {
/// assert!(matches!(verifier().begin("a.b"), Verification::Ready(Err(_))));
/// # }
/// ```
#[derive(Debug)]
pub enum Verification {
    /// It is known.
    Ready(Result<Principal, Rejection>),
    /// A key source is being asked for the token's key.
    Pending(PendingVerification),
}

/// A verification that waits for a key: a future of its outcome. It owns all it needs, the token too, which it wipes when it
/// is dropped; to drop it is to leave nothing behind.
///
/// ```
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # use example::{token, verifier};
/// use tollgate_core::{Principal, Rejection, Verification, Verifier};
///
/// async fn principal(verifier: &Verifier, token: &str) -> Result<Principal, Rejection> {
///     match verifier.begin(token) {
///         Verification::Ready(verified) => verified,
///         Verification::Pending(pending) => pending.await,
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert!(principal(&verifier(), &token("orders:read")).await.is_ok());
/// # }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct PendingVerification(BoxFuture<Result<Principal, Rejection>>);

impl PendingVerification {
    pub(super) fn new(outcome: impl Future<Output = Result<Principal, Rejection>> + Send + 'static) -> Self {
        Self(Box::pin(outcome))
    }
}

impl Future for PendingVerification {
    type Output = Result<Principal, Rejection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for PendingVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingVerification")
    }
}
