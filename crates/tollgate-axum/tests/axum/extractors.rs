//! Tests of each extractor: accepted requests, and the responses to refused ones.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use serde_json::json;
use tollgate_axum::JwtAuth;
use tollgate_core::{
    Authenticated, Authentication, Claims, FromAuthentication, Gate, Jwt, Optional, Policy,
    Principal, Refusal, RejectionKind, Scoped,
};

use crate::fixture::{OrdersRead, OrdersWrite, Seen, bearer, refused, send, verifier};

#[derive(Debug, serde::Deserialize)]
struct Shopper {
    sub: String,
    tenant: Option<String>,
}

impl Claims for Shopper {}

#[derive(Debug, serde::Deserialize)]
struct Buyer {
    sub: String,
}

impl Claims for Buyer {
    fn policy() -> Option<&'static Policy> {
        static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::scope("orders:write"));
        Some(&POLICY)
    }
}

/// Written by hand, like the code that the derive generates for a generic type.
struct Caller<T>(T);

impl<T: From<String>> FromAuthentication for Caller<T> {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let Shopper { sub, .. } = authentication.claims()?;
        Ok(Self(T::from(sub)))
    }
}

tollgate_core::__impl_extractors! { [T,] [Caller<T>] [T: From<String>,] }

/// A custom type that is not an extractor itself.
struct Account(String);

impl FromAuthentication for Account {
    fn from_authentication(authentication: &Authentication) -> Result<Self, Refusal> {
        let subject = authentication
            .authenticated()?
            .subject()
            .unwrap_or_default();
        Ok(Self(format!("account of {subject}")))
    }
}

#[tokio::test]
async fn a_custom_type_is_extracted_behind_the_layer() {
    let routes = Router::new()
        .route(
            "/",
            get(async |Authenticated(account): Authenticated<Account>| account.0),
        )
        .route(
            "/perhaps",
            get(async |account: Option<Authenticated<Account>>| {
                account.map_or("anonymous".into(), |account| account.0.0)
            }),
        )
        .route(
            "/optional",
            get(async |Optional(account): Optional<Account>| {
                account.map_or("anonymous".into(), |account| account.0)
            }),
        );
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let app = routes.clone().layer(JwtAuth::new(gate));
    for path in ["/", "/perhaps", "/optional"] {
        let request = bearer(json!({})).uri(path);
        assert_eq!(
            send(&app, request).await,
            Seen::ok("account of u-7"),
            "{path}"
        );
        let anonymous = || Request::get(path);
        let seen = send(&app, anonymous()).await;
        if path == "/" {
            assert_eq!(
                (seen.status.as_u16(), seen.kind),
                (401, Some(RejectionKind::MissingCredential))
            );
        } else {
            assert_eq!(seen, Seen::ok("anonymous"), "{path}");
        }
        let seen = send(&routes, anonymous()).await;
        assert_eq!(
            (seen.status.as_u16(), seen.kind),
            (500, Some(RejectionKind::Misconfigured))
        );
    }
}

fn app() -> Router {
    Router::new()
        .route("/", get(async |Jwt(user): Jwt<Shopper>| user.sub))
        .route(
            "/tenant",
            get(async |user: Jwt<Shopper>| user.tenant.clone().unwrap_or_default()),
        )
        .route(
            "/me",
            get(async |caller: Principal| caller.subject().unwrap_or("-").to_owned()),
        )
        .route(
            "/read",
            get(async |caller: Scoped<OrdersRead>| caller.subject().unwrap_or("-").to_owned()),
        )
        .route(
            "/both",
            get(async |caller: Scoped<(OrdersRead, OrdersWrite)>| {
                caller.into_principal().subject().unwrap_or("-").to_owned()
            }),
        )
        .route(
            "/own",
            get(async |Caller(name): Caller<Box<str>>| name.into_string()),
        )
}

fn optional() -> Router {
    Router::new()
        .route(
            "/",
            get(async |user: Option<Jwt<Shopper>>| user.map_or("-".into(), |user| user.0.sub)),
        )
        .route(
            "/me",
            get(async |caller: Option<Principal>| caller.is_some().to_string()),
        )
        .route(
            "/read",
            get(async |caller: Option<Scoped<OrdersRead>>| caller.is_some().to_string()),
        )
        .route(
            "/own",
            get(async |caller: Option<Caller<String>>| caller.map_or("-".into(), |own| own.0)),
        )
}

#[tokio::test]
async fn every_extractor_accepts_a_valid_token() {
    let app = app().layer(JwtAuth::new(verifier()));
    for path in ["/", "/me", "/read", "/both", "/own"] {
        let request = bearer(json!({"scope": "orders:read orders:write"})).uri(path);
        assert_eq!(send(&app, request).await, Seen::ok("u-7"), "{path}");
    }
    let seen = send(&app, bearer(json!({"tenant": "acme"})).uri("/tenant")).await;
    assert_eq!(seen, Seen::ok("acme"));
}

#[tokio::test]
async fn invalid_claims_are_refused() {
    let app = app().layer(JwtAuth::new(verifier()));
    let seen = send(&app, bearer(json!({"tenant": 7}))).await;
    assert_eq!(
        (seen.status.as_u16(), seen.kind),
        (401, Some(RejectionKind::UnfitClaims))
    );
    assert!(
        seen.challenge
            .is_some_and(|challenge| challenge.contains("invalid_token"))
    );
}

#[tokio::test]
async fn missing_scopes_are_named() {
    let app = app().layer(JwtAuth::new(verifier()));
    for (path, held, wanted) in [
        ("/read", "", "scope=\"orders:read\""),
        ("/read", "orders:readx Orders:read", "scope=\"orders:read\""),
        ("/both", "orders:read", "scope=\"orders:read orders:write\""),
    ] {
        let seen = send(&app, bearer(json!({"scope": held})).uri(path)).await;
        assert_eq!(
            (seen.status.as_u16(), seen.kind),
            (403, Some(RejectionKind::InsufficientScope))
        );
        let challenge = seen.challenge.expect("a challenge");
        assert!(challenge.contains("insufficient_scope"), "{challenge}");
        assert!(challenge.ends_with(wanted), "{challenge}");
    }
}

#[tokio::test]
async fn without_the_layer_every_request_is_refused() {
    for app in [app(), optional()] {
        for path in ["/", "/me", "/read", "/own"] {
            for request in [
                Request::get(path),
                bearer(json!({"scope": "orders:read"})).uri(path),
            ] {
                let seen = send(&app, request).await;
                assert_eq!(
                    (seen.status.as_u16(), seen.kind, seen.challenge),
                    (500, Some(RejectionKind::Misconfigured), None),
                    "{path}"
                );
                assert!(!seen.text.contains("JwtAuth"), "the detail is for the log");
            }
        }
    }
}

#[tokio::test]
async fn an_optional_gate_does_not_make_extractors_optional() {
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let app = app().layer(JwtAuth::new(gate));
    for path in ["/", "/me", "/read", "/both", "/own"] {
        let seen = send(&app, Request::get(path)).await;
        assert_eq!(
            (seen.status.as_u16(), seen.kind),
            (401, Some(RejectionKind::MissingCredential))
        );
        assert_eq!(seen.challenge.as_deref(), Some("Bearer realm=\"api\""));
    }
}

#[tokio::test]
async fn none_is_only_for_an_anonymous_caller() {
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let app = optional().layer(JwtAuth::new(gate));
    for (path, anonymous, known) in [
        ("/", "-", "u-7"),
        ("/me", "false", "true"),
        ("/read", "false", "true"),
        ("/own", "-", "u-7"),
    ] {
        assert_eq!(send(&app, Request::get(path)).await, Seen::ok(anonymous));
        let request = bearer(json!({"scope": "orders:read"})).uri(path);
        assert_eq!(send(&app, request).await, Seen::ok(known));
    }
    let bad = Request::get("/").header("authorization", "Bearer bad");
    assert_eq!(
        refused(&app, bad).await,
        Some(RejectionKind::MalformedToken)
    );
    let unfit = bearer(json!({"tenant": 7}));
    assert_eq!(refused(&app, unfit).await, Some(RejectionKind::UnfitClaims));
    let unscoped = bearer(json!({})).uri("/read");
    assert_eq!(
        refused(&app, unscoped).await,
        Some(RejectionKind::InsufficientScope)
    );
}

#[tokio::test]
async fn debug_reveals_nothing_about_the_caller() {
    async fn handler(principal: Principal, scoped: Scoped<OrdersRead>) -> String {
        format!("{principal:?} {:?}", scoped.clone())
    }
    let app = Router::new()
        .route("/", get(handler))
        .layer(JwtAuth::new(verifier()));
    let seen = send(&app, bearer(json!({"scope": "orders:read"}))).await;
    assert!(
        seen.text.contains("HS256") && !seen.text.contains("u-7"),
        "{}",
        seen.text
    );
}

fn shared() -> Router {
    async fn both(Jwt(first): Jwt<Arc<Shopper>>, again: Option<Jwt<Arc<Shopper>>>) -> String {
        let Some(Jwt(again)) = again else {
            return "-".into();
        };
        format!("{} {}", first.sub, Arc::ptr_eq(&first, &again))
    }
    async fn optional(user: Option<Jwt<Arc<Shopper>>>) -> String {
        user.map_or("-".into(), |user| user.sub.clone())
    }
    Router::new()
        .route("/both", get(both))
        .route("/optional", get(optional))
        .route(
            "/buyer",
            get(async |_: Jwt<Arc<Shopper>>, buyer: Jwt<Arc<Buyer>>| buyer.sub.clone()),
        )
        .route(
            "/perhaps",
            get(async |buyer: Option<Jwt<Arc<Buyer>>>| buyer.is_some().to_string()),
        )
}

#[tokio::test]
async fn shared_claims_are_deserialized_once() {
    let app = shared().layer(JwtAuth::new(verifier()));
    let seen = send(&app, bearer(json!({})).uri("/both")).await;
    assert_eq!(seen, Seen::ok("u-7 true"));
    let seen = send(&app, bearer(json!({"tenant": 7})).uri("/both")).await;
    assert_eq!(
        (seen.status.as_u16(), seen.kind),
        (401, Some(RejectionKind::UnfitClaims))
    );
}

#[tokio::test]
async fn shared_claims_have_the_guard_of_the_type() {
    let app = shared().layer(JwtAuth::new(verifier()));
    let allowed = bearer(json!({"scope": "orders:write"})).uri("/buyer");
    assert_eq!(send(&app, allowed).await, Seen::ok("u-7"));
    for path in ["/buyer", "/perhaps"] {
        let seen = send(&app, bearer(json!({"scope": "orders:read"})).uri(path)).await;
        assert_eq!(
            (seen.status.as_u16(), seen.kind),
            (403, Some(RejectionKind::InsufficientScope))
        );
        assert_eq!(
            seen.challenge.as_deref(),
            Some(concat!(
                r#"Bearer realm="api", error="insufficient_scope", "#,
                r#"error_description="The access token does not grant this request", "#,
                r#"scope="orders:write""#
            ))
        );
    }
}

#[tokio::test]
async fn shared_claims_of_an_anonymous_caller_are_none() {
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let app = shared().layer(JwtAuth::new(gate));
    for (path, anonymous) in [("/optional", "-"), ("/perhaps", "false")] {
        assert_eq!(send(&app, Request::get(path)).await, Seen::ok(anonymous));
    }
    assert_eq!(
        refused(&app, Request::get("/both")).await,
        Some(RejectionKind::MissingCredential)
    );
    assert_eq!(
        send(&app, bearer(json!({})).uri("/optional")).await,
        Seen::ok("u-7")
    );
    let unfit = bearer(json!({"tenant": 7})).uri("/optional");
    assert_eq!(refused(&app, unfit).await, Some(RejectionKind::UnfitClaims));
}
