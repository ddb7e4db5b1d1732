//! A typical hand-written extractor over `jsonwebtoken` 11 with aws-lc-rs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::routing::get;
use jsonwebtoken_11::jwk::JwkSet;
use jsonwebtoken_11::{DecodingKey, Validation, decode};

use super::{User, answer};
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER};

#[derive(Clone)]
struct Keys(Arc<(DecodingKey, Validation)>);

struct Caller(User);

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Keys: FromRef<S>,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let Keys(keys) = Keys::from_ref(state);
        let value = parts.headers.get(header::AUTHORIZATION);
        let token = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
        let decoded = decode(token, &keys.0, &keys.1).map_err(|_| StatusCode::UNAUTHORIZED)?;
        Ok(Self(decoded.claims))
    }
}

pub(super) fn app(fixture: &Fixture) -> Router {
    let set: JwkSet = serde_json::from_value(fixture.jwks.clone()).unwrap();
    let key = DecodingKey::from_jwk(&set.keys[0]).unwrap();
    let mut validation = Validation::new(fixture.algorithm.parse().unwrap());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_nbf = true;
    Router::new()
        .route("/", get(async |Caller(user): Caller| answer(user)))
        .with_state(Keys(Arc::new((key, validation))))
}
