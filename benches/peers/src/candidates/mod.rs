//! The measured candidates: a route with a static response, with a check in front of it.

mod aliri;
mod axum_jwt_auth;
mod by_hand;
mod jwt_authorizer;
mod tollgate;
mod tower_oauth2;

use std::hint::black_box;

use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;

use crate::Fixture;

/// A check in front of the route.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// The name in tables.
    pub name: &'static str,
    /// Creates the application.
    pub app: fn(&Fixture) -> Router,
    /// Whether it checks the token.
    pub guards: bool,
    /// The author of the candidate.
    pub party: Party,
}

/// The author of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// None: a baseline.
    Nobody,
    /// tollgate without its token cache.
    Cold,
    /// tollgate with its token cache.
    Warm,
    /// Another project.
    Peer,
}

/// The name of the bare route, the baseline of the others.
pub const BARE: &str = "bare route";

/// All candidates, the bare route first.
pub const CANDIDATES: &[Candidate] = &[
    Candidate {
        name: BARE,
        app: bare,
        guards: false,
        party: Party::Nobody,
    },
    Candidate {
        name: "a layer that inserts one value",
        app: inserting,
        guards: false,
        party: Party::Nobody,
    },
    peer("jwt-authorizer", jwt_authorizer::app),
    peer("tower-oauth2-resource-server", tower_oauth2::app),
    peer("axum-jwt-auth", axum_jwt_auth::app),
    peer("aliri_axum", aliri::app),
    peer("by hand over jsonwebtoken 11", by_hand::app),
    tollgate("tollgate cold: layer, Jwt<T>", Party::Cold, tollgate::cold),
    tollgate(
        "tollgate cold: no layer, Jwt<T>",
        Party::Cold,
        tollgate::cold_alone,
    ),
    tollgate("tollgate warm: layer, Jwt<T>", Party::Warm, tollgate::warm),
    tollgate(
        "tollgate warm: layer, Jwt<Arc<T>>",
        Party::Warm,
        tollgate::warm_shared,
    ),
    tollgate(
        "tollgate warm: no layer, Jwt<T>",
        Party::Warm,
        tollgate::warm_alone,
    ),
    tollgate(
        "tollgate warm: no layer, Jwt<Arc<T>>",
        Party::Warm,
        tollgate::warm_shared_alone,
    ),
];

const fn peer(name: &'static str, app: fn(&Fixture) -> Router) -> Candidate {
    Candidate {
        name,
        app,
        guards: true,
        party: Party::Peer,
    }
}

const fn tollgate(name: &'static str, party: Party, app: fn(&Fixture) -> Router) -> Candidate {
    Candidate {
        name,
        app,
        guards: true,
        party,
    }
}

/// The claims type of a handler.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The subject of the token.
    pub sub: String,
    /// The granted scopes.
    pub scope: String,
}

/// The response of every handler.
const ANSWER: &str = "hello";

/// Drops the extracted value and returns the response.
fn answer<T>(user: T) -> &'static str {
    drop(black_box(user));
    ANSWER
}

fn bare(_: &Fixture) -> Router {
    Router::new().route("/", get(async || ANSWER))
}

fn inserting(_: &Fixture) -> Router {
    Router::new()
        .route("/", get(async || ANSWER))
        .layer(Extension(7_u64))
}
