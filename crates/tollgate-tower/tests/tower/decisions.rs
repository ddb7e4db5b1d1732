//! Accepted and refused requests, and the responses to them.

use http::{Request, StatusCode};
use serde_json::{Value, json};
use tollgate_core::policy::{Policy, role, scope};
use tollgate_core::{Gate, RejectionKind, Source};
use tollgate_tower::{JwtAuth, require};
use tower::{ServiceBuilder, ServiceExt};

use crate::fixture::{get, kind, text, token, verifier, whoami, with_scope};

#[tokio::test]
async fn a_valid_token_reaches_the_service() {
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(verifier()))
        .service_fn(whoami);
    let response = service
        .oneshot(get(token(json!({}))))
        .await
        .expect("infallible");
    assert_eq!((response.status(), kind(&response)), (StatusCode::OK, None));
    assert_eq!(text(response).await, "u-7");
}

#[tokio::test]
async fn a_refusal_is_the_response_of_the_gate() {
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(verifier()))
        .service_fn(whoami);
    for (request, status, expected) in [
        (Request::new(()), 401, RejectionKind::MissingCredential),
        (get("x.y"), 401, RejectionKind::MalformedToken),
        (get(""), 400, RejectionKind::MalformedCredential),
        (
            get(token(json!({"exp": 1_600_000_000}))),
            401,
            RejectionKind::Expired,
        ),
        (
            get(token(json!({"aud": "other"}))),
            401,
            RejectionKind::WrongAudience,
        ),
    ] {
        let answer = Gate::from(verifier())
            .decide(&tollgate_tower::RequestHead::from(&request))
            .expect_err("each is refused")
            .into_parts()
            .1;
        let response = service.clone().oneshot(request).await.expect("infallible");
        assert_eq!(
            (response.status().as_u16(), kind(&response)),
            (status, Some(expected))
        );
        let sent: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_bytes().to_vec().into()))
            .collect();
        assert_eq!(sent, answer.headers, "{expected:?}");
        assert_eq!(
            text(response).await.into_bytes(),
            answer.body,
            "{expected:?}"
        );
    }
}

#[tokio::test]
async fn fields_set_by_a_hook_are_sent_if_http_allows_them() {
    let gate = Gate::builder(verifier())
        .on_rejection(|_, answer| {
            answer.status = 9999;
            answer.headers.push(("x-twice".into(), b"1".into()));
            answer.headers.push(("x-twice".into(), b"2".into()));
            answer.set("bad name", "x");
            answer.set("", "x");
            answer.set("x-split", "a\r\nset-cookie: b=c");
            answer.body = b"no".to_vec();
        })
        .build()
        .expect("consistent");
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(gate))
        .service_fn(whoami);
    let response = service.oneshot(Request::new(())).await.expect("infallible");
    assert_eq!(response.status(), 500);
    let twice: Vec<_> = response.headers().get_all("x-twice").iter().collect();
    assert_eq!(twice, ["1", "2"]);
    assert!(!response.headers().contains_key("x-split"));
    assert!(!response.headers().contains_key("set-cookie"));
    assert!(response.headers().values().all(|value| value != "x"));
    assert_eq!(text(response).await, "no");
}

#[tokio::test]
async fn an_optional_gate_accepts_no_token_and_refuses_an_invalid_one() {
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(gate))
        .service_fn(whoami);
    let anonymous = service
        .clone()
        .oneshot(Request::new(()))
        .await
        .expect("infallible");
    assert_eq!(text(anonymous).await, "-");
    let known = service
        .clone()
        .oneshot(get(token(json!({}))))
        .await
        .expect("infallible");
    assert_eq!(text(known).await, "u-7");
    let bad = service.oneshot(get("bad")).await.expect("infallible");
    assert_eq!(bad.status(), 401);
}

#[tokio::test]
async fn a_preflight_passes_only_if_configured() {
    let preflight = || {
        Request::options("/orders")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "PUT")
            .body(())
            .expect("valid")
    };
    let strict = ServiceBuilder::new()
        .layer(JwtAuth::new(verifier()))
        .service_fn(whoami);
    assert_eq!(
        strict
            .oneshot(preflight())
            .await
            .expect("infallible")
            .status(),
        401
    );

    let gate = Gate::builder(verifier())
        .pass_preflight()
        .build()
        .expect("consistent");
    let passing = ServiceBuilder::new()
        .layer(JwtAuth::new(gate))
        .service_fn(whoami);
    let passed = passing
        .clone()
        .oneshot(preflight())
        .await
        .expect("infallible");
    assert_eq!(text(passed).await, "-");
    let mut no_preflight = preflight();
    *no_preflight.method_mut() = http::Method::GET;
    assert_eq!(
        passing
            .oneshot(no_preflight)
            .await
            .expect("infallible")
            .status(),
        401
    );
}

#[tokio::test]
async fn require_checks_the_policy() {
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(verifier()))
        .layer(require(scope("orders:read") | role("root")))
        .service_fn(whoami);
    let held = service
        .clone()
        .oneshot(get(with_scope("orders:read")))
        .await
        .expect("infallible");
    assert_eq!(text(held).await, "u-7");
    let lacking = service
        .oneshot(get(with_scope("orders:write")))
        .await
        .expect("infallible");
    assert_eq!(lacking.status(), 403);
    assert_eq!(kind(&lacking), Some(RejectionKind::InsufficientScope));
    let problem: Value = serde_json::from_str(&text(lacking).await).expect("problem+json");
    assert_eq!(problem["scope"], "orders:read");
}

#[tokio::test]
async fn require_refuses_anonymous_requests_for_any_policy() {
    let gate = Gate::builder(verifier())
        .optional()
        .build()
        .expect("consistent");
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(gate))
        .layer(require(Policy::allow()))
        .service_fn(whoami);
    let anonymous = service
        .clone()
        .oneshot(Request::new(()))
        .await
        .expect("infallible");
    assert_eq!(kind(&anonymous), Some(RejectionKind::MissingCredential));
    let known = service
        .oneshot(get(token(json!({}))))
        .await
        .expect("infallible");
    assert_eq!(known.status(), 200);
}

#[tokio::test]
async fn require_accepts_only_preflights_that_the_gate_accepted() {
    let preflight = || {
        Request::options("/orders")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "PUT")
            .body(())
            .expect("valid")
    };
    let passing = Gate::builder(verifier()).pass_preflight();
    let optional = Gate::builder(verifier()).optional();
    for (gate, status) in [(passing, 200), (optional, 401)] {
        let service = ServiceBuilder::new()
            .layer(JwtAuth::new(gate.build().expect("consistent")))
            .layer(require(scope("orders:write")))
            .service_fn(whoami);
        let response = service
            .clone()
            .oneshot(preflight())
            .await
            .expect("infallible");
        assert_eq!(response.status(), status);
        let anonymous = service.oneshot(Request::new(())).await.expect("infallible");
        assert_eq!(anonymous.status(), 401);
    }
}

#[tokio::test]
async fn require_without_the_layer_is_a_server_error() {
    let service = ServiceBuilder::new()
        .layer(require(Policy::allow()))
        .service_fn(whoami);
    let response = service
        .oneshot(get(token(json!({}))))
        .await
        .expect("infallible");
    assert_eq!(response.status(), 500);
    assert_eq!(kind(&response), Some(RejectionKind::Misconfigured));
}

/// The outer layer reads a cookie, the inner one the header. The subject shows which decision the
/// service sees.
#[tokio::test]
async fn the_inner_of_two_layers_takes_precedence() {
    let by_cookie = Gate::builder(verifier())
        .source(Source::cookie("access"))
        .optional()
        .build()
        .expect("consistent");
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(by_cookie))
        .layer(JwtAuth::new(verifier()))
        .service_fn(whoami);
    let with_cookie = |mut request: Request<()>, token: String| {
        let cookie = format!("access={token}").parse().expect("a header value");
        request.headers_mut().insert("cookie", cookie);
        request
    };
    let outer = || token(json!({"sub": "outer"}));
    let inner = || get(token(json!({"sub": "inner"})));

    let both = with_cookie(inner(), outer());
    let response = service.clone().oneshot(both).await.expect("infallible");
    assert_eq!(text(response).await, "inner");

    let only_outer = with_cookie(Request::new(()), outer());
    let response = service
        .clone()
        .oneshot(only_outer)
        .await
        .expect("infallible");
    assert_eq!(kind(&response), Some(RejectionKind::MissingCredential));

    let bad_outer = with_cookie(inner(), "bad".to_owned());
    let response = service.oneshot(bad_outer).await.expect("infallible");
    assert_eq!(kind(&response), Some(RejectionKind::MalformedToken));
}

/// A request is anonymous when the inner, optional gate finds no credential, even if the outer gate
/// found one.
#[tokio::test]
async fn an_inner_gate_replaces_the_outer_decision() {
    let by_cookie = Gate::builder(verifier())
        .source(Source::cookie("access"))
        .optional()
        .build()
        .expect("consistent");
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(verifier()))
        .layer(JwtAuth::new(by_cookie))
        .service_fn(whoami);
    let response = service
        .oneshot(get(token(json!({}))))
        .await
        .expect("infallible");
    assert_eq!(text(response).await, "-");
}

/// HTTP/2 has no `Host` field: the origin of a request with a cookie is compared with the authority
/// of the target.
#[tokio::test]
async fn the_authority_of_the_target_is_the_host() {
    let gate = Gate::builder(verifier())
        .source(Source::cookie("access"))
        .build()
        .expect("consistent");
    let service = ServiceBuilder::new()
        .layer(JwtAuth::new(gate))
        .service_fn(whoami);
    let post = |target: &str, origin: &str| {
        Request::post(target)
            .version(http::Version::HTTP_2)
            .header("origin", origin)
            .header("cookie", format!("access={}", token(json!({}))))
            .body(())
            .expect("valid")
    };
    let same = post(
        "https://shop.example.com/orders",
        "https://shop.example.com",
    );
    assert_eq!(
        service
            .clone()
            .oneshot(same)
            .await
            .expect("infallible")
            .status(),
        200
    );
    let other = post(
        "https://shop.example.com/orders",
        "https://evil.example.com",
    );
    let response = service.oneshot(other).await.expect("infallible");
    assert_eq!(kind(&response), Some(RejectionKind::CrossSite));
}
