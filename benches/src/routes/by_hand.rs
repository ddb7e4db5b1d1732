//! A typical hand-written extractor on axum. It takes the key and the rules from an extension,
//! parses the header and decodes the token.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::routing::get;
use axum::{Extension, Router};
use jsonwebtoken::{DecodingKey, Validation};

use super::hello;
use crate::tokens::{Fixture, User};

/// The name in tables.
pub const NAME: &str = "hand-written extractor over jsonwebtoken";

struct Decoded(User);

#[derive(Clone)]
struct Peer(Arc<(DecodingKey, Validation)>);

impl<S: Send + Sync> FromRequestParts<S> for Decoded {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let Peer(peer) = parts
            .extensions
            .get()
            .cloned()
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        let value = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or(StatusCode::UNAUTHORIZED)?;
        let token = value
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or(StatusCode::UNAUTHORIZED)?;
        let decoded =
            jsonwebtoken::decode(token, &peer.0, &peer.1).map_err(|_| StatusCode::UNAUTHORIZED)?;
        Ok(Self(decoded.claims))
    }
}

/// Creates the router.
pub fn router(fixture: &Fixture) -> Router {
    Router::new()
        .route("/", get(async |Decoded(user): Decoded| hello(user)))
        .layer(Extension(Peer(Arc::new(fixture.peer()))))
}
