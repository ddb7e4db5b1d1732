//! Why a request is refused.

pub(crate) mod answer;
mod wording;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What kind of refusal a [`Rejection`] is.
///
/// ```
/// use tollgate::RejectionKind;
///
/// assert_eq!(RejectionKind::Expired.status(), 401);
/// assert_eq!(RejectionKind::Expired.error_code(), Some("invalid_token"));
/// assert_eq!(RejectionKind::MissingCredential.error_code(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The request carries no credential where one is looked for.
    MissingCredential,
    /// The request carries more than one credential, or one cookie twice.
    MultipleCredentials,
    /// The place for a credential holds something that cannot be one.
    MalformedCredential,
    /// A cookie came without proof that the request is of the site's own making.
    CrossSite,
    /// The token, its header or one of its parts is over a limit.
    TooLarge,
    /// The token is not three base64url segments.
    MalformedToken,
    /// The header is not the JSON object of RFC 7515 section 4.
    MalformedHeader,
    /// The header names an extension in `crit` (RFC 7515 section 4.1.11) or sets `b64` to false
    /// (RFC 7797).
    UnsupportedExtension,
    /// The `typ` of the token is not one that is accepted here.
    WrongType,
    /// The `alg` of the token is not one that is accepted here.
    WrongAlgorithm,
    /// No key of the issuer fits the token.
    UnknownKey,
    /// The signature does not verify.
    BadSignature,
    /// The claims are not a JSON object, or one of them is not of its type.
    MalformedClaims,
    /// A claim that is required here is absent.
    MissingClaim,
    /// The time of `exp` has come.
    Expired,
    /// The time of `nbf` has not come, or `iat` is in the future.
    NotYetValid,
    /// The token was issued longer ago than is accepted here.
    TooOld,
    /// The token lives longer than is accepted here.
    LifetimeTooLong,
    /// `iss` names no issuer that is trusted here.
    UntrustedIssuer,
    /// `aud` does not name this service.
    WrongAudience,
    /// A claim does not have a value that is accepted here.
    WrongClaim,
    /// The token was taken back before its time: by its own identifier, its session, its subject or
    /// its key.
    Revoked,
    /// The token is valid and does not suffice.
    InsufficientScope,
    /// The token would suffice if its user had logged in more recently (RFC 9470).
    AuthenticationTooOld,
    /// Our own side cannot decide now: keys or a store are out of reach.
    Unavailable,
    /// Our own side is put together wrongly: the authenticating layer is missing.
    Misconfigured,
}

impl RejectionKind {
    /// The HTTP status code of the answer (RFC 6750 section 3.1; 503 and 500 where it is not the
    /// client's doing).
    ///
    /// ```
    /// assert_eq!(tollgate::RejectionKind::InsufficientScope.status(), 403);
    /// ```
    pub const fn status(self) -> u16 {
        wording::of(self).status
    }

    /// The `error` attribute of the challenge (RFC 6750 section 3.1, RFC 9470 section 3); `None`
    /// where there is none.
    ///
    /// ```
    /// assert_eq!(tollgate::RejectionKind::MultipleCredentials.error_code(),
    ///     Some("invalid_request"));
    /// ```
    pub const fn error_code(self) -> Option<&'static str> {
        wording::of(self).error
    }
}

/// A refusal: the kind that decides the answer, and the detail that the operator sees.
///
/// `Display` is for the operator's log: it names the check, what was wanted and what was got, but
/// never a token, a key, a subject or a token identifier. The client sees only what
/// [`RejectionKind`] implies.
///
/// ```
/// use tollgate::{Key, RejectionKind, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .build()?;
/// let rejection = verifier.verify("not a token").unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::MalformedToken);
/// assert_eq!(rejection.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    kind: RejectionKind,
    detail: Detail,
    scope: Option<Box<str>>,
    /// When a retry makes sense, or how old a login may be: which of them, the kind tells.
    time: Option<Duration>,
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: Detail::Text(detail.into()),
            scope: None,
            time: None,
        }
    }

    /// The time `at` in the claim `name`, held against `now`.
    pub(crate) const fn untimely(
        kind: RejectionKind,
        name: &'static str,
        at: u64,
        now: u64,
    ) -> Self {
        Self {
            kind,
            detail: Detail::Time { name, at, now },
            scope: None,
            time: None,
        }
    }

    /// `aud` has `got` first, and nothing that is wanted.
    pub(crate) fn wrong_audience(got: &str, wanted: &Arc<Vec<String>>) -> Self {
        Self {
            kind: RejectionKind::WrongAudience,
            detail: Detail::Audience {
                got: Shown::part(got),
                wanted: Arc::clone(wanted),
            },
            scope: None,
            time: None,
        }
    }

    /// `iss` is `got`, and is to be `wanted`.
    pub(crate) fn untrusted_issuer(got: &str, wanted: &str) -> Self {
        Self {
            kind: RejectionKind::UntrustedIssuer,
            detail: Detail::Issuer {
                got: Shown::part(got),
                wanted: wanted.into(),
            },
            scope: None,
            time: None,
        }
    }

    /// Our side cannot answer now; the client may try again after `retry_after` (rounded up to
    /// whole seconds, at least one). `detail` is for the operator.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::{Rejection, RejectionKind};
    ///
    /// let rejection = Rejection::unavailable(Duration::from_secs(3), "the key store timed out");
    /// assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    /// assert_eq!(rejection.retry_after(), Some(Duration::from_secs(3)));
    /// ```
    pub fn unavailable(retry_after: Duration, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            time: Some(retry_after),
            ..Self::new(RejectionKind::Unavailable, detail)
        }
    }

    /// `what` has `got` bytes and may have `most`.
    pub(crate) fn too_large(what: &str, got: usize, most: usize) -> Self {
        Self::new(
            RejectionKind::TooLarge,
            format!("{what} has {got} bytes; the limit is {most}"),
        )
    }

    pub(crate) fn insufficient_scope(
        scope: Option<String>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            scope: scope.map(Into::into),
            ..Self::new(RejectionKind::InsufficientScope, detail)
        }
    }

    pub(crate) fn authentication_too_old(
        max_age: Duration,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            time: Some(max_age),
            ..Self::new(RejectionKind::AuthenticationTooOld, detail)
        }
    }

    /// What kind of refusal it is.
    ///
    /// ```
    /// # use tollgate::{Rejection, RejectionKind};
    /// let rejection = Rejection::unavailable(std::time::Duration::from_secs(1), "");
    /// assert_eq!(rejection.kind(), RejectionKind::Unavailable);
    /// ```
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// The HTTP status code of the answer.
    ///
    /// ```
    /// # use tollgate::Rejection;
    /// assert_eq!(Rejection::unavailable(std::time::Duration::from_secs(1), "").status(), 503);
    /// ```
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    /// The `error` attribute of the challenge (RFC 6750 section 3.1).
    ///
    /// ```
    /// # use tollgate::Rejection;
    /// assert_eq!(Rejection::unavailable(std::time::Duration::from_secs(1), "")
    ///     .error_code(), None);
    /// ```
    pub const fn error_code(&self) -> Option<&'static str> {
        self.kind.error_code()
    }

    /// The scopes that would have been enough, space-separated (RFC 6750 section 3, `scope`), where
    /// scopes could be.
    ///
    /// ```
    /// # use tollgate::Rejection;
    /// assert_eq!(Rejection::unavailable(std::time::Duration::from_secs(1), "").scope(), None);
    /// ```
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// After what time a retry makes sense, where our own side is at fault (RFC 9110 section
    /// 10.2.3).
    ///
    /// ```
    /// # use tollgate::Rejection;
    /// let rejection = Rejection::unavailable(std::time::Duration::from_secs(2), "");
    /// assert_eq!(rejection.retry_after().unwrap().as_secs(), 2);
    /// ```
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.kind {
            RejectionKind::Unavailable => self.time,
            _ => None,
        }
    }

    /// How old a login may be, in whole seconds, where a more recent one would have been enough
    /// (RFC 9470 section 3, `max_age`).
    ///
    /// ```
    /// # use tollgate::Rejection;
    /// assert_eq!(Rejection::unavailable(std::time::Duration::from_secs(1), "").max_age(), None);
    /// ```
    pub const fn max_age(&self) -> Option<Duration> {
        match self.kind {
            RejectionKind::AuthenticationTooOld => self.time,
            _ => None,
        }
    }

    pub(crate) fn detail(&self) -> Cow<'_, str> {
        match &self.detail {
            Detail::Text(text) => Cow::Borrowed(text),
            detail @ (Detail::Time { .. } | Detail::Audience { .. } | Detail::Issuer { .. }) => {
                Cow::Owned(detail.to_string())
            }
        }
    }
}

/// What the operator sees. What is refused often is written out only where it is shown: a refusal
/// must not cost more than the acceptance that it takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    Text(Cow<'static, str>),
    Time {
        name: &'static str,
        at: u64,
        now: u64,
    },
    Audience {
        got: Box<str>,
        wanted: Arc<Vec<String>>,
    },
    Issuer {
        got: Box<str>,
        wanted: Box<str>,
    },
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Time { name, at, now } => write!(f, "`{name}` is {at}; it is {now}"),
            Self::Audience { got, wanted } => {
                write!(f, "`aud` has {}; wanted one of {wanted:?}", Shown(got))
            }
            Self::Issuer { got, wanted } => write!(f, "`iss` is {}; wanted {wanted:?}", Shown(got)),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)?;
        match &self.detail {
            Detail::Text(text) if text.is_empty() => Ok(()),
            detail => write!(f, ": {detail}"),
        }
    }
}

impl std::error::Error for Rejection {}

/// A value that the client chose, made fit for a log line: cut, control characters escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Shown<'_> {
    /// How many characters of it are shown.
    const MOST: usize = 100;

    /// The part of a value that shows as the whole of it does.
    fn part(value: &str) -> Box<str> {
        value
            .get(..value.len().min(5 * Self::MOST))
            .unwrap_or(value)
            .into()
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= Self::MOST {
            return Quoted(self.0).fmt(f);
        }
        let end = self
            .0
            .char_indices()
            .nth(Self::MOST)
            .map_or(self.0.len(), |(at, _)| at);
        write!(
            f,
            "{:?}{}",
            &self.0[..end],
            if end < self.0.len() { "…" } else { "" }
        )
    }
}

/// As `{:?}` writes it, and at once where there is nothing to escape.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if !self.0.as_bytes().iter().all(plain) {
            return write!(f, "{:?}", self.0);
        }
        f.write_str("\"")?;
        f.write_str(self.0)?;
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_detail_that_is_written_late_reads_as_one_that_was_written_at_once() {
        let late = Rejection::untimely(RejectionKind::Expired, "exp", 7, 9);
        assert_eq!(late.detail(), "`exp` is 7; it is 9");
        assert_eq!(late.to_string(), "Expired: `exp` is 7; it is 9");
        assert_eq!(
            Rejection::new(RejectionKind::Expired, "").to_string(),
            "Expired"
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_escaped_and_cut(text in r#"[a-c"\\\n\x7f\u{e9}]{0,12}|[ -~]{90,110}|\PC{95,105}"#) {
            let cut: String = text.chars().take(100).collect();
            let ellipsis = if cut == text { "" } else { "…" };
            prop_assert_eq!(Shown(&text).to_string(), format!("{cut:?}{ellipsis}"));
            let rejection =
                Rejection::wrong_audience(&text.repeat(6), &Arc::new(vec![text.clone()]));
            let wanted =
                format!("`aud` has {}; wanted one of {:?}", Shown(&text.repeat(6)), [&text]);
            prop_assert_eq!(rejection.detail(), wanted);
            let rejection = Rejection::untrusted_issuer(&text.repeat(6), &text);
            let wanted = format!("`iss` is {}; wanted {:?}", Shown(&text.repeat(6)), text);
            prop_assert_eq!(rejection.detail(), wanted);
        }
    }
}
