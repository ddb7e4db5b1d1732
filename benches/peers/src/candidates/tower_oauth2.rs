//! `tower-oauth2-resource-server` over `jsonwebtoken` 11 with aws-lc-rs: a layer that puts the
//! claims into the extensions of the request. It refuses HMAC by default, and accepts a secret from
//! a static key set.

use axum::routing::get;
use axum::{Extension, Router};
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use super::{User, answer};
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER, at_once};

pub(super) fn app(fixture: &Fixture) -> Router {
    let rules = ClaimsValidationSpec::recommended(ISSUER, &vec![AUDIENCE.to_owned()]);
    let tenant = TenantConfiguration::static_builder(fixture.jwks.to_string())
        .claims_validation(rules)
        .allowed_algorithms(&[fixture.algorithm.parse().unwrap()])
        .build()
        .unwrap();
    let server = at_once(
        OAuth2ResourceServer::<User>::builder()
            .add_tenant(tenant)
            .build(),
    )
    .unwrap();
    Router::new()
        .route(
            "/",
            get(async |Extension(user): Extension<User>| answer(user)),
        )
        .layer(server.into_layer())
}
