//! tollgate, every default check on.

use axum::Router;
use axum::routing::get;
use tollgate_axum::{Claims, JwtAuth};
use tollgate_core::{ClaimSet, KeySet, Verifier};

use super::{User, answer};
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER};

impl ClaimSet for User {}

fn verifier(fixture: &Fixture) -> Verifier {
    Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key_set(KeySet::from_json(fixture.jwks.to_string()).unwrap())
        .build()
        .unwrap()
}

pub(super) fn cold(fixture: &Fixture) -> Router {
    Router::new()
        .route("/", get(async |Claims(user): Claims<User>| answer(user)))
        .layer(JwtAuth::new(verifier(fixture)))
}
