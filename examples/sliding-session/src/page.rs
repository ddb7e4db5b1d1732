//! The page and its script, unrelated to tollgate.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

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

/// Serves a file that allows only its own scripts, and no frames from other sites.
fn file(kind: &str, text: &'static str) -> impl IntoResponse {
    let policy = "default-src 'self'; frame-ancestors 'none'";
    (
        [
            (CONTENT_TYPE, format!("{kind}; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, policy.to_owned()),
        ],
        text,
    )
}
