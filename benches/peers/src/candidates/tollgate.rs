//! tollgate with every default check, with and without its token cache: through a layer and an
//! extractor, and through an extractor that calls the gate in the state.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tollgate_axum::JwtAuth;
use tollgate_core::{Claims, Gate, Gated, Jwt, Key, Verifier, VerifierBuilder};

use super::{User, answer};
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER};

impl Claims for User {}

fn rules(fixture: &Fixture) -> VerifierBuilder {
    let key = Key::from_jwk(fixture.jwks["keys"][0].to_string()).unwrap();
    Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key(key)
}

/// Verifies every token from the start.
fn without_cache(fixture: &Fixture) -> Verifier {
    rules(fixture).without_token_cache().build().unwrap()
}

/// Uses the cache of verified tokens, the default.
fn with_cache(fixture: &Fixture) -> Verifier {
    rules(fixture).build().unwrap()
}

pub(super) fn cold(fixture: &Fixture) -> Router {
    layered::<User>(without_cache(fixture))
}

pub(super) fn cold_alone(fixture: &Fixture) -> Router {
    alone::<User>(without_cache(fixture))
}

pub(super) fn warm(fixture: &Fixture) -> Router {
    layered::<User>(with_cache(fixture))
}

pub(super) fn warm_shared(fixture: &Fixture) -> Router {
    layered::<Arc<User>>(with_cache(fixture))
}

pub(super) fn warm_alone(fixture: &Fixture) -> Router {
    alone::<User>(with_cache(fixture))
}

pub(super) fn warm_shared_alone(fixture: &Fixture) -> Router {
    alone::<Arc<User>>(with_cache(fixture))
}

fn layered<T: Claims + Send + 'static>(verifier: Verifier) -> Router {
    Router::new()
        .route("/", get(async |Jwt(user): Jwt<T>| answer(user)))
        .layer(JwtAuth::new(verifier))
}

fn alone<T: Claims + Send + 'static>(verifier: Verifier) -> Router {
    Router::new()
        .route(
            "/",
            get(async |Gated(Jwt(user)): Gated<Jwt<T>>| answer(user)),
        )
        .with_state(Gate::from(verifier))
}
