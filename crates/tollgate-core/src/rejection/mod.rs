//! Reasons for refusing a request.

pub(crate) mod answer;
mod wording;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::http::SourceKind;

/// The kind of a [`Rejection`].
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
    /// The request has no credential in any of the sources.
    MissingCredential,
    /// The request has more than one credential, or one cookie twice.
    MultipleCredentials,
    /// The source contains a value that cannot be a credential.
    MalformedCredential,
    /// A cookie came without proof of origin.
    CrossSite,
    /// A cookie came without the CSRF token of its session, or with another.
    InvalidCsrfToken,
    /// The token, its header or one of its parts exceeds a limit.
    TooLarge,
    /// The token is not three base64url segments.
    MalformedToken,
    /// The header is not the JSON object of RFC 7515 section 4.
    MalformedHeader,
    /// The header names an extension in `crit` (RFC 7515 section 4.1.11) or sets `b64` to false
    /// (RFC 7797).
    UnsupportedExtension,
    /// The `typ` of the token is not accepted.
    WrongType,
    /// The `alg` of the token is not accepted.
    WrongAlgorithm,
    /// No key of the issuer fits the token.
    UnknownKey,
    /// The signature does not verify.
    BadSignature,
    /// The claims are not a JSON object, or one of them has the wrong type.
    MalformedClaims,
    /// The claims of a valid token do not fit the type that a handler reads.
    UnfitClaims,
    /// A required claim, or a required member of the header, is absent.
    MissingClaim,
    /// The token has expired (`exp`).
    Expired,
    /// The time of `nbf` is in the future, or that of `iat`.
    NotYetValid,
    /// The token was issued longer ago than the configured maximum age.
    TooOld,
    /// The lifetime of the token exceeds the configured maximum.
    LifetimeTooLong,
    /// `iss` is not a trusted issuer.
    UntrustedIssuer,
    /// `aud` does not name this service.
    WrongAudience,
    /// A claim, or a member of the header, does not have an accepted value.
    WrongClaim,
    /// The token is bound to a key or certificate by `cnf`, and no proof of it was checked (RFC
    /// 7800).
    UnprovenBinding,
    /// A gate with [`ForwardAuth`](crate::ForwardAuth) was not told of the original request by a
    /// declared proxy.
    UnknownOriginalRequest,
    /// The token was revoked: by its own identifier, its session, its subject or its key.
    Revoked,
    /// The token is valid, but does not satisfy the policy.
    InsufficientScope,
    /// The token would suffice if its user had logged in more recently (RFC 9470).
    AuthenticationTooOld,
    /// The service cannot decide now: keys or a store are unavailable.
    Unavailable,
    /// The service is misconfigured: the authenticating layer is missing.
    Misconfigured,
}

impl RejectionKind {
    /// The HTTP status code of the answer (RFC 6750 section 3.1). It is 503 or 500 if the service
    /// is at fault.
    ///
    /// ```
    /// assert_eq!(tollgate::RejectionKind::InsufficientScope.status(), 403);
    /// ```
    pub const fn status(self) -> u16 {
        wording::of(self).status
    }

    /// The member `code` of the answer, from which a program learns the reason. Kinds that a client
    /// need not tell apart have the same code.
    ///
    /// ```
    /// use tollgate::RejectionKind;
    ///
    /// assert_eq!(RejectionKind::Expired.code(), "token_expired");
    /// assert_eq!(RejectionKind::BadSignature.code(), "invalid_token");
    /// ```
    pub const fn code(self) -> &'static str {
        wording::of(self).code
    }

    /// The `error` attribute of the challenge (RFC 6750 section 3.1, RFC 9470 section 3), if there
    /// is one.
    ///
    /// ```
    /// assert_eq!(tollgate::RejectionKind::MultipleCredentials.error_code(),
    ///     Some("invalid_request"));
    /// ```
    pub const fn error_code(self) -> Option<&'static str> {
        wording::of(self).error
    }
}

/// A refusal: the kind, which determines the answer, and the detail for the operator.
///
/// `Display` is for the operator's log. It names the check, the expected and the actual value, but
/// never a token, a key, a subject or a token identifier. The client gets only the information that
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
    /// The time after which to retry, or the maximum age of a login, depending on the kind.
    time: Option<Duration>,
    /// The source of the credential, if one was found.
    source: Option<SourceKind>,
    /// The label of the issuer by whose rules the token was checked.
    issuer: Option<Arc<str>>,
}

impl Rejection {
    pub(crate) fn new(kind: RejectionKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with_detail(kind, Detail::Text(detail.into()))
    }

    /// Creates a rejection whose detail is formatted only when it is shown.
    pub(crate) fn late(
        kind: RejectionKind,
        detail: impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result + Send + Sync + 'static,
    ) -> Self {
        Self::with_detail(kind, Detail::Late(Late(Arc::new(detail))))
    }

    /// Creates a rejection for the time `at` in the claim `name`, compared with `now`.
    pub(crate) const fn untimely(
        kind: RejectionKind,
        name: &'static str,
        at: u64,
        now: u64,
    ) -> Self {
        Self::with_detail(kind, Detail::Time { name, at, now })
    }

    const fn with_detail(kind: RejectionKind, detail: Detail) -> Self {
        Self {
            kind,
            detail,
            scope: None,
            time: None,
            source: None,
            issuer: None,
        }
    }

    /// Creates a rejection for an `aud` whose first value is `got` and that contains no wanted
    /// value.
    pub(crate) fn wrong_audience(got: &str, wanted: &Arc<Vec<String>>) -> Self {
        let detail = Detail::Audience {
            got: Shown::part(got),
            wanted: Arc::clone(wanted),
        };
        Self::with_detail(RejectionKind::WrongAudience, detail)
    }

    /// Creates a rejection for the `iss` `got` where `wanted` is required.
    pub(crate) fn untrusted_issuer(got: &str, wanted: &str) -> Self {
        let detail = Detail::Issuer {
            got: Shown::part(got),
            wanted: wanted.into(),
        };
        Self::with_detail(RejectionKind::UntrustedIssuer, detail)
    }

    /// Creates a rejection for a service that cannot answer now. The client may try again after
    /// `retry_after`, rounded up to whole seconds, at least one. `detail` is for the operator.
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

    /// Creates a rejection for a `what` of `got` bytes where `most` are allowed.
    pub(crate) fn too_large(what: &str, got: usize, most: usize) -> Self {
        Self::new(
            RejectionKind::TooLarge,
            format!("{what} has {got} bytes; the limit is {most}"),
        )
    }

    /// Adds the scopes that would satisfy the policy, separated by spaces.
    pub(crate) fn with_scope(mut self, scope: String) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds the maximum age of a login that would satisfy the policy.
    pub(crate) const fn with_max_age(mut self, max_age: Duration) -> Self {
        self.time = Some(max_age);
        self
    }

    /// The kind of the refusal.
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

    /// The scopes that would satisfy the policy, space-separated (RFC 6750 section 3, `scope`), if
    /// scopes could satisfy it.
    ///
    /// ```
    /// # use tollgate::Rejection;
    /// assert_eq!(Rejection::unavailable(std::time::Duration::from_secs(1), "").scope(), None);
    /// ```
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The time after which the client may retry, if the service is at fault (RFC 9110 section
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

    /// The maximum age of a login, in whole seconds, if a more recent login would satisfy the
    /// policy (RFC 9470 section 3, `max_age`).
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

    /// Records the source of the credential.
    #[cold]
    pub(crate) const fn with_source(mut self, source: SourceKind) -> Self {
        self.source = Some(source);
        self
    }

    /// Records the issuer by whose rules the token was checked, unless the token is of another.
    #[cold]
    pub(crate) fn with_issuer(mut self, label: &Arc<str>) -> Self {
        if self.kind != RejectionKind::UntrustedIssuer {
            self.issuer = Some(Arc::clone(label));
        }
        self
    }

    pub(crate) const fn source(&self) -> Option<SourceKind> {
        self.source
    }

    pub(crate) const fn issuer(&self) -> Option<&Arc<str>> {
        self.issuer.as_ref()
    }

    pub(crate) fn detail(&self) -> Cow<'_, str> {
        match &self.detail {
            Detail::Text(text) => Cow::Borrowed(text),
            detail => Cow::Owned(detail.to_string()),
        }
    }
}

/// The detail for the operator. It is formatted only when it is shown: a refusal must not cost more
/// than an acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    Text(Cow<'static, str>),
    Late(Late),
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
            Self::Late(late) => late.0(f),
            Self::Time { name, at, now } => write!(f, "`{name}` is {at}; it is {now}"),
            Self::Audience { got, wanted } => {
                write!(f, "`aud` has {}; wanted one of {}", Shown(got), Few(wanted))
            }
            Self::Issuer { got, wanted } => write!(f, "`iss` is {}; wanted {wanted:?}", Shown(got)),
        }
    }
}

/// A text that is formatted when it is shown.
#[derive(Clone)]
struct Late(Arc<dyn Fn(&mut fmt::Formatter<'_>) -> fmt::Result + Send + Sync>);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for Late {}

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

/// A value from the client in a form for a log line: truncated, control characters escaped.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl Shown<'_> {
    /// The maximum number of characters that are shown.
    const MOST: usize = 100;

    /// Returns the part of a value that has the same output as the whole value.
    pub(crate) fn part(value: &str) -> Box<str> {
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

/// The configured values in a form for a log line: the first eight, and the number of the others.
pub(crate) struct Few<'a, T>(pub(crate) &'a [T]);

impl<T: fmt::Debug> fmt::Display for Few<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, others) = self.0.split_at(self.0.len().min(8));
        write!(f, "{first:?}")?;
        if others.is_empty() {
            return Ok(());
        }
        write!(f, " and {} others", others.len())
    }
}

/// A text in a form for a log line: truncated.
pub(crate) struct Start<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Start<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut start = Truncated { out: f, left: 512 };
        match fmt::write(&mut start, format_args!("{}", self.0)) {
            Err(fmt::Error) if start.left == 0 => f.write_str("…"),
            outcome => outcome,
        }
    }
}

/// Passes on as many characters as are left, and then returns an error.
struct Truncated<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl fmt::Write for Truncated<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            None => {
                self.left -= text.chars().count();
                self.out.write_str(text)
            }
            Some((end, _)) => {
                self.left = 0;
                self.out.write_str(&text[..end])?;
                Err(fmt::Error)
            }
        }
    }
}

/// Returns a value from the client in a form for a field of an event or a span: at most `most`
/// characters, and an escape for each that is not printable.
pub(crate) fn printable(value: &str, most: usize) -> Cow<'_, str> {
    if value.len() <= most && value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(value);
    }
    let mut shown = String::new();
    for (place, character) in value.chars().enumerate() {
        match character {
            _ if place == most => {
                shown.push('…');
                break;
            }
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    Cow::Owned(shown)
}

/// Equals the output of `{:?}`, with a fast path for values without escapes.
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
    fn a_lazy_detail_has_the_same_text_as_an_eager_one() {
        let late = Rejection::untimely(RejectionKind::Expired, "exp", 7, 9);
        assert_eq!(late.detail(), "`exp` is 7; it is 9");
        assert_eq!(late.to_string(), "Expired: `exp` is 7; it is 9");
        assert_eq!(
            Rejection::new(RejectionKind::Expired, "").to_string(),
            "Expired"
        );
    }

    #[test]
    fn a_detail_is_formatted_when_it_is_shown() {
        let late = |text: &'static str| {
            Rejection::late(RejectionKind::WrongClaim, move |f| f.write_str(text))
        };
        assert_eq!(late("x").to_string(), "WrongClaim: x");
        assert_eq!(late("x").detail(), "x");
        assert_eq!(late("x"), late("x"));
        assert_ne!(late("x"), late("y"));
        assert!(
            format!("{:?}", late("x")).contains(r#"Late("x")"#),
            "{:?}",
            late("x")
        );
    }

    #[test]
    fn long_lists_and_texts_are_cut() {
        assert_eq!(Few(&["a", "b"]).to_string(), r#"["a", "b"]"#);
        let many = Few(&[0; 1000]).to_string();
        assert_eq!(many, "[0, 0, 0, 0, 0, 0, 0, 0] and 992 others");
        for length in [0, 511, 512] {
            let text = "é".repeat(length);
            assert_eq!(Start(&text).to_string(), text);
        }
        assert_eq!(Start("é".repeat(513)).to_string(), "é".repeat(512) + "…");
        let pieces = format_args!("{}{}{}", "a".repeat(512), "", "b").to_string();
        assert_eq!(Start(pieces).to_string(), "a".repeat(512) + "…");
    }

    #[test]
    fn printable_values_have_no_control_characters() {
        assert_eq!(printable("auth0|u 7\\\"'é", 20), "auth0|u 7\\\"'é");
        assert_eq!(
            printable("a\nb\u{1b}[2J\u{202e}\0", 20),
            "a\\nb\\u{1b}[2J\\u{202e}\\0"
        );
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable("abcd", 3), "abc…");
        assert_eq!(printable("éééé", 3), "ééé…");
    }

    proptest! {
        #[test]
        fn printable_values_are_bounded(
            text in r"\PC{0,12}|[\x00-\x20\x7f-\u{a0}\u{2028}]{0,12}"
        ) {
            let shown = printable(&text, 8);
            prop_assert!(!shown.chars().any(char::is_control));
            let most = 8 * r"\u{10ffff}".len() + "…".len();
            prop_assert!(shown.len() <= most);
        }

        #[test]
        fn shown_values_are_escaped(text in r#"[a-c"\\\n\x7f\u{e9}]{0,12}|[ -~]{90,110}|\PC{95,105}"#) {
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
