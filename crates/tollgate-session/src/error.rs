//! Why a session could not be begun, continued or ended.

use std::borrow::Cow;
use std::fmt;

use tollgate_core::SignError;

use crate::random::NoRandomness;
use crate::store::{StoreError, StoreErrorKind};

/// Which kind of failure a [`SessionError`] is.
///
/// ```
/// use tollgate_session::{SessionError, SessionErrorKind, StoreError, StoreErrorKind};
///
/// let error = SessionError::from(StoreError::new(StoreErrorKind::Full, "64 MiB"));
/// assert_eq!(error.kind(), SessionErrorKind::Unavailable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionErrorKind {
    /// What was presented is no live session: unknown, malformed, forged, expired or ended. Which of these it is, is not
    /// told (`invalid_grant`, RFC 6749 section 5.2).
    Invalid,
    /// A refresh token was used again after its time: its session has been ended for everybody (RFC 9700 section 4.14.2).
    Reuse,
    /// More scope was asked for than the session has (`invalid_scope`, RFC 6749 sections 5.2 and 6).
    ScopeExceeded,
    /// A store did not do what it was asked, or not in time, or too many wrote at once: it is worth another try.
    Unavailable,
    /// A token is too large for a cookie, or a session for a store.
    TooLarge,
    /// What the service itself asked for cannot be: a custom claim with a registered name, no active key, no randomness.
    Misconfigured,
}

/// A session could not be begun, continued or ended. Its text is for the operator and never holds a token or a secret.
///
/// ```
/// use tollgate_session::{SessionError, StoreError, StoreErrorKind};
///
/// let error = SessionError::from(StoreError::new(StoreErrorKind::Timeout, "no answer within 1 s"));
/// assert!(error.is_unavailable());
/// assert_eq!(error.to_string(), "the store did not answer in time: no answer within 1 s");
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

    /// Which kind it is.
    ///
    /// ```
    /// # use tollgate_session::{NoRandomness, SessionError, SessionErrorKind};
    /// assert_eq!(SessionError::from(NoRandomness).kind(), SessionErrorKind::Misconfigured);
    /// ```
    pub const fn kind(&self) -> SessionErrorKind {
        self.kind
    }

    /// Whether it is a failure on this side that may be over soon: 503 and not 401.
    ///
    /// ```
    /// # use tollgate_session::{NoRandomness, SessionError};
    /// assert!(!SessionError::from(NoRandomness).is_unavailable());
    /// ```
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
    /// Whatever fails in a store is worth another try.
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

/// What a store holds of a session cannot be read.
pub(crate) fn rubbish(what: &'static str) -> SessionError {
    StoreError::new(StoreErrorKind::Corrupt, what).into()
}
