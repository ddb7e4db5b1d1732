//! The errors of sessions.

use std::borrow::Cow;
use std::fmt;

use tollgate_core::SignError;

use crate::random::NoRandomness;
use crate::store::StoreError;

/// The kind of a [`SessionError`].
///
/// ```
/// use tollgate::session::{SessionError, SessionErrorKind, StoreError, StoreErrorKind};
///
/// let error = SessionError::from(StoreError::new(StoreErrorKind::Full, "64 MiB"));
/// assert_eq!(error.kind(), SessionErrorKind::Unavailable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// The credential is not from a live session: unknown, malformed, forged, expired or ended. The
    /// client cannot distinguish these cases (`invalid_grant`, RFC 6749 section 5.2).
    Invalid,
    /// A used refresh token was presented again, outside the grace period. Its session has been
    /// ended (RFC 9700 section 4.14.2).
    Reuse,
    /// The requested scope exceeds that of the session (`invalid_scope`, RFC 6749 sections 5.2 and
    /// 6).
    ScopeExceeded,
    /// A store failed or timed out, the [continuation hook](crate::SessionsBuilder::on_continue)
    /// could not decide, or there were too many concurrent writers. Try again.
    Unavailable,
    /// A token is too large for a cookie, or a session or its data for a store.
    TooLarge,
    /// The data of the session has another version than the expected one: another request has
    /// written it. Read it again.
    Conflict,
    /// Only the user may do this, and the token has an actor (`act`, RFC 8693 section 4.1).
    Impersonated,
    /// The service is misconfigured: a custom claim with a registered name, no active key, no
    /// randomness.
    Misconfigured,
}

/// An error when a session is begun, continued or ended. Its message is for the operator and
/// contains no token and no secret.
///
/// ```
/// use tollgate::session::{SessionError, StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Timeout, "no answer within 1 s");
/// let error = SessionError::from(error);
/// assert!(error.is_unavailable());
/// assert_eq!(error.to_string(), "the store timed out: no answer within 1 s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionError {
    kind: SessionErrorKind,
    detail: Cow<'static, str>,
}

impl SessionError {
    pub(crate) fn new(kind: SessionErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// The kind of the error.
    pub const fn kind(&self) -> SessionErrorKind {
        self.kind
    }

    /// Returns `true` if it is a temporary failure of the service: 503 and not 401.
    pub const fn is_unavailable(&self) -> bool {
        matches!(self.kind, SessionErrorKind::Unavailable)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for SessionError {}

impl From<StoreError> for SessionError {
    /// Converts a failure of a store, which is always temporary.
    fn from(error: StoreError) -> Self {
        Self::new(SessionErrorKind::Unavailable, error.to_string())
    }
}

impl From<NoRandomness> for SessionError {
    fn from(error: NoRandomness) -> Self {
        Self::new(SessionErrorKind::Misconfigured, error.to_string())
    }
}

impl From<SignError> for SessionError {
    fn from(error: SignError) -> Self {
        Self::new(SessionErrorKind::Misconfigured, error.to_string())
    }
}
