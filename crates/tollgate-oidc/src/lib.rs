//! Keys that change: remote JWK Sets, OpenID Connect discovery and many issuers, through rotation and outage.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "reqwest")]
mod client;
mod error;
mod event;
mod fetch;
mod oidc;
pub mod presets;
mod readiness;
mod remote;
mod retrieval;
mod settings;
mod status;
mod tenants;
mod timer;

#[cfg(feature = "reqwest")]
pub use client::HttpClient;
pub use error::{OidcError, OidcErrorKind};
pub use event::Event;
pub use fetch::{Addresses, Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};
pub use oidc::{Oidc, RemoteJwks};
pub use readiness::ReadinessEndpoint;
pub use remote::RemoteKeys;
pub use status::{KeyStatus, Readiness, Status};
pub use tenants::{TenantStatus, Tenants, TenantsBuilder};
pub use timer::{Timer, TokioTimer};
