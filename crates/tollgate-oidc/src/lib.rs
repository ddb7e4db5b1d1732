//! Keys of identity providers: remote JWK Sets, `OpenID` Connect discovery and tenants, through key
//! rotation and outages.
//!
//! ```
//! use tollgate::extend::Step;
//! use tollgate::{RejectionKind, Verifier};
//! use tollgate::oidc::Oidc;
//! # use tollgate::Algorithm;
//! # use tollgate_testkit::{FakeClock, FakeProvider, Mint, keys};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clock = FakeClock::new();
//! # let provider = FakeProvider::new();
//! # provider.describe(Mint::ISSUER, "https://id.example.com/jwks.json");
//! # let old = keys::signing(Algorithm::ES256).with_kid("2031-01");
//! # let new = tollgate::SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02");
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
//! // The provider rotates its key: the first token of the new key waits for a fetch.
//! # provider.publish("https://id.example.com/jwks.json", &[new]);
//! let Step::Pending(verification) = verifier.begin(&after) else { panic!() };
//! assert!(verification.await.is_ok());
//! // The withdrawn key is gone.
//! let rejection = verifier.verify(&before).unwrap_err();
//! assert_eq!(rejection.kind(), RejectionKind::UnknownKey);
//! # Ok(()) }
//! ```
//!
//! - [`Oidc`] and [`RemoteJwks`] configure the location of the keys and their refresh;
//!   [`RemoteKeys`] holds the keys.
//! - [`presets`] configure well-known providers, such as Entra ID, Keycloak and GitHub Actions.
//! - [`Tenants`] trusts issuers that are not known when the service starts.
//! - [`Event`], [`Status`] and [`ReadinessEndpoint`] report the state of the keys.
//! - [`Fetch`] is the trait for a custom HTTP client; [`HttpClient`] is the client of the feature
//!   `reqwest`.
//!
//! A token is checked against a snapshot in memory, without a lock; a background task fetches. The
//! cost of tokens with unknown keys is bounded: one fetch per cool-down for new `kid`s, one for
//! repeated ones, and a limited number of waiting requests and of remembered `kid`s.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod address;
mod bucket;
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

#[cfg(feature = "reqwest")]
pub use client::HttpClient;
pub use error::{OidcError, OidcErrorKind};
pub use event::Event;
pub use fetch::{Addresses, Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse};
pub use oidc::{Discovery, JwkSetUrl, Oidc, RemoteJwks, RemoteKeysBuilder};
pub use readiness::ReadinessEndpoint;
pub use remote::RemoteKeys;
pub use status::{KeyStatus, Readiness, Status};
pub use tenants::{TenantStatus, Tenants, TenantsBuilder};
