//! `jwt-authorizer`: a layer and an extractor, over `jsonwebtoken` 9 with ring.
//!
//! Both are made for axum 0.7. The layer is a tower layer, so it only needs a response type that
//! its errors convert into. The extractor is called through the trait of axum 0.7.

use axum::Router;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_core_0_4::extract::FromRequestParts as _;
use jwt_authorizer::{AuthError, AuthorizerBuilder, IntoLayer as _, JwtClaims, Validation};
use tower::ServiceBuilder;

use super::{User, answer};
use crate::Fixture;
use crate::fixture::{AUDIENCE, ISSUER, SECRET, at_once};

/// A response of axum 0.8 that an error of axum 0.7 converts into.
struct Answer(Response);

impl From<AuthError> for Answer {
    fn from(error: AuthError) -> Self {
        let refusal = axum_core_0_4::response::IntoResponse::into_response(error);
        Self(refusal.map(Body::new))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

struct Caller(User);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        match JwtClaims::from_request_parts(parts, &()).await {
            Ok(JwtClaims(user)) => Ok(Self(user)),
            Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

pub(super) fn app(fixture: &Fixture) -> Router {
    let builder = if fixture.is_hmac() {
        AuthorizerBuilder::<User>::from_secret(SECRET)
    } else {
        AuthorizerBuilder::from_jwks_text(&fixture.jwks.to_string())
    };
    let validation = Validation::new()
        .iss(&[ISSUER])
        .aud(&[AUDIENCE])
        .nbf(true)
        .algs(vec![fixture.algorithm.parse().unwrap()]);
    let authorizer = at_once(builder.validation(validation).build()).unwrap();
    let layers = ServiceBuilder::new()
        .layer(authorizer.into_layer())
        .map_response(Answer);
    Router::new()
        .route("/", get(async |Caller(user): Caller| answer(user)))
        .layer(layers)
}
