//! `axum-jwt-auth`: an extractor and a decoder in the state, over `jsonwebtoken` 10 with
//! `RustCrypto`.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use jsonwebtoken_10::jwk::JwkSet;
use jsonwebtoken_10::{DecodingKey, Validation};

use super::{User, answer};
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER};

#[derive(Clone)]
struct App {
    decoder: Decoder<User>,
}

impl FromRef<App> for Decoder<User> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.decoder)
    }
}

pub(super) fn app(fixture: &Fixture) -> Router {
    let set: JwkSet = serde_json::from_value(fixture.jwks.clone()).unwrap();
    let mut validation = Validation::new(fixture.algorithm.parse().unwrap());
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_nbf = true;
    let decoder = LocalDecoder::builder()
        .keys(vec![DecodingKey::from_jwk(&set.keys[0]).unwrap()])
        .validation(validation)
        .build()
        .unwrap();
    Router::new()
        .route("/", get(async |user: Claims<User>| answer(user.claims)))
        .with_state(App {
            decoder: Arc::new(decoder),
        })
}
