//! What a response carries beside the handler's own: a token renewed by activity.

use crate::http::HeaderEdits;
use crate::step::BoxFuture;
use crate::verifier::principal::Principal;

/// Renews a token by activity: when a request with a valid one has succeeded, the response may
/// carry its successor.
///
/// The gate asks [`is_due`](Self::is_due) when it lets a request through, and
/// [`renew`](Self::renew) once the handler has answered without an error. What must hold of the
/// session, that it is still there above all, is the implementation's to check in `renew`, which
/// runs after the handler.
///
/// ```
/// use tollgate::extend::{BoxFuture, HeaderEdits, Renewal};
/// use tollgate::Principal;
///
/// struct Never;
///
/// impl Renewal for Never {
///     fn is_due(&self, _: &Principal, _method: &str, _path: &str) -> bool {
///         false
///     }
///     fn renew(&self, _: &Principal) -> BoxFuture<HeaderEdits> {
///         Box::pin(async { HeaderEdits::default() })
///     }
/// }
/// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let principal = example::verifier().verify(example::token(""))?;
/// assert!(!Never.is_due(&principal, "GET", "/orders"));
/// # Ok(()) }
/// ```
pub trait Renewal: Send + Sync {
    /// Whether the token's successor should go with the response to a request of this method (upper
    /// case) and path. Called before the handler; it must not block.
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool;

    /// The header fields that bring the successor; none if there is none after all. It never fails:
    /// a response is not made an error because a renewal did not work. The implementation bounds
    /// its time.
    fn renew(&self, principal: &Principal) -> BoxFuture<HeaderEdits>;
}

impl<R: Renewal + ?Sized> Renewal for std::sync::Arc<R> {
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool {
        (**self).is_due(principal, method, path)
    }

    fn renew(&self, principal: &Principal) -> BoxFuture<HeaderEdits> {
        (**self).renew(principal)
    }
}

/// Marks a response that must not carry a renewed token, in its extensions: that of a handler which
/// has ended the session, or of a route whose answers are not to change anything.
///
/// ```
/// let marker = tollgate::SkipRenewal; // `Extension(SkipRenewal)` beside an axum handler's answer
/// assert_eq!(format!("{marker:?}"), "SkipRenewal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkipRenewal;
