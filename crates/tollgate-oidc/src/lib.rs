//! The keys of identity providers: remote JWK Sets, `OpenID` Connect discovery and many issuers, through rotation and outage.
//!
//! ```
//! use tollgate_core::{RejectionKind, Verification, Verifier};
//! use tollgate_oidc::Oidc;
//! # use tollgate_core::Algorithm;
//! # use tollgate_testkit::{FakeClock, FakeProvider, FakeTimer, Mint, keys};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clock = FakeClock::new();
//! # let provider = FakeProvider::new(&FakeTimer::new());
//! # provider.describe(Mint::ISSUER, "https://id.example.com/jwks.json");
//! # let old = keys::signing(Algorithm::ES256).with_kid("2031-01");
//! # let new = tollgate_core::SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02");
//! # provider.publish("https://id.example.com/jwks.json", &[old.clone()]);
//! # let token = |key| Mint::new(key, &clock).token().build();
//! let issuer = "https://id.example.com";
//! let keys = Oidc::discover(issuer)
//! #   .fetch(provider.clone())
//!     .connect() // fails here if the provider does not answer; `lazy()` starts without it
//!     .await?;
//! let verifier = Verifier::builder()
//!     .issuer(issuer)
//!     .audience("orders-api")
//!     .key_source(keys)
//! #   .clock(clock.clone())
//!     .build()?;
//! # let (before, after) = (token(old), token(new.clone()));
//! assert!(verifier.verify(&before)?.subject().is_some());
//!
//! // The provider changes its key: the first token of the new one waits for it, and passes.
//! # provider.publish("https://id.example.com/jwks.json", &[new]);
//! let Verification::Pending(verification) = verifier.begin(&after) else { panic!() };
//! assert!(verification.await.is_ok());
//! // What was withdrawn has ended.
//! let rejection = verifier.verify(&before).unwrap_err();
//! assert_eq!(rejection.kind(), RejectionKind::UnknownKey);
//! # Ok(()) }
//! ```
//!
//! - [`Oidc`] and [`RemoteJwks`] say where keys are and how they are kept; [`RemoteKeys`] are the keys.
//! - [`presets`] know the ways of Entra ID, Google, Cognito, Keycloak, Auth0 and Okta.
//! - [`Tenants`] trusts issuers that are not known when the service starts.
//! - [`Event`], [`Status`] and [`ReadinessEndpoint`] say how it goes.
//! - [`Fetch`] takes a client of your own; [`HttpClient`] is the one that comes with the feature `reqwest`.
//!
//! A service gets no slower by it: a token is checked against a snapshot in memory, without a lock, and who fetches is a task in the
//! background. What a stranger can cause is bounded: one fetch a cool-down, so many that wait, so many names that are kept.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod address;
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
