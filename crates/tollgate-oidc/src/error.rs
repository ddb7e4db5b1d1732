//! Errors of key sources.

use std::borrow::Cow;
use std::fmt;

use crate::fetch::{FetchError, FetchErrorKind};

/// The maximum length of a client's message in characters: it is stored and logged repeatedly.
const MOST_SAID: usize = 500;

/// The kind of an [`OidcError`].
///
/// ```
/// use tollgate::oidc::{Oidc, OidcErrorKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = Oidc::discover("http://id.example.com").connect().await.unwrap_err();
/// assert_eq!(error.kind(), OidcErrorKind::InsecureUrl);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OidcErrorKind {
    /// The configuration contradicts itself or is out of range. Found before anything is fetched.
    Misconfigured,
    /// A URL is invalid, has a fragment or credentials, or its scheme is neither `http` nor
    /// `https`.
    InvalidUrl,
    /// A URL is not `https`, and plain `http` was not allowed.
    InsecureUrl,
    /// An issuer names an address in the service's own network.
    PrivateAddress,
    /// An issuer names a foreign host, and only its own origin is allowed.
    ForeignOrigin,
    /// The connection failed or broke.
    Unreachable,
    /// The complete response did not arrive in time.
    TimedOut,
    /// The response is too large.
    TooLarge,
    /// The response redirects to another origin, or there were too many redirects.
    Redirected,
    /// The response's status is not 200.
    UnexpectedStatus,
    /// The response is not JSON, no metadata or no JWK Set.
    Malformed,
    /// The metadata names another issuer than the configured one (RFC 8414 section 3.3, `OpenID`
    /// Connect Discovery 1.0 section 4.3).
    IssuerMismatch,
    /// The set has no key that can verify a signature.
    NoUsableKey,
    /// There is no tokio runtime, or it has ended.
    NoRuntime,
}

/// An error of a key source. The message is for the operator: it may quote the issuer's response,
/// and never contains a secret.
///
/// ```
/// use tollgate::oidc::{OidcErrorKind, RemoteJwks};
///
/// let error = RemoteJwks::new("id.example.com/jwks.json").lazy().unwrap_err();
/// assert_eq!(error.kind(), OidcErrorKind::InvalidUrl);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcError {
    kind: OidcErrorKind,
    detail: Cow<'static, str>,
}

impl OidcError {
    pub(crate) fn new(kind: OidcErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// Returns the error with the place in front of the message.
    pub(crate) fn at(self, place: &str) -> Self {
        Self::new(self.kind, format!("{place}: {}", self.detail))
    }

    /// The kind.
    ///
    /// ```
    /// # use tollgate::oidc::{OidcErrorKind, RemoteJwks};
    /// assert_eq!(RemoteJwks::new("").lazy().unwrap_err().kind(), OidcErrorKind::InvalidUrl);
    /// ```
    pub const fn kind(&self) -> OidcErrorKind {
        self.kind
    }
}

impl From<FetchError> for OidcError {
    fn from(error: FetchError) -> Self {
        let kind = match error.kind() {
            FetchErrorKind::Unreachable => OidcErrorKind::Unreachable,
            FetchErrorKind::TimedOut => OidcErrorKind::TimedOut,
            FetchErrorKind::TooLarge => OidcErrorKind::TooLarge,
            FetchErrorKind::PrivateAddress => OidcErrorKind::PrivateAddress,
        };
        // A client's message may quote the peer, such as the names in its certificate.
        let said = error.to_string();
        let said = said.chars().take(MOST_SAID);
        let line = said.map(|char| if char.is_control() { ' ' } else { char });
        Self::new(kind, line.collect::<String>())
    }
}

impl fmt::Display for OidcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for OidcError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_client_is_one_bounded_line() {
        let said = format!("no:\r\n{}", "\u{e9}".repeat(100_000));
        let error = OidcError::from(FetchError::new(FetchErrorKind::Unreachable, said));
        assert_eq!(error.to_string(), format!("no:  {}", "\u{e9}".repeat(495)));
    }
}
