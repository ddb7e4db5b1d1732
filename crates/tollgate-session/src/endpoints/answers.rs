//! The responses of the endpoints (RFC 6749 section 5, RFC 9457).

use serde::Serialize;
use serde_json::{Map, Value, json};
use tollgate_core::{Answer, HeaderEdits};

use super::content::Unreadable;
use crate::error::{SessionError, SessionErrorKind};
use crate::sessions::Tokens;

/// Creates a response without content that must not be cached.
pub(super) fn empty(status: u16) -> Answer {
    let mut answer = Answer::new(status);
    answer.set("cache-control", "no-store");
    answer
}

pub(super) fn of_json(body: &impl Serialize) -> Answer {
    let mut answer = empty(200);
    answer.set("content-type", "application/json");
    answer.set("x-content-type-options", "nosniff");
    answer.body = serde_json::to_vec(body).unwrap_or_default();
    answer
}

/// Adds header fields to a response.
pub(super) fn with(mut answer: Answer, edits: &HeaderEdits) -> Answer {
    for (name, value) in edits.iter() {
        answer.append(name.to_owned(), value);
    }
    answer
}

/// RFC 9457 section 3, with the OAuth error beside it. No text of the client's is in it.
pub(super) fn problem(status: u16, error: Option<&'static str>, detail: &'static str) -> Answer {
    let title = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    let mut body = Map::new();
    for (name, value) in [
        ("type", json!("about:blank")),
        ("title", title.into()),
        ("status", status.into()),
        ("detail", detail.into()),
    ] {
        body.insert(name.to_owned(), value);
    }
    if let Some(error) = error {
        body.insert("error".to_owned(), error.into());
    }
    let mut answer = empty(status);
    answer.set("content-type", "application/problem+json");
    answer.body = Value::Object(body).to_string().into_bytes();
    answer
}

pub(super) fn malformed() -> Answer {
    problem(400, Some("invalid_request"), "The content is malformed")
}

pub(super) fn unavailable(retry_after: u64) -> Answer {
    let mut answer = problem(503, None, "Sessions are not available at the moment");
    answer.set("retry-after", retry_after.max(1).to_string());
    answer
}

impl From<Unreadable> for Answer {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => malformed(),
            Unreadable::Type => problem(
                415,
                None,
                "The content must be application/json or application/x-www-form-urlencoded",
            ),
        }
    }
}

impl SessionError {
    /// Returns the response for a client, as [`SessionEndpoints`](crate::SessionEndpoints) sends
    /// it. For handlers that call [`Sessions`](crate::Sessions) themselves.
    ///
    /// The status is 400 with `invalid_grant` or `invalid_scope` (RFC 6749 section 5.2), 503 with
    /// `Retry-After`, or 500. Failures of the service are logged.
    ///
    /// ```
    /// use tollgate_session::{SessionError, StoreError, StoreErrorKind};
    ///
    /// let error = SessionError::from(StoreError::new(StoreErrorKind::Timeout, "no answer within 1 s"));
    /// let answer = error.answer();
    /// assert_eq!(answer.status, 503);
    /// assert_eq!(answer.header("retry-after"), Some(&b"1"[..]));
    /// ```
    pub fn answer(&self) -> Answer {
        of_error(self)
    }
}

/// The answer for a failure. Which failure of the client's it was, is not told; what is wrong on
/// our side goes to the log.
pub(super) fn of_error(error: &SessionError) -> Answer {
    match error.kind() {
        SessionErrorKind::Invalid | SessionErrorKind::Reuse => invalid_grant(),
        SessionErrorKind::ScopeExceeded => problem(
            400,
            Some("invalid_scope"),
            "The session does not have the scope that was asked for",
        ),
        SessionErrorKind::Unavailable => {
            tracing::error!(target: "tollgate", %error, "session store failed");
            unavailable(1)
        }
        SessionErrorKind::TooLarge | SessionErrorKind::Misconfigured => {
            tracing::error!(target: "tollgate", %error, "session request failed");
            problem(500, None, "The server failed to serve the session")
        }
    }
}

/// RFC 6749 section 5.2.
pub(super) fn invalid_grant() -> Answer {
    problem(400, Some("invalid_grant"), "The session is over: log in again")
}

/// The token response (RFC 6749 section 5.1).
#[derive(Serialize)]
pub(super) struct TokenBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    refresh_expires_in: u64,
    scope: &'a str,
}

impl<'a> TokenBody<'a> {
    pub(super) fn of(tokens: &'a Tokens) -> Self {
        Self {
            access_token: &tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in,
            refresh_token: &tokens.refresh_token,
            refresh_expires_in: tokens.refresh_expires_in,
            scope: &tokens.scope,
        }
    }
}

/// The content of a response that sets the tokens in cookies. It contains no token.
#[derive(Serialize)]
pub(super) struct CookieBody<'a> {
    expires_in: u64,
    refresh_expires_in: u64,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<&'a str>,
}

impl<'a> CookieBody<'a> {
    pub(super) fn of(tokens: &'a Tokens) -> Self {
        Self {
            expires_in: tokens.expires_in,
            refresh_expires_in: tokens.refresh_expires_in,
            scope: &tokens.scope,
            csrf_token: tokens.csrf.as_deref(),
        }
    }
}
