//! The responses of the endpoints (RFC 6749 section 5, RFC 9457).

use serde::Serialize;
use tollgate_core::{Answer, HeaderEdits};

use super::content::Unreadable;
use super::refused::{self, Refused};
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

/// Converts a failure to a text that a user can read. The other fields stay.
pub(super) fn as_page(mut refused: Refused) -> Refused {
    let answer = &mut refused.answer;
    answer.set("content-type", "text/plain; charset=utf-8");
    answer.body =
        b"The login is not available at the moment. Reload the page in a moment.".to_vec();
    refused
}

pub(super) fn of_json(body: &impl Serialize) -> Answer {
    let mut answer = empty(200);
    answer.set("content-type", "application/json");
    answer.set("x-content-type-options", "nosniff");
    answer.body = serde_json::to_vec(body).unwrap_or_default();
    answer
}

/// Creates the response with tokens in its content.
pub(super) fn in_json(tokens: &Tokens) -> Answer {
    of_json(&TokenBody::of(tokens))
}

/// Creates the response that sets tokens in cookies.
pub(super) fn in_cookies(tokens: &Tokens, edits: &HeaderEdits) -> Answer {
    with(of_json(&CookieBody::of(tokens)), edits)
}

/// Adds header fields to a response.
pub(super) fn with(mut answer: Answer, edits: &HeaderEdits) -> Answer {
    for (name, value) in edits.iter() {
        answer.append(name.to_owned(), value);
    }
    answer
}

impl From<Unreadable> for Refused {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => refused::malformed(),
            Unreadable::Type => Self::new(
                415,
                "unsupported_content_type",
                None,
                "The content must be application/json or a form",
            ),
        }
    }
}

impl From<&SessionError> for Refused {
    fn from(error: &SessionError) -> Self {
        match error.kind() {
            SessionErrorKind::Invalid | SessionErrorKind::Reuse => refused::session_over(),
            SessionErrorKind::ScopeExceeded => Self::new(
                400,
                "scope_exceeded",
                Some("invalid_scope"),
                "The session does not have the scope that was asked for",
            ),
            SessionErrorKind::Unavailable => {
                tracing::error!(target: "tollgate", %error, "sessions are not available");
                refused::unavailable(1)
            }
            SessionErrorKind::Conflict => Self::new(
                409,
                "conflict",
                None,
                "Another request has changed the data of the session",
            ),
            SessionErrorKind::Impersonated => refused::impersonated(),
            SessionErrorKind::TooLarge | SessionErrorKind::Misconfigured => {
                tracing::error!(target: "tollgate", %error, "session request failed");
                Self::new(
                    500,
                    "misconfigured",
                    None,
                    "The server failed to serve the session",
                )
            }
        }
    }
}

impl SessionError {
    /// Returns the response for a client, as [`SessionEndpoints`](crate::SessionEndpoints) sends
    /// it. For handlers that call [`Sessions`](crate::Sessions) themselves.
    ///
    /// The status is 400 with `invalid_grant` or `invalid_scope` (RFC 6749 section 5.2), 403 for
    /// what an actor may not do, 409 for data that has changed, 503 with `Retry-After`, or 500.
    /// Failures of the service are logged.
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
        Refused::from(self).answer
    }
}

/// The token response (RFC 6749 section 5.1).
#[derive(Serialize)]
struct TokenBody<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: &'a str,
    refresh_expires_in: u64,
    scope: &'a str,
}

impl<'a> TokenBody<'a> {
    fn of(tokens: &'a Tokens) -> Self {
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
struct CookieBody<'a> {
    expires_in: u64,
    refresh_expires_in: u64,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<&'a str>,
}

impl<'a> CookieBody<'a> {
    fn of(tokens: &'a Tokens) -> Self {
        Self {
            expires_in: tokens.expires_in,
            refresh_expires_in: tokens.refresh_expires_in,
            scope: &tokens.scope,
            csrf_token: tokens.csrf.as_deref(),
        }
    }
}
