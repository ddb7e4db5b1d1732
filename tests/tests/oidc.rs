//! Tests a service on axum and on actix-web, over sockets, with a certified OpenID provider:
//! tokens, key rotations and faults. The clock of the provider and of the tokens is real. The test
//! controls the clock of the keys.

#![allow(clippy::unwrap_used)] // a test

#[path = "oidc/fetch_limits.rs"]
mod fetch_limits;
#[path = "oidc/login.rs"]
mod login;
#[path = "oidc/outages.rs"]
mod outages;
#[path = "oidc/paused.rs"]
mod paused;
#[path = "oidc/rotation.rs"]
mod rotation;
#[path = "oidc/services.rs"]
mod services;
#[path = "oidc/start.rs"]
mod start;
#[path = "oidc/tenants.rs"]
mod tenants;
#[path = "oidc/tokens.rs"]
mod tokens;
#[path = "oidc/world.rs"]
mod world;
