//! What a response carries beside the handler's own: a token renewed by activity.

use std::borrow::Cow;
use std::fmt;

use crate::gate::decision::BoxFuture;
use crate::verifier::principal::Principal;

/// Renews a token by activity: when a request with a valid one has succeeded, the response may carry its successor.
///
/// The gate asks [`is_due`](Self::is_due) when it lets a request through, and [`renew`](Self::renew) once the handler
/// has answered without an error. What must hold of the session, that it is still there above all, is the
/// implementation's to check in `renew`, which runs after the handler.
///
/// ```
/// use tollgate_core::{BoxFuture, HeaderEdits, Principal, Renewal};
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
    /// Whether the token's successor should go with the response to a request of this method (upper case) and path.
    /// Called before the handler; it must not block.
    fn is_due(&self, principal: &Principal, method: &str, path: &str) -> bool;

    /// The header fields that bring the successor; none if there is none after all. It never fails: a response is not
    /// made an error because a renewal did not work. The implementation bounds its time.
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

/// Marks a response that must not carry a renewed token, in its extensions: that of a handler which has ended the session,
/// or of a route whose answers are not to change anything.
///
/// ```
/// let marker = tollgate_core::SkipRenewal; // `Extension(SkipRenewal)` beside an axum handler's answer
/// assert_eq!(format!("{marker:?}"), "SkipRenewal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkipRenewal;

/// Header fields for a response, as plain data. An adapter appends each `set-cookie` to those that are there, and sets
/// every other field in place of its former values.
///
/// ```
/// use tollgate_core::HeaderEdits;
///
/// let mut edits = HeaderEdits::default();
/// edits.push("set-cookie", "a=1");
/// assert_eq!(edits.iter().next(), Some(("set-cookie", &b"a=1"[..])));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits(Vec<(Cow<'static, str>, Vec<u8>)>);

impl HeaderEdits {
    /// Adds a field; `name` in lower case.
    ///
    /// ```
    /// let mut edits = tollgate_core::HeaderEdits::default();
    /// edits.push("cache-control", "no-store");
    /// assert!(!edits.is_empty());
    /// ```
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// The fields in their order.
    ///
    /// ```
    /// assert_eq!(tollgate_core::HeaderEdits::default().iter().count(), 0);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (&**name, &value[..]))
    }

    /// Whether there is nothing to change.
    ///
    /// ```
    /// assert!(tollgate_core::HeaderEdits::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The names of the fields alone: a value may be a token.
impl fmt::Debug for HeaderEdits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeaderEdits").field(&Names(&self.0)).finish()
    }
}

/// The fields of a response, without their values.
pub(crate) struct Names<'a, V>(pub(crate) &'a [(Cow<'static, str>, V)]);

impl<V> fmt::Debug for Names<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::answer::Answer;

    #[test]
    fn debug_shows_no_value() {
        let mut edits = HeaderEdits::default();
        edits.push("set-cookie", "__Host-access=s3cret");
        edits.push("x-access-token", "s3cret");
        let mut answer = Answer::new(200);
        answer.append("set-cookie", "__Secure-refresh=s3cret");
        answer.body = b"{\"refresh_token\":\"s3cret\"}".to_vec();
        let bytes = format!("{:?}", b"s3cret");
        for shown in [format!("{edits:?}"), format!("{answer:?}")] {
            assert!(shown.contains("set-cookie"), "{shown}");
            assert!(
                !shown.contains("s3cret") && !shown.contains(bytes.trim_matches(['[', ']'])),
                "{shown}"
            );
        }
    }
}
