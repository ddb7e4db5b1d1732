//! The engine of [tollgate](https://docs.rs/tollgate): it reads a JSON Web Token from a request, decides, and describes
//! the answer, for any framework.
//!
//! Services use the `tollgate` crate, which re-exports this one together with the adapters. The way of a request:
//!
//! 1. A [`Gate`] looks through its [`Source`]s for a credential; one that a browser attached by itself needs proof of
//!    origin on unsafe methods.
//! 2. A [`Verifier`] checks [`Limits`], header, [`Key`], signature and claims, and makes a [`Principal`].
//! 3. A [`RevocationCheck`] tells whether it was taken back since, and a [`Policy`] decides whether the principal may.
//! 4. The outcome is an [`Authentication`] for the handler or a [`Refusal`] with the [`Answer`] for the client.
//!
//! ```
//! use tollgate_core::{Key, SigningKey, Verifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com")
//!     .audience("orders-api")
//!     .key(Key::hs256([7; 32])?)
//!     .clock(|| 1_700_000_000)
//!     .build()?;
//! let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
//!     "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "exp": 1_700_000_900,
//! }))?;
//! assert_eq!(verifier.verify(&token)?.subject(), Some("u-7"));
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod algorithm;
mod answer;
mod base64url;
mod candidates;
mod claims;
mod clock;
mod cookie;
mod csrf;
mod endpoint;
mod field;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod header;
mod json;
mod key;
mod key_source;
mod known_header;
mod limits;
mod of_thread;
mod pending;
pub mod policy;
mod principal;
mod rejection;
mod renewal;
mod request;
mod revocation;
mod rules;
mod shared;
mod source;
mod terms;
mod token;
mod token_cache;
mod typed_claims;
mod verifier;
mod wording;

pub use algorithm::{Algorithm, Family, UnknownAlgorithm};
pub use answer::Answer;
pub use clock::{Clock, SystemClock};
pub use endpoint::{Endpoint, EndpointRequest};
pub use gate::{Authentication, ClaimSet, FromAuthentication, Gate, GateBuilder, Refusal};
pub use key::{
    Key, KeyEpoch, KeyError, KeyErrorKind, KeySet, SignError, SignErrorKind, SigningKey, SkippedKey,
};
pub use key_source::{KeySource, MissingKey, Refresh, Unavailable};
pub use limits::Limits;
pub use pending::{BoxFuture, Decision, PendingDecision};
pub use policy::{Evaluation, Facts, Hierarchy, InvalidScope, Policy, Scope, ScopeName, ScopeSet};
pub use principal::Principal;
pub use rejection::{Rejection, RejectionKind};
pub use renewal::{HeaderEdits, Renewal, SkipRenewal};
pub use request::RequestView;
pub use revocation::{RevocationCheck, Standing};
pub use source::{Source, SourceKind};
pub use token_cache::{TokenCache, TokenCacheStatus};
pub use verifier::{
    ConfigError, ConfigErrorKind, IssuerSource, PendingVerification, PreparedIssuer, TrustedIssuer,
    Verification, Verifier, VerifierBuilder,
};

/// For code that the macros generate; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use serde::de::DeserializeOwned;
}
