//! A verifier at a fixed time, tokens for it, and a client without a socket.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, request};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tollgate_core::{Key, Rejection, RejectionKind, Scope, SigningKey, Verifier};
use tower::ServiceExt;

const SECRET: [u8; 32] = [7; 32];

pub(crate) struct OrdersRead;
pub(crate) struct OrdersWrite;

impl Scope for OrdersRead {
    const NAME: &'static str = "orders:read";
}

impl Scope for OrdersWrite {
    const NAME: &'static str = "orders:write";
}

pub(crate) fn verifier() -> Verifier {
    Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(Key::hs256(SECRET).expect("long enough"))
        .clock(|| 1_700_000_000)
        .build()
        .expect("consistent")
}

/// Creates a valid token with `more` claims.
pub(crate) fn token(more: Value) -> String {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
    });
    let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) else {
        unreachable!("both are objects")
    };
    claims.extend(more);
    let key = SigningKey::hs256(SECRET).expect("long enough");
    key.encode(claims).expect("serialisable")
}

pub(crate) fn bearer(more: Value) -> request::Builder {
    Request::get("/").header("authorization", format!("Bearer {}", token(more)))
}

/// A response as a client sees it, and its rejection as outer layers see it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) kind: Option<RejectionKind>,
    pub(crate) challenge: Option<String>,
}

impl Seen {
    pub(crate) fn ok(text: &str) -> Self {
        Self {
            status: StatusCode::OK,
            text: text.to_owned(),
            kind: None,
            challenge: None,
        }
    }
}

pub(crate) async fn send(app: &Router, request: request::Builder) -> Seen {
    let request = request.body(Body::empty()).expect("valid");
    let response: Response = app.clone().oneshot(request).await.expect("infallible");
    let content = response.headers().get("www-authenticate");
    Seen {
        status: response.status(),
        challenge: content.map(|value| value.to_str().expect("ASCII").to_owned()),
        kind: response.extensions().get().map(Rejection::kind),
        text: {
            let content = response.into_body().collect().await.expect("in memory");
            String::from_utf8(content.to_bytes().to_vec()).expect("text")
        },
    }
}

/// Returns the kind of a refusal, or `None` if the request was accepted.
pub(crate) async fn refused(app: &Router, request: request::Builder) -> Option<RejectionKind> {
    let seen = send(app, request).await;
    assert_eq!(seen.kind.is_none(), seen.status.is_success(), "{seen:?}");
    seen.kind
}
