//! The page and its script, and the page of a login that failed.

use std::fmt::Display;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tollgate::{Rejection, RejectionKind};

use crate::options::PROGRAM;

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", get(async || file("text/html", include_str!("page.html"))))
        .route(
            "/page.js",
            get(async || file("text/javascript", include_str!("page.js"))),
        )
        .route(
            "/page.css",
            get(async || file("text/css", include_str!("page.css"))),
        )
}

/// No script but its own, and no other site's frame around it.
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

/// A login that failed, as the user is told of it. Nothing that came with the request is in it.
pub(crate) struct Failure {
    status: StatusCode,
    text: &'static str,
}

impl Failure {
    pub(crate) const fn new(status: StatusCode, text: &'static str) -> Self {
        Self { status, text }
    }

    /// The provider cannot be reached, or makes no sense. Whoever is logged in already stays so.
    pub(crate) fn no_provider() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The provider is out of reach just now.",
        )
    }

    /// What the provider says is not to be believed, or cannot be judged for want of its keys.
    #[allow(clippy::needless_pass_by_value)] // as `map_err` has it
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

    /// A fault of this service's.
    #[allow(clippy::needless_pass_by_value)] // as `map_err` has it
    pub(crate) fn internal(problem: impl Display) -> Self {
        eprintln!("{PROGRAM}: {problem}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here.")
    }

    pub(crate) fn page(text: &str) -> String {
        include_str!("failure.html").replace("{text}", text)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let fields = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"), // there may be a code in this page's address
        ];
        let mut response = (self.status, fields, Self::page(self.text)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, axum::http::HeaderValue::from_static("5"));
        }
        response
    }
}
