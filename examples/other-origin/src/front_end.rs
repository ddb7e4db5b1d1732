//! The front-end: three static files, unrelated to tollgate. In production a web server or a CDN
//! serves them.

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::routing::get;

/// Returns the front-end of the API at this URL.
pub(crate) fn routes(api: &str) -> Router {
    let page = include_str!("page.html").replace("{api}", api);
    // Only its own scripts, only requests to the API, and no frames of other sites.
    let policy = format!("default-src 'self'; connect-src {api}; frame-ancestors 'none'");
    let file = move |kind: &str, text: String| {
        let fields = [
            (CONTENT_TYPE, format!("{kind}; charset=utf-8")),
            (CONTENT_SECURITY_POLICY, policy.clone()),
        ];
        get(move || async move { (fields, text) })
    };
    Router::new()
        .route("/", file("text/html", page))
        .route(
            "/page.js",
            file("text/javascript", include_str!("page.js").to_owned()),
        )
        .route(
            "/page.css",
            file("text/css", include_str!("page.css").to_owned()),
        )
}
