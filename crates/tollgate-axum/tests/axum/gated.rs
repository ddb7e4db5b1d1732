//! Extraction with the gate in the router's state.

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::routing::get;
use serde_json::json;
use tollgate_axum::JwtAuth;
use tollgate_core::{Gate, Gated, Jwt, Principal, RejectionKind, Scoped, Source};

use crate::fixture::{OrdersRead, Seen, bearer, refused, send, token, verifier};

#[derive(Clone)]
struct App {
    gate: Gate,
}

impl FromRef<App> for Gate {
    fn from_ref(app: &App) -> Self {
        app.gate.clone()
    }
}

#[derive(serde::Deserialize)]
struct Shopper {
    sub: String,
}

impl tollgate_core::Claims for Shopper {}

fn routes() -> Router<App> {
    Router::new()
        .route(
            "/",
            get(async |Gated(Jwt(user)): Gated<Jwt<Shopper>>| user.sub),
        )
        .route("/read", get(async |_: Gated<Scoped<OrdersRead>>| "read"))
        .route(
            "/optional",
            get(async |Gated(caller): Gated<Option<Principal>>| caller.is_some().to_string()),
        )
        .route("/open", get(async || "open"))
}

fn app(gate: impl Into<Gate>) -> Router {
    routes().with_state(App { gate: gate.into() })
}

#[tokio::test]
async fn the_gate_in_the_state_decides() {
    let app = app(verifier());
    assert_eq!(send(&app, bearer(json!({}))).await, Seen::ok("u-7"));
    assert_eq!(
        refused(&app, Request::get("/")).await,
        Some(RejectionKind::MissingCredential)
    );
    let expired = bearer(json!({"exp": 1_600_000_000}));
    assert_eq!(refused(&app, expired).await, Some(RejectionKind::Expired));
    let unscoped = bearer(json!({})).uri("/read");
    assert_eq!(
        refused(&app, unscoped).await,
        Some(RejectionKind::InsufficientScope)
    );
    assert_eq!(send(&app, Request::get("/open")).await, Seen::ok("open"));
}

#[tokio::test]
async fn the_gate_determines_optional_authentication() {
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let lenient = app(gate);
    assert_eq!(
        send(&lenient, Request::get("/optional")).await,
        Seen::ok("false")
    );
    assert_eq!(
        send(&lenient, bearer(json!({})).uri("/optional")).await,
        Seen::ok("true")
    );
    let bad = Request::get("/optional").header("authorization", "Bearer bad");
    assert_eq!(
        refused(&lenient, bad).await,
        Some(RejectionKind::MalformedToken)
    );
    let strict = app(verifier());
    let anonymous = refused(&strict, Request::get("/optional")).await;
    assert_eq!(anonymous, Some(RejectionKind::MissingCredential));
}

#[tokio::test]
async fn the_state_can_be_a_gate() {
    let app = Router::new()
        .route(
            "/",
            get(async |Gated(caller): Gated<Principal>| caller.subject().unwrap_or("-").to_owned()),
        )
        .with_state(Gate::from(verifier()));
    assert_eq!(send(&app, bearer(json!({}))).await, Seen::ok("u-7"));
}

#[tokio::test]
async fn several_extractors_see_the_same_caller() {
    type Together = Gated<(Principal, Option<Scoped<OrdersRead>>, Jwt<Shopper>)>;
    async fn together(Gated((first, second, Jwt(third))): Together) -> String {
        assert_eq!(
            first.subject(),
            second
                .and_then(|user| user.subject().map(str::to_owned))
                .as_deref()
        );
        third.sub
    }
    async fn beside(
        Gated(first): Gated<Principal>,
        Gated(Jwt(second)): Gated<Jwt<Shopper>>,
    ) -> String {
        assert_eq!(first.subject(), Some(&*second.sub));
        second.sub
    }
    let app = Router::new()
        .route("/together", get(together))
        .route("/beside", get(beside))
        .with_state(App {
            gate: Gate::from(verifier()),
        });
    let readers = |path| bearer(json!({"scope": "orders:read"})).uri(path);
    assert_eq!(send(&app, readers("/together")).await, Seen::ok("u-7"));
    assert_eq!(send(&app, readers("/beside")).await, Seen::ok("u-7"));
    // Each of them can refuse the request.
    let unscoped = bearer(json!({})).uri("/together");
    assert_eq!(
        refused(&app, unscoped).await,
        Some(RejectionKind::InsufficientScope)
    );
}

#[tokio::test]
async fn a_plain_extractor_beside_it_requires_a_layer() {
    let handler = async |_: Gated<Principal>, _: Principal| "in";
    let app = Router::new()
        .route("/", get(handler))
        .with_state(Gate::from(verifier()));
    assert_eq!(
        refused(&app, bearer(json!({}))).await,
        Some(RejectionKind::Misconfigured)
    );
}

/// The layer reads the header, and the gate in the state reads a cookie.
#[tokio::test]
async fn a_decision_of_another_gate_is_ignored() {
    let by_cookie = Gate::builder(verifier())
        .source(Source::cookie("access"))
        .build()
        .expect("consistent");
    let cookie = || format!("access={}", token(json!({})));
    let app = app(by_cookie.clone());
    let lax = app.clone().layer(JwtAuth::new(verifier()));
    assert_eq!(
        refused(&lax, bearer(json!({}))).await,
        Some(RejectionKind::MissingCredential)
    );
    assert_eq!(
        send(&lax, bearer(json!({})).header("cookie", cookie())).await,
        Seen::ok("u-7")
    );
    // The same gate in both places decides once.
    let same = app.layer(JwtAuth::new(by_cookie));
    assert_eq!(
        send(&same, Request::get("/").header("cookie", cookie())).await,
        Seen::ok("u-7")
    );
}
