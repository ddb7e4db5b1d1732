//! The answer to a refused request: status, header fields and body, as plain data (RFC 6750 section
//! 3, RFC 9457).

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

use serde_json::Value;

use crate::http::Names;
use crate::http::request::Protocol;
use crate::rejection::wording;
use crate::rejection::{Rejection, RejectionKind};

/// The name of a field, in lower case, and its value.
pub(crate) type Field = (Cow<'static, str>, Cow<'static, [u8]>);

const NO_STORE: Field = constant("cache-control", b"no-store");
const PROBLEM: Field = constant("content-type", b"application/problem+json");

const fn constant(name: &'static str, value: &'static [u8]) -> Field {
    (Cow::Borrowed(name), Cow::Borrowed(value))
}

/// The response to a refused request, and of an [`Endpoint`](crate::Endpoint). An adapter converts
/// it to its framework's response, unchanged.
///
/// ```
/// use tollgate::extend::Answer;
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
    pub headers: Vec<Field>,
    /// The content.
    pub body: Vec<u8>,
}

impl Answer {
    /// Creates an answer without fields and content.
    ///
    /// ```
    /// assert!(tollgate::extend::Answer::new(403).body.is_empty());
    /// ```
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Returns the first value of a field; `name` in any case.
    ///
    /// ```
    /// assert_eq!(tollgate::extend::Answer::new(403).header("content-type"), None);
    /// ```
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(got, _)| got.eq_ignore_ascii_case(name))
            .map(|(_, value)| &value[..])
    }

    /// Sets a field and replaces all its earlier values. The adapter drops a name or a value that
    /// HTTP does not allow (RFC 9110 section 5.5), for example one with a line break.
    ///
    /// ```
    /// let mut answer = tollgate::extend::Answer::new(403);
    /// answer.set("content-type", "text/plain");
    /// answer.set("Content-Type", "text/html");
    /// assert_eq!(answer.headers.len(), 1);
    /// ```
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.headers
            .retain(|(got, _)| !got.eq_ignore_ascii_case(name));
        self.headers
            .push((name.to_ascii_lowercase().into(), Cow::Owned(value.into())));
    }

    /// Creates an [`Endpoint`](crate::Endpoint)'s response to a request that fails: a problem
    /// document (RFC 9457) that must not be cached. The client gets all of it: `code` is for
    /// programs, `detail` is one sentence for people, and `error` is the OAuth error (RFC 6749
    /// section 5.2), if there is one.
    ///
    /// ```
    /// use tollgate::extend::Answer;
    ///
    /// let answer = Answer::problem(413, "content_too_large", None, "The content is too large");
    /// assert_eq!(answer.header("content-type"), Some(&b"application/problem+json"[..]));
    /// assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
    ///
    /// let grant = Some("invalid_grant");
    /// let answer = Answer::problem(400, "session_over", grant, "The session is over");
    /// assert!(answer.body.ends_with(br#""detail":"The session is over","error":"invalid_grant"}"#));
    /// ```
    pub fn problem(status: u16, code: &str, error: Option<&str>, detail: &str) -> Self {
        let error = error.map(|error| format!(r#","error":{}"#, json(error)));
        let (code, detail) = (json(code), json(detail));
        let parts = [
            &*wording::before_code(status),
            &code,
            r#","detail":"#,
            &detail,
            error.as_deref().unwrap_or_default(),
            "}",
        ];
        Self {
            status,
            headers: vec![NO_STORE, PROBLEM],
            body: parts.concat().into_bytes(),
        }
    }

    /// Adds a field beside those of the same name, for example `set-cookie`. `name` is in lower
    /// case.
    ///
    /// ```
    /// let mut answer = tollgate::extend::Answer::new(200);
    /// answer.append("set-cookie", "a=1");
    /// answer.append("set-cookie", "b=2");
    /// assert_eq!(answer.headers.len(), 2);
    /// ```
    pub fn append(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) {
        self.headers.push((name.into(), Cow::Owned(value.into())));
    }
}

/// Shows neither values nor content: an endpoint's answer may contain tokens.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("headers", &Names(&self.headers))
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Creates the answer for a rejection. `opening` is the result of [`opening`] for the realm.
pub(crate) fn of(rejection: &Rejection, opening: &str, protocol: Protocol) -> Answer {
    let kind = rejection.kind();
    let mut answer = Answer {
        status: kind.status(),
        headers: Vec::with_capacity(5),
        body: Vec::new(),
    };
    if matches!(answer.status, 400 | 401) || kind == RejectionKind::InsufficientScope {
        let challenge = challenge(rejection, opening).into_bytes();
        answer
            .headers
            .push((Cow::Borrowed("www-authenticate"), Cow::Owned(challenge)));
    }
    if let Some(after) = rejection.retry_after() {
        let seconds = after
            .as_secs()
            .saturating_add(u64::from(after.subsec_nanos() > 0))
            .max(1);
        answer.append("retry-after", seconds.to_string());
    }
    answer.headers.push(NO_STORE);
    match protocol {
        Protocol::Http => {
            answer.headers.push(PROBLEM);
            answer.body = problem(rejection).into_bytes();
        }
        Protocol::Grpc => trailers_only(&mut answer, kind),
    }
    answer
}

/// Converts the answer of a gate to the form for gRPC, unless it has it already.
#[cfg(feature = "tonic")]
pub(crate) fn into_grpc(mut answer: Answer, kind: RejectionKind) -> Answer {
    if answer.header("grpc-status").is_none() {
        answer.headers.retain(|(name, _)| name != "content-type");
        answer.body.clear();
        trailers_only(&mut answer, kind);
    }
    answer
}

/// Creates the problem document of RFC 9457 section 3, with the OAuth error.
fn problem(rejection: &Rejection) -> String {
    let mut problem = String::from(wording::of(rejection.kind()).problem);
    if rejection.scope().is_some() || rejection.max_age().is_some() {
        problem.pop(); // the closing brace
        // Writing into a `String` cannot fail.
        if let Some(scope) = rejection.scope() {
            let _ = write!(problem, r#","scope":{}"#, json(scope));
        }
        if let Some(age) = rejection.max_age() {
            let _ = write!(problem, r#","max_age":{}"#, age.as_secs());
        }
        problem.push('}');
    }
    problem
}

/// Converts an answer for gRPC over HTTP/2: a failed call has the status 200, `grpc-status` among
/// the headers and no content.
fn trailers_only(answer: &mut Answer, kind: RejectionKind) {
    let status: &[u8] = match answer.status {
        400 | 401 => b"16", // UNAUTHENTICATED
        403 => b"7",        // PERMISSION_DENIED
        503 => b"14",       // UNAVAILABLE
        _ => b"13",         // INTERNAL
    };
    answer.status = 200;
    answer.headers.extend([
        constant("content-type", b"application/grpc"),
        constant("grpc-status", status),
        constant("grpc-message", wording::of(kind).description.as_bytes()),
    ]);
}

/// Creates the challenge. RFC 6750 section 3: the scheme "MUST be followed by one or more
/// auth-param values", so it always has a realm.
fn challenge(rejection: &Rejection, opening: &str) -> String {
    let parameters = wording::of(rejection.kind()).parameters;
    let mut challenge = String::with_capacity(opening.len() + parameters.len());
    challenge.push_str(opening);
    challenge.push_str(parameters);
    if let Some(scope) = rejection.scope() {
        challenge.push_str(", scope=");
        quote(&mut challenge, scope);
    }
    if let Some(age) = rejection.max_age() {
        let _ = write!(challenge, ", max_age=\"{}\"", age.as_secs());
    }
    challenge
}

/// Returns the start of all challenges of a realm. The gate computes it once.
pub(crate) fn opening(realm: &str) -> String {
    let mut opening = String::from("Bearer realm=");
    quote(&mut opening, realm);
    opening
}

/// Writes a quoted string (RFC 9110 section 5.6.4).
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

/// Encodes a text as a JSON string.
fn json(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
