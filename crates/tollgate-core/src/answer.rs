//! The answer to a refused request: status, header fields and body, as plain data (RFC 6750 section 3, RFC 9457).

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

use serde::Serialize;

use crate::rejection::{Rejection, RejectionKind};
use crate::renewal::Names;
use crate::request::Protocol;

/// What a client is sent when it is refused, and by an [`Endpoint`](crate::Endpoint). An adapter turns it into its framework's response, unchanged.
///
/// ```
/// use tollgate_core::Answer;
///
/// let mut answer = Answer::new(401);
/// answer.set("X-Reason", "no token");
/// assert_eq!(answer.header("x-reason"), Some(&b"no token"[..]));
/// assert_eq!(answer.status, 401);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Field names in lower case with their values, in the order in which they are sent.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer without fields and content.
    ///
    /// ```
    /// assert!(tollgate_core::Answer::new(403).body.is_empty());
    /// ```
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The first value of a field; `name` in any case.
    ///
    /// ```
    /// assert_eq!(tollgate_core::Answer::new(403).header("content-type"), None);
    /// ```
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(got, _)| got.eq_ignore_ascii_case(name))
            .map(|(_, value)| &value[..])
    }

    /// Sets a field, in place of all its former values. A name or a value that HTTP does not allow (RFC 9110
    /// section 5.5), a line break among them, is dropped by the adapter.
    ///
    /// ```
    /// let mut answer = tollgate_core::Answer::new(403);
    /// answer.set("content-type", "text/plain");
    /// answer.set("Content-Type", "text/html");
    /// assert_eq!(answer.headers.len(), 1);
    /// ```
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers.retain(|(got, _)| !got.eq_ignore_ascii_case(name));
        self.headers
            .push((Cow::Owned(name.to_ascii_lowercase()), value.into()));
    }

    /// A problem that an [`Endpoint`](crate::Endpoint) has with a request (RFC 9457), not to be stored by caches. `detail`
    /// goes to the client.
    ///
    /// ```
    /// let answer = tollgate_core::Answer::problem(413, "The content is too large");
    /// assert_eq!(answer.header("content-type"), Some(&b"application/problem+json"[..]));
    /// assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
    /// ```
    pub fn problem(status: u16, detail: &str) -> Self {
        let mut answer = Self::new(status);
        answer.append("cache-control", "no-store");
        Problem {
            r#type: "about:blank",
            title: title(status),
            status,
            detail,
            error: None,
            scope: None,
            max_age: None,
        }
        .write(&mut answer);
        answer
    }

    /// Adds a field beside those of the same name, as `set-cookie` needs. `name` in lower case.
    ///
    /// ```
    /// let mut answer = tollgate_core::Answer::new(200);
    /// answer.append("set-cookie", "a=1");
    /// answer.append("set-cookie", "b=2");
    /// assert_eq!(answer.headers.len(), 2);
    /// ```
    pub fn append(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) {
        self.headers.push((name.into(), value.into()));
    }
}

/// Neither values nor content: an endpoint's answer may hold tokens.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &Names(&self.headers))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// RFC 9457 section 3, with the OAuth error beside it.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

impl Problem<'_> {
    fn write(&self, answer: &mut Answer) {
        answer.headers.push((
            Cow::Borrowed("content-type"),
            b"application/problem+json".to_vec(),
        ));
        answer.body = serde_json::to_vec(self).unwrap_or_default();
    }
}

/// The answer for a rejection. `realm` is fit for a quoted string.
pub(crate) fn of(rejection: &Rejection, realm: &str, protocol: Protocol) -> Answer {
    let kind = rejection.kind();
    let mut answer = Answer::new(rejection.status());
    if matches!(kind.status(), 400 | 401) || kind == RejectionKind::InsufficientScope {
        answer.headers.push((
            Cow::Borrowed("www-authenticate"),
            challenge(rejection, realm).into_bytes(),
        ));
    }
    if let Some(after) = rejection.retry_after() {
        let seconds = after
            .as_secs()
            .saturating_add(u64::from(after.subsec_nanos() > 0))
            .max(1);
        answer
            .headers
            .push((Cow::Borrowed("retry-after"), seconds.to_string().into_bytes()));
    }
    answer
        .headers
        .push((Cow::Borrowed("cache-control"), b"no-store".to_vec()));
    match protocol {
        Protocol::Http => problem(&mut answer, rejection),
        Protocol::Grpc => trailers_only(&mut answer, rejection),
    }
    answer
}

fn problem(answer: &mut Answer, rejection: &Rejection) {
    let kind = rejection.kind();
    let problem = Problem {
        r#type: "about:blank",
        title: title(kind.status()),
        status: kind.status(),
        detail: kind.description(),
        error: kind.error_code(),
        scope: rejection.scope(),
        max_age: rejection.max_age().map(|age| age.as_secs()),
    };
    problem.write(answer);
}

/// gRPC over HTTP/2: a failed call answers 200 with `grpc-status` among the headers and no content.
fn trailers_only(answer: &mut Answer, rejection: &Rejection) {
    let status = match answer.status {
        400 | 401 => b"16".to_vec(), // UNAUTHENTICATED
        403 => b"7".to_vec(),        // PERMISSION_DENIED
        503 => b"14".to_vec(),       // UNAVAILABLE
        _ => b"13".to_vec(),         // INTERNAL
    };
    answer.status = 200;
    answer
        .headers
        .push((Cow::Borrowed("content-type"), b"application/grpc".to_vec()));
    answer.headers.push((Cow::Borrowed("grpc-status"), status));
    answer.headers.push((
        Cow::Borrowed("grpc-message"),
        rejection.kind().description().into(),
    ));
}

/// RFC 6750 section 3: the scheme "MUST be followed by one or more auth-param values", hence always a realm.
fn challenge(rejection: &Rejection, realm: &str) -> String {
    let mut challenge = String::from("Bearer realm=");
    quote(&mut challenge, realm);
    if let Some(error) = rejection.error_code() {
        // Writing into a `String` cannot fail.
        let _ = write!(challenge, ", error=\"{error}\", error_description=");
        quote(&mut challenge, rejection.kind().description());
    }
    if let Some(scope) = rejection.scope() {
        challenge.push_str(", scope=");
        quote(&mut challenge, scope);
    }
    if let Some(age) = rejection.max_age() {
        let _ = write!(challenge, ", max_age=\"{}\"", age.as_secs());
    }
    challenge
}

/// RFC 9110 section 5.6.4.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            out.push('\\');
        }
        out.push(char);
    }
    out.push('"');
}

/// RFC 9457 section 4.2.1: the title of "about:blank" is the status phrase.
const fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(answer: &Answer, name: &str) -> Option<String> {
        answer
            .header(name)
            .map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn a_missing_credential_is_challenged_without_an_error() {
        let rejection = Rejection::new(RejectionKind::MissingCredential, "x");
        let answer = of(&rejection, "api", Protocol::Http);
        assert_eq!(answer.status, 401);
        assert_eq!(text(&answer, "www-authenticate").unwrap(), "Bearer realm=\"api\"");
        assert_eq!(
            std::str::from_utf8(&answer.body).unwrap(),
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Authentication is required"}"#
        );
    }

    #[test]
    fn the_realm_is_escaped() {
        let rejection = Rejection::new(RejectionKind::Expired, "x");
        let answer = of(&rejection, r#"a"b\c"#, Protocol::Http);
        assert_eq!(
            text(&answer, "www-authenticate").unwrap(),
            r#"Bearer realm="a\"b\\c", error="invalid_token", error_description="The access token expired""#
        );
    }

    #[test]
    fn insufficient_scope_names_the_scopes() {
        let rejection = Rejection::insufficient_scope(Some("a b".into()), "x");
        let answer = of(&rejection, "api", Protocol::Http);
        assert_eq!(answer.status, 403);
        assert!(
            text(&answer, "www-authenticate")
                .unwrap()
                .ends_with(", scope=\"a b\"")
        );
        assert!(
            std::str::from_utf8(&answer.body)
                .unwrap()
                .ends_with(r#""error":"insufficient_scope","scope":"a b"}"#)
        );
    }

    /// RFC 9470 section 3, figure 3.
    #[test]
    fn a_step_up_challenge_names_the_age() {
        let rejection = Rejection::authentication_too_old(Duration::from_secs(5), "x");
        let answer = of(&rejection, "api", Protocol::Http);
        assert_eq!(answer.status, 401);
        assert_eq!(
            text(&answer, "www-authenticate").unwrap(),
            r#"Bearer realm="api", error="insufficient_user_authentication", error_description="More recent authentication is required", max_age="5""#
        );
        assert!(
            std::str::from_utf8(&answer.body)
                .unwrap()
                .ends_with(r#""error":"insufficient_user_authentication","max_age":5}"#)
        );
        assert_eq!(text(&answer, "retry-after"), None);
    }

    #[test]
    fn our_own_failures_carry_no_challenge() {
        let answer = of(
            &Rejection::unavailable(Duration::from_millis(1200), "x"),
            "api",
            Protocol::Http,
        );
        assert_eq!(
            (answer.status, text(&answer, "retry-after").as_deref()),
            (503, Some("2"))
        );
        assert_eq!(text(&answer, "www-authenticate"), None);
        let answer = of(&Rejection::unavailable(Duration::MAX, "x"), "api", Protocol::Http);
        assert_eq!(text(&answer, "retry-after").unwrap(), u64::MAX.to_string());
        let answer = of(
            &Rejection::unavailable(Duration::ZERO, "x"),
            "api",
            Protocol::Http,
        );
        assert_eq!(text(&answer, "retry-after").as_deref(), Some("1"));
        let answer = of(
            &Rejection::new(RejectionKind::Misconfigured, "x"),
            "api",
            Protocol::Http,
        );
        assert_eq!((answer.status, text(&answer, "www-authenticate")), (500, None));
        let answer = of(
            &Rejection::new(RejectionKind::CrossSite, "x"),
            "api",
            Protocol::Http,
        );
        assert_eq!((answer.status, text(&answer, "www-authenticate")), (403, None));
    }

    #[test]
    fn grpc_gets_trailers_only() {
        for (kind, status) in [
            (RejectionKind::MissingCredential, "16"),
            (RejectionKind::MultipleCredentials, "16"),
            (RejectionKind::InsufficientScope, "7"),
            (RejectionKind::Unavailable, "14"),
            (RejectionKind::Misconfigured, "13"),
        ] {
            let answer = of(&Rejection::new(kind, "x"), "api", Protocol::Grpc);
            assert_eq!(
                (answer.status, text(&answer, "grpc-status").as_deref()),
                (200, Some(status))
            );
            assert_eq!(text(&answer, "content-type").as_deref(), Some("application/grpc"));
            assert!(answer.body.is_empty());
        }
    }

    #[test]
    fn descriptions_are_what_the_grammar_allows() {
        for description in [
            RejectionKind::CrossSite,
            RejectionKind::Expired,
            RejectionKind::UnknownKey,
            RejectionKind::Revoked,
            RejectionKind::AuthenticationTooOld,
        ]
        .map(RejectionKind::description)
        {
            // RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E; and no percent sign, for `grpc-message`.
            assert!(
                description
                    .bytes()
                    .all(|byte| matches!(byte, 0x20..=0x7E) && !b"\"\\%".contains(&byte))
            );
        }
    }
}
