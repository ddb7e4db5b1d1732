//! Why there are no keys.

use std::borrow::Cow;
use std::fmt;

use crate::fetch::{FetchError, FetchErrorKind};

/// The most characters of what a client says of a failure: it is kept, and logged again and again.
const MOST_SAID: usize = 500;

/// Which kind of failure an [`OidcError`] is.
///
/// ```
/// use tollgate_oidc::{Oidc, OidcErrorKind};
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
    /// What was configured contradicts itself, or is out of range. Found before anything is fetched.
    Misconfigured,
    /// A URL is none, has a fragment or credentials in it, or is not of HTTP.
    InvalidUrl,
    /// A URL is not of `https`, and nobody said that it may be.
    InsecureUrl,
    /// An issuer names an address of the service's own network.
    PrivateAddress,
    /// An issuer names a host that is not its own, and was held to its own.
    ForeignOrigin,
    /// No connection, or it broke.
    Unreachable,
    /// No whole answer in time.
    TimedOut,
    /// The answer is too large.
    TooLarge,
    /// The answer is a redirect to another origin, or one too many.
    Redirected,
    /// The answer's status is not 200.
    UnexpectedStatus,
    /// The answer is not what it should be: not JSON, no metadata, no JWK Set.
    Malformed,
    /// The metadata is of another issuer than the one asked for (RFC 8414 section 3.3, `OpenID` Connect Discovery 1.0
    /// section 4.3).
    IssuerMismatch,
    /// The set has no key that verifies anything.
    NoUsableKey,
    /// There is no tokio runtime to fetch on, or it has ended.
    NoRuntime,
}

/// Keys could not be fetched, or may not be. Its text is for the operator; it quotes what an issuer sent, and never a
/// secret.
///
/// ```
/// use tollgate_oidc::{RemoteJwks, OidcErrorKind};
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

    /// The same error, which says where it was.
    pub(crate) fn at(self, place: &str) -> Self {
        Self::new(self.kind, format!("{place}: {}", self.detail))
    }

    /// Which kind it is.
    ///
    /// ```
    /// # use tollgate_oidc::{RemoteJwks, OidcErrorKind};
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
        // A client may have put into it what the other side sent, as the names in its certificate.
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
    fn what_a_client_says_is_one_line_of_a_bounded_length() {
        let said = format!("no:\r\n{}", "\u{e9}".repeat(100_000));
        let error = OidcError::from(FetchError::new(FetchErrorKind::Unreachable, said));
        assert_eq!(error.to_string(), format!("no:  {}", "\u{e9}".repeat(495)));
    }
}
