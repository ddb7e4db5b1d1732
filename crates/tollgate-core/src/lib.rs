//! The engine of [tollgate](https://docs.rs/tollgate): it reads a JSON Web Token from a request,
//! decides, and describes the answer, for any framework.
//!
//! Services use the `tollgate` crate, which re-exports this one together with the adapters. The
//! stages of a request:
//!
//! 1. A [`Gate`] looks through its [`Source`]s for a credential. A cookie on an unsafe method needs
//!    proof of origin.
//! 2. A [`Verifier`] checks [`Limits`], header, [`Key`], signature and claims, and makes a
//!    [`Principal`].
//! 3. A [`RevocationCheck`] checks whether the token was revoked, and a [`Policy`] decides.
//! 4. The outcome is an [`Authentication`] for the handler or a [`Refusal`] with the [`Answer`] for
//!    the client.
//!
//! A stage that may wait returns a [`Step`]: an outcome, or a future of it.
//!
//! ```
//! use tollgate::{Key, SigningKey, Verifier};
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
mod claim_path;
mod clock;
mod config;
mod decisions;
mod extract;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod http;
mod key;
mod limits;
mod per_thread;
pub mod policy;
mod rejection;
mod step;
mod sync;
mod token;
mod verifier;

pub use crate::http::request::{PeerAddress, RequestView};
pub use crate::http::{HeaderEdits, ReturnTo, SourceKind};
pub use algorithm::{Algorithm, Family, UnknownAlgorithm};
pub use claim_path::{ClaimPath, UnreadableClaim};
pub use clock::{Clock, SystemClock};
pub use config::{ConfigError, ConfigErrorKind};
pub use extract::{Authenticated, Gated, Jwt, Optional, Scoped};
pub use gate::endpoint::{Endpoint, EndpointRequest, UnreadContent};
pub use gate::renewal::{Renewal, SkipRenewal};
pub use gate::revocation::{RevocationCheck, Standing};
pub use gate::source::Source;
pub use gate::{
    Authentication, Claims, ForwardAuth, FromAuthentication, Gate, GateBuilder, LoginRedirect,
    Refusal,
};
pub use http::cors::{CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS};
pub use key::source::{KeySource, MissingKey, Unavailable};
pub use key::{
    Key, KeyEpoch, KeyError, KeyErrorKind, KeyFileError, KeyFileErrorKind, KeySet, SignError,
    SignErrorKind, SigningKey, SkippedKey, ToleratedMember,
};
pub use limits::Limits;
pub use policy::{Evaluation, Facts, Hierarchy, InvalidScope, Policy, Scope, ScopeName, ScopeSet};
pub use rejection::answer::Answer;
pub use rejection::{Rejection, RejectionKind};
pub use step::{BoxFuture, Step, StepFuture};
pub use token::claims::Actor;
pub use verifier::cache::{TokenCache, TokenCacheStatus};
pub use verifier::principal::Principal;
pub use verifier::{
    IssuerRules, IssuerSource, PreparedIssuer, TrustedIssuer, Verifier, VerifierBuilder,
    VerifierSettings,
};

/// The strict JSON reader, for the other crates of tollgate.
#[doc(hidden)]
pub mod json {
    pub use crate::token::json::{JsonError, from_slice};
}

/// For the adapters and for code that the macros generate; not part of the interface.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "actix")]
    pub use crate::extract::actix;
    #[cfg(feature = "axum")]
    pub use crate::extract::axum;
    #[cfg(feature = "http")]
    pub use crate::extract::{head, response};
    pub use crate::gate::csrf_form::{CsrfForm, WithCsrfToken};
    pub use crate::gate::source::RESUMED;
    pub use crate::gate::{Authentication, FromAuthentication, Refusal, refusing};
    pub use crate::http::form::{FormField, FormType};
    pub use crate::http::navigation::{is_form_post, is_navigation};
    pub use crate::http::return_to::is_own_page;
    pub use crate::key::secret::{load_or_generate_secret, secret_from_base64, secret_from_hex};
    pub use serde::de::DeserializeOwned;
}
