//! Who is measured: a route that answers with a static text, and what stands before it.

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

/// Something before the route.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// As it is called in the tables.
    pub name: &'static str,
    /// The whole application.
    pub app: fn(&Fixture) -> Router,
    /// Whether it looks at the token.
    pub guards: bool,
    /// Who made it.
    pub party: Party,
}

/// Who made a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Nobody: it is what the others are measured against.
    Nobody,
    /// tollgate, that checks every token as if it had never seen it.
    Cold,
    /// tollgate, that remembers verified tokens.
    Warm,
    /// Somebody else.
    Peer,
}

/// The name of the bare route, over which the others cost something.
pub const BARE: &str = "bare route";

/// All of them, the bare route first.
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

/// The claims that a handler asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// Whom the token speaks for.
    pub sub: String,
    /// What it grants.
    pub scope: String,
}

/// What every handler answers.
const ANSWER: &str = "hello";

/// What every handler does with what it is given.
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
