//! A verifier at a fixed time, and tokens for it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use actix_web::http::header::HeaderMap;
use actix_web::test::TestRequest;
use serde_json::{Value, json};
use tollgate_core::{Gate, GateBuilder, Key, SigningKey, Verifier};

const SECRET: [u8; 32] = [7; 32];
const NOW: u64 = 1_700_000_000;

pub fn verifier() -> Verifier {
    Verifier::builder()
        .issuer("https://id.example.com")
        .audience("orders-api")
        .key(Key::hs256(SECRET).unwrap())
        .role_claim("roles")
        .clock(|| NOW)
        .build()
        .unwrap()
}

pub fn gate() -> GateBuilder {
    Gate::builder(verifier())
}

pub fn optional() -> Gate {
    gate().optional().build().unwrap()
}

/// Creates a valid token for `u-7`. These claims override the default ones.
pub fn token(claims: &Value) -> String {
    let mut all = json!({
        "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "exp": NOW + 900,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    SigningKey::hs256(SECRET).unwrap().encode(&all).unwrap()
}

pub fn with_scope(scope: &str) -> String {
    token(&json!({ "scope": scope }))
}

pub fn expired() -> String {
    token(&json!({ "exp": NOW - 900 }))
}

pub fn get(path: &str) -> TestRequest {
    TestRequest::with_uri(path)
}

pub fn bearer(path: &str, token: &str) -> TestRequest {
    get(path).insert_header(("authorization", format!("Bearer {token}")))
}

pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}
