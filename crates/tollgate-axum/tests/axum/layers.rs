//! Tests of the layers in `Router::layer`, `route_layer` and around a router.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::json;
use tollgate_axum::{AuthenticationExt, JwtAuth, require};
use tollgate_core::policy::{claim, role, scope};
use tollgate_core::{
    Authentication, Gate, LoginRedirect, Principal, Refusal, Rejection, RejectionKind, Source,
};
use tower::ServiceExt as _;

use crate::fixture::{Seen, bearer, refused, send, verifier};

#[tokio::test]
async fn a_route_layer_guards_only_its_route() {
    let app = Router::new()
        .route(
            "/admin",
            post(async || "purged").route_layer(require(scope("admin") | role("root"))),
        )
        .route(
            "/",
            get(async |caller: Principal| caller.subject().unwrap_or("-").to_owned()),
        )
        .layer(JwtAuth::new(verifier()));
    assert_eq!(send(&app, bearer(json!({}))).await, Seen::ok("u-7"));
    let post = |scope: &str| bearer(json!({"scope": scope})).method("POST").uri("/admin");
    assert_eq!(send(&app, post("admin")).await, Seen::ok("purged"));
    assert_eq!(
        refused(&app, post("user")).await,
        Some(RejectionKind::InsufficientScope)
    );
    // The guard does not apply to another method of the route.
    assert_eq!(
        send(&app, bearer(json!({})).uri("/admin")).await.status,
        405
    );
}

#[tokio::test]
async fn a_layer_covers_nested_routers_and_fallbacks() {
    let nested = Router::new().route("/orders", get(async |_: Principal| "orders"));
    let app = Router::new()
        .nest("/v1", nested)
        .fallback(async || "nothing here")
        .layer(JwtAuth::new(verifier()))
        .route("/health", get(async || "up"));
    assert_eq!(
        send(&app, bearer(json!({})).uri("/v1/orders")).await,
        Seen::ok("orders")
    );
    for path in ["/v1/orders", "/unknown"] {
        let kind = refused(&app, Request::get(path)).await;
        assert_eq!(kind, Some(RejectionKind::MissingCredential), "{path}");
    }
    assert_eq!(send(&app, Request::get("/health")).await, Seen::ok("up"));
}

#[tokio::test]
async fn an_outer_middleware_sees_the_rejection() {
    async fn label(request: Request, next: Next) -> Response {
        let response = next.run(request).await;
        let kind = response.extensions().get().map(Rejection::kind);
        ([("x-kind", format!("{kind:?}"))], response).into_response()
    }
    let app: Router = Router::new()
        .route("/", get(async |_: Principal| "in"))
        .layer(JwtAuth::new(verifier()))
        .layer(from_fn(label));
    let request = Request::get("/")
        .body(axum::body::Body::empty())
        .expect("valid");
    let response = tower::ServiceExt::oneshot(app, request)
        .await
        .expect("infallible");
    assert_eq!(response.headers()["x-kind"], "Some(MissingCredential)");
}

#[tokio::test]
async fn an_inner_middleware_sees_the_caller() {
    async fn greet(request: Request, next: Next) -> String {
        let name = request
            .principal()
            .and_then(|caller| caller.subject())
            .map(str::to_owned);
        format!("{name:?} {}", next.run(request).await.status())
    }
    let app = Router::new()
        .route("/", get(async || "in"))
        .layer(from_fn(greet))
        .layer(JwtAuth::new(verifier()));
    assert_eq!(
        send(&app, bearer(json!({}))).await,
        Seen::ok("Some(\"u-7\") 200 OK")
    );
}

#[tokio::test]
async fn a_refusal_of_a_handler_is_the_answer_of_the_gate() {
    async fn handler(Extension(known): Extension<Authentication>) -> Result<&'static str, Refusal> {
        known.require(&claim("tenant", "acme"))?;
        Ok("in")
    }
    let gate = Gate::builder(verifier())
        .realm("orders")
        .build()
        .expect("consistent");
    let app = Router::new()
        .route("/", get(handler))
        .layer(JwtAuth::new(gate));
    assert_eq!(
        send(&app, bearer(json!({"tenant": "acme"}))).await,
        Seen::ok("in")
    );
    let seen = send(&app, bearer(json!({"tenant": "other"}))).await;
    assert_eq!(
        (seen.status.as_u16(), seen.kind),
        (403, Some(RejectionKind::InsufficientScope))
    );
    assert!(
        seen.challenge
            .is_some_and(|challenge| challenge.starts_with("Bearer realm=\"orders\""))
    );
}

#[test]
fn a_refusal_is_an_error() {
    fn error<T: std::error::Error + Send + Sync + Clone + 'static>(error: &T) -> String {
        error.to_string()
    }
    assert!(error(&Refusal::missing_layer()).starts_with("Misconfigured"));
}

#[tokio::test]
async fn a_redirect_returns_to_the_path_that_the_browser_sent() {
    let gate = Gate::builder(verifier())
        .source(Source::cookie("access"))
        .optional()
        .login_redirect(LoginRedirect::new("/shop/login"))
        .build()
        .unwrap();
    let guarded = || {
        let greet = get(async |_: Principal| "in");
        Router::new()
            .route("/{id}", greet.clone())
            .route("/login", greet)
    };
    let inside = || guarded().layer(JwtAuth::new(gate.clone()));
    let nested = Router::new()
        .nest(
            "/shop",
            Router::new().nest("/orders", inside()).merge(inside()),
        )
        .nest("/of/{tenant}", inside())
        .merge(inside());
    let outside = Router::new()
        .nest("/shop", guarded())
        .layer(JwtAuth::new(gate.clone()));
    let location = async |app: &Router, path: &str| {
        let request = Request::get(path).header("sec-fetch-mode", "navigate");
        let request = request.body(Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let location = response.headers().get("location");
        location.map(|value| value.to_str().unwrap().to_owned())
    };
    for (app, path, expected) in [
        (&nested, "/7?a=b", Some("/shop/login?return_to=/7%3Fa%3Db")),
        (&nested, "/shop/7", Some("/shop/login?return_to=/shop/7")),
        (
            &nested,
            "/shop/orders/7?a",
            Some("/shop/login?return_to=/shop/orders/7%3Fa"),
        ),
        (&nested, "/of/a/7", Some("/shop/login")), // the path of a nested router with parameters
        (&nested, "/shop/login?return_to=/", None),
        (&outside, "/shop/7", Some("/shop/login?return_to=/shop/7")),
        (&outside, "/shop/login", None),
    ] {
        assert_eq!(location(app, path).await.as_deref(), expected, "{path}");
    }
}
