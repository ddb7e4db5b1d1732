//! Tests of a derived type as an extractor of every enabled framework.

use actix_web::test::TestRequest;
use actix_web::web;
use serde_json::{Value, json};
use tollgate::{Claims, Gate, Key, Scope, SigningKey, Verifier, policy, scopes};
use tower::ServiceExt;

scopes! {
    /// May read orders.
    OrdersRead = "orders:read",
    OrdersWrite = "orders:write",
}

#[derive(Debug, Clone, serde::Deserialize, Claims)]
#[claims(scope = OrdersRead, any_role("clerk", "admin"))]
struct Shopper {
    sub: String,
    #[serde(default)]
    tenant: Option<String>,
}

/// A type with generic parameters, defaults and bounds.
#[derive(serde::Deserialize, Claims)]
struct With<T: Clone = u8, const N: usize = 1>
where
    T: Default,
{
    sub: String,
    custom: T,
    #[serde(skip)]
    size: std::marker::PhantomData<[T; N]>,
}

/// A module that shadows names of the prelude.
mod crowded {
    #![allow(dead_code)]
    struct Result;
    struct Option;
    struct Send;
    struct Sync;
    struct Parts;

    #[derive(serde::Deserialize, tollgate::Claims)]
    #[claims(scope = "orders:read")]
    pub(crate) struct Caller {
        pub(crate) sub: std::string::String,
    }
}

/// A re-export of tollgate, as in another crate.
mod renamed {
    pub(crate) mod auth {
        pub(crate) use tollgate::*;
    }

    #[derive(serde::Deserialize, tollgate::Claims)]
    #[claims(crate = crate::renamed::auth, role = "admin")]
    pub(crate) struct Admin {
        pub(crate) sub: String,
    }
}

fn gate() -> Gate {
    let verifier = Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .role_claim("roles")
        .key(Key::hs256([7; 32]).expect("long enough"))
        .clock(|| 1_700_000_000)
        .build()
        .expect("consistent");
    Gate::builder(verifier)
        .optional()
        .build()
        .expect("consistent")
}

/// Creates the `Authorization` field of a token with these claims.
fn bearer(more: Value) -> String {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
    });
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
        claims.extend(more);
    }
    let key = SigningKey::hs256([7; 32]).expect("long enough");
    format!("Bearer {}", key.encode(&claims).expect("serialisable"))
}

fn axum_app() -> axum::Router {
    use axum::routing::get;
    axum::Router::new()
        .route(
            "/",
            get(async |user: Shopper| format!("{} {:?}", user.sub, user.tenant)),
        )
        .route(
            "/optional",
            get(async |user: Option<Shopper>| user.is_some().to_string()),
        )
        .route(
            "/with",
            get(async |user: With<u8, 2>| format!("{} {} {:?}", user.sub, user.custom, user.size)),
        )
        .route("/crowded", get(async |user: crowded::Caller| user.sub))
        .route("/renamed", get(async |user: renamed::Admin| user.sub))
        .route(
            "/wrapped",
            get(async |user: tollgate::Jwt<Shopper>| user.0.sub),
        )
        .layer(tollgate::axum::JwtAuth::new(gate()))
}

fn actix_routes(config: &mut web::ServiceConfig) {
    use tollgate::Optional;
    config
        .route(
            "/",
            web::get().to(async |user: Shopper| format!("{} {:?}", user.sub, user.tenant)),
        )
        .route(
            "/optional",
            web::get().to(async |Optional(user): Optional<Shopper>| user.is_some().to_string()),
        )
        .route(
            "/with",
            web::get().to(async |user: With<u8, 2>| {
                format!("{} {} {:?}", user.sub, user.custom, user.size)
            }),
        )
        .route(
            "/crowded",
            web::get().to(async |user: crowded::Caller| user.sub),
        )
        .route(
            "/renamed",
            web::get().to(async |user: renamed::Admin| user.sub),
        )
        .route(
            "/wrapped",
            web::get().to(async |user: tollgate::Jwt<Shopper>| user.0.sub),
        );
}

async fn by_axum(path: &str, authorization: Option<&str>) -> (u16, String) {
    let mut request = axum::extract::Request::get(path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(axum::body::Body::empty()).expect("valid");
    let response = axum_app().oneshot(request).await.expect("infallible");
    let status = response.status().as_u16();
    let content = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    let content = content.expect("in memory").to_vec();
    (status, String::from_utf8(content).expect("text"))
}

async fn by_actix(path: &str, authorization: Option<&str>) -> (u16, String) {
    let app = actix_web::App::new()
        .configure(actix_routes)
        .wrap(tollgate::actix::JwtAuth::new(gate()));
    let app = actix_web::test::init_service(app).await;
    let mut request = TestRequest::with_uri(path);
    if let Some(value) = authorization {
        request = request.insert_header(("authorization", value));
    }
    let response = actix_web::test::call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let content = actix_web::test::read_body(response).await.to_vec();
    (status, String::from_utf8(content).expect("text"))
}

/// Returns the response of both frameworks, which must be byte-identical.
async fn answer(path: &str, authorization: Option<&str>) -> (u16, String) {
    let answer = by_axum(path, authorization).await;
    assert_eq!(by_actix(path, authorization).await, answer, "{path}");
    answer
}

#[actix_web::test]
async fn the_type_is_an_extractor() {
    let good = bearer(json!({"scope": "orders:read", "roles": ["clerk"], "tenant": "acme"}));
    assert_eq!(
        answer("/", Some(&good)).await,
        (200, "u-7 Some(\"acme\")".into())
    );
    assert_eq!(answer("/optional", Some(&good)).await, (200, "true".into()));
    assert_eq!(answer("/crowded", Some(&good)).await, (200, "u-7".into()));
    assert_eq!(answer("/wrapped", Some(&good)).await, (200, "u-7".into()));
    let custom = bearer(json!({"custom": 8}));
    assert_eq!(
        answer("/with", Some(&custom)).await,
        (200, "u-7 8 PhantomData<[u8; 2]>".into())
    );
}

#[actix_web::test]
async fn the_scope_and_role_of_the_type_are_required() {
    let unscoped = bearer(json!({"scope": "orders:write", "roles": ["clerk"]}));
    for path in ["/", "/optional", "/crowded", "/wrapped"] {
        let (status, problem) = answer(path, Some(&unscoped)).await;
        assert_eq!(status, 403);
        assert!(problem.contains(r#""scope":"orders:read""#), "{problem}");
    }
    let no_role = bearer(json!({"scope": "orders:read"}));
    for path in ["/", "/optional", "/renamed"] {
        let (status, problem) = answer(path, Some(&no_role)).await;
        assert_eq!(status, 403);
        assert!(
            !problem.contains(r#""scope""#),
            "no scope is sufficient: {problem}"
        );
    }
    let admin = bearer(json!({"roles": ["admin"]}));
    assert_eq!(answer("/renamed", Some(&admin)).await, (200, "u-7".into()));
}

#[actix_web::test]
async fn the_claims_must_fit_the_type() {
    let unfit =
        bearer(json!({"scope": "orders:read", "roles": ["clerk"], "tenant": 7, "custom": 256}));
    for path in ["/", "/optional", "/with"] {
        assert_eq!(answer(path, Some(&unfit)).await.0, 401, "{path}");
    }
}

#[actix_web::test]
async fn only_optional_accepts_an_anonymous_caller() {
    assert_eq!(answer("/optional", None).await, (200, "false".into()));
    for path in ["/", "/with", "/crowded", "/renamed"] {
        assert_eq!(answer(path, None).await.0, 401, "{path}");
    }
    assert_eq!(answer("/optional", Some("Bearer bad")).await.0, 401);
}

#[test]
fn scopes_are_types_and_policies() {
    assert_eq!(OrdersRead::NAME, "orders:read");
    let both = <(OrdersRead, OrdersWrite) as tollgate::policy::ScopeSet>::policy();
    assert!(!both.permits(&policy::Held::new().scope("orders:read")));
    let free = tollgate::all([
        tollgate::scope("orders:read"),
        tollgate::not(tollgate::role("guest")),
    ]);
    assert!(free.permits(&policy::Held::new().scope("orders:read")));
}
