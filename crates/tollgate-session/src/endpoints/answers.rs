//! The responses of the endpoints (RFC 6749 section 5, RFC 9457).

use serde::Serialize;
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

/// Creates a redirect that the browser follows by `GET` (RFC 9110 section 15.4.4).
pub(super) fn see_other(location: &str) -> Answer {
    let mut answer = empty(303);
    answer.set("location", location);
    answer
}

pub(super) fn not_found() -> Answer {
    Answer::problem(404, "There is nothing here")
}

/// Converts a failure to a text that a user can read. The other fields stay.
pub(super) fn as_page(mut answer: Answer) -> Answer {
    answer.set("content-type", "text/plain; charset=utf-8");
    answer.body =
        b"The login is not available at the moment. Reload the page in a moment.".to_vec();
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

pub(super) fn malformed() -> Answer {
    Answer::oauth_error(400, "invalid_request", "The content is malformed")
}

pub(super) fn ambiguous() -> Answer {
    Answer::oauth_error(
        400,
        "invalid_request",
        "The request has both session cookies and a token",
    )
}

pub(super) fn unavailable(retry_after: u64) -> Answer {
    let mut answer = Answer::problem(503, "Sessions are not available at the moment");
    answer.set("retry-after", retry_after.max(1).to_string());
    answer
}

impl From<Unreadable> for Answer {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => malformed(),
            Unreadable::Type => Answer::problem(
                415,
                "The content must be application/json or application/x-www-form-urlencoded",
            ),
        }
    }
}

impl SessionError {
    /// Returns the response for a client, as [`SessionEndpoints`](crate::SessionEndpoints) sends
    /// it. For handlers that call [`Sessions`](crate::Sessions) themselves.
    ///
    /// The status is 400 with `invalid_grant` or `invalid_scope` (RFC 6749 section 5.2), 409 for
    /// data that has changed, 503 with `Retry-After`, or 500. Failures of the service are logged.
    ///
    /// ```
    /// use tollgate::session::{SessionError, StoreError, StoreErrorKind};
    ///
    /// let error = StoreError::new(StoreErrorKind::Timeout, "no answer within 1 s");
    /// let error = SessionError::from(error);
    /// let answer = error.answer();
    /// assert_eq!(answer.status, 503);
    /// assert_eq!(answer.header("retry-after"), Some(&b"1"[..]));
    /// ```
    pub fn answer(&self) -> Answer {
        match self.kind() {
            SessionErrorKind::Invalid | SessionErrorKind::Reuse => invalid_grant(),
            SessionErrorKind::ScopeExceeded => Answer::oauth_error(
                400,
                "invalid_scope",
                "The session does not have the scope that was asked for",
            ),
            SessionErrorKind::Unavailable => {
                tracing::error!(target: "tollgate", error = %self, "sessions are not available");
                unavailable(1)
            }
            SessionErrorKind::Conflict => {
                Answer::problem(409, "Another request has changed the data of the session")
            }
            SessionErrorKind::TooLarge | SessionErrorKind::Misconfigured => {
                tracing::error!(target: "tollgate", error = %self, "session request failed");
                Answer::problem(500, "The server failed to serve the session")
            }
        }
    }
}

/// Returns the response to an invalid refresh token (RFC 6749 section 5.2).
fn invalid_grant() -> Answer {
    Answer::oauth_error(400, "invalid_grant", "The session is over: log in again")
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
