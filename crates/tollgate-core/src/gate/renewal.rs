//! Renewal of a token by activity: header fields that the response carries beside the handler's
//! own.

use crate::http::HeaderEdits;
use crate::step::BoxFuture;
use crate::verifier::principal::Principal;

/// A renewal of tokens by activity: the response to a successful request with a valid token may
/// carry the token's successor.
///
/// The gate calls [`is_due`](Self::is_due) when it admits a request, and [`renew`](Self::renew)
/// after the handler has answered without an error. `renew` must check the conditions of the
/// session, above all that it still exists.
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
    /// Returns `true` if the response to a request of this method (upper case) and path should
    /// carry the token's successor. Called before the handler, on the request path; must not block.
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool;

    /// Returns the header fields that deliver the successor, or none if there is no successor. It
    /// never fails: a failed renewal does not turn a response into an error. The implementation
    /// bounds its time.
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

/// A marker in the extensions of a response that must not carry a renewed token, for example after
/// a handler has ended the session.
///
/// ```
/// // `Extension(SkipRenewal)` beside the answer of an axum handler.
/// let marker = tollgate::extend::SkipRenewal;
/// assert_eq!(format!("{marker:?}"), "SkipRenewal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkipRenewal;
