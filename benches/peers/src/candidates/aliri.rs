//! `aliri_axum` over ring: the layer of `aliri_tower` and a guard that takes the claims from the
//! extensions of the request. The crate reads the checked claims and the scope from the user's
//! struct, in its own types.

use aliri::{Jwks, jwa, jwt};
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority, HasScope, Scope};
use aliri_tower::Oauth2Authorizer;
use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use super::answer;
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER};

#[derive(Clone, Debug, Deserialize)]
struct Caller {
    iss: jwt::Issuer,
    aud: jwt::Audiences,
    exp: UnixTime,
    nbf: UnixTime,
    sub: jwt::Subject,
    scope: Scope,
}

impl jwt::CoreClaims for Caller {
    fn nbf(&self) -> Option<UnixTime> {
        Some(self.nbf)
    }

    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }

    fn aud(&self) -> &jwt::Audiences {
        &self.aud
    }

    fn iss(&self) -> Option<&jwt::IssuerRef> {
        Some(&self.iss)
    }

    fn sub(&self) -> Option<&jwt::SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for Caller {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

aliri_axum::scope_guard!(Anybody(Caller); *);

pub(super) fn app(fixture: &Fixture) -> Router {
    let keys: Jwks = serde_json::from_str(&fixture.jwks.to_string()).unwrap();
    let algorithm = if fixture.is_hmac() {
        jwa::Algorithm::HS256
    } else {
        jwa::Algorithm::RS256
    };
    let rules = jwt::CoreValidator::default()
        .add_approved_algorithm(algorithm)
        .require_issuer(jwt::Issuer::from_static(ISSUER))
        .add_allowed_audience(jwt::Audience::from_static(AUDIENCE))
        .check_expiration()
        .check_not_before();
    let layer = Oauth2Authorizer::new()
        .with_claims::<Caller>()
        .with_terse_error_handler()
        .jwt_layer(Authority::new(keys, rules));
    Router::new()
        .route("/", get(async |Anybody(user): Anybody| answer(user)))
        .layer(layer)
}
