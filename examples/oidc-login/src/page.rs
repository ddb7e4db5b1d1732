//! The page with its script, and the error page of a failed login.

use std::fmt::Display;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tollgate::{Rejection, RejectionKind};

use crate::options::PROGRAM;

pub(crate) fn routes() -> Router {
    Router::new()
        .route(
            "/",
            get(async || file("text/html", include_str!("page.html"))),
        )
        .route(
            "/page.js",
            get(async || file("text/javascript", include_str!("page.js"))),
        )
        .route(
            "/page.css",
            get(async || file("text/css", include_str!("page.css"))),
        )
}

/// Allows only the page's own scripts, and no frames from other sites.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'";

fn file(kind: &str, text: &'static str) -> impl IntoResponse {
    (
        [
            (CONTENT_TYPE, format!("{kind}; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        ],
        text,
    )
}

/// The error page of a failed login. It contains nothing from the request.
pub(crate) struct Failure {
    status: StatusCode,
    text: &'static str,
}

impl Failure {
    pub(crate) const fn new(status: StatusCode, text: &'static str) -> Self {
        Self { status, text }
    }

    /// The provider is unreachable or its response is invalid. Existing sessions are not affected.
    pub(crate) fn no_provider() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The provider is out of reach just now.",
        )
    }

    /// The provider's token is invalid, or its keys are unavailable.
    #[allow(clippy::needless_pass_by_value)] // the signature that `map_err` needs
    pub(crate) fn untrusted(problem: Rejection) -> Self {
        eprintln!("{PROGRAM}: the ID token is refused: {problem}");
        match problem.kind() {
            RejectionKind::Unavailable => Self::no_provider(),
            _ => Self::no_trust(),
        }
    }

    pub(crate) const fn no_trust() -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "The provider's answer cannot be trusted.",
        )
    }

    /// An internal error.
    #[allow(clippy::needless_pass_by_value)] // the signature that `map_err` needs
    pub(crate) fn internal(problem: impl Display) -> Self {
        eprintln!("{PROGRAM}: {problem}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong here.",
        )
    }

    pub(crate) fn page(text: &str) -> String {
        include_str!("failure.html").replace("{text}", text)
    }
}

/// Sets the fields that each response of the login has, also the refusals of the gate and of the
/// extractors.
pub(crate) async fn protect(mut response: Response) -> Response {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"), // the URL may contain a code
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let fields = [(CONTENT_TYPE, "text/html; charset=utf-8")];
        let mut response = (self.status, fields, Self::page(self.text)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
