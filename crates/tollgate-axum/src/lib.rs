//! [tollgate](https://docs.rs/tollgate) for [axum](https://docs.rs/axum) 0.8.
//!
//! [`JwtAuth`] stands before the router and authenticates each request; the extractors hand its outcome to handlers;
//! [`require`] guards a route by its `route_layer`.
//!
//! | extractor | the handler gets | a request gets through if |
//! |---|---|---|
//! | [`Principal`] | all that is known of the caller | it has a token that the gate accepts |
//! | [`Jwt<T>`](Jwt) | the claims as a type of yours | the type's own policy holds and the claims fit it as well |
//! | [`Scoped<S>`](Scoped) | the principal | the token holds every scope of `S` as well |
//! | a type that derives `Claims` | the claims as that type | its own scopes and roles are held as well |
//! | `Option` of each | `None` for an anonymous caller | it has no token, or one for which the extractor succeeds |
//! | [`Gated`] of each | the same, without a layer | the gate in the router's state and the extractor accept it |
//!
//! ```
//! use axum::{Router, routing::{delete, get}};
//! use tollgate_axum::{Jwt, JwtAuth, require};
//! use tollgate_core::policy::{role, scope};
//! use tollgate_core::{Key, SigningKey, Verifier};
//! # use axum::{body::Body, extract::Request};
//! # use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #[derive(serde::Deserialize)]
//! struct Shopper {
//!     sub: String,
//! }
//! impl tollgate_core::Claims for Shopper {} // no guard of its own; `#[derive(tollgate::Claims)]` gives one
//!
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com")
//!     .audience("orders-api")
//!     .key(Key::hs256([7; 32])?)
//!     .clock(|| 1_700_000_000)
//!     .build()?;
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(async |Jwt(user): Jwt<Shopper>| user.sub))
//!     .route("/orders", delete(async || "purged").route_layer(require(scope("admin") | role("root"))))
//!     .layer(JwtAuth::new(verifier));
//!
//! let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
//!     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
//! }))?;
//! let request = |method: &str| {
//!     Request::builder().method(method).uri("/orders").header("authorization", format!("Bearer {token}"))
//! };
//! assert_eq!(app.clone().oneshot(request("GET").body(Body::empty())?).await?.status(), 200);
//! assert_eq!(app.clone().oneshot(request("DELETE").body(Body::empty())?).await?.status(), 403);
//! assert_eq!(app.oneshot(Request::get("/orders").body(Body::empty())?).await?.status(), 401);
//! # Ok(()) }
//! ```
//!
//! # A layer that was forgotten
//!
//! Without a [`JwtAuth`] before it, every extractor here but [`Gated`], those in an `Option` included, answers with 500
//! and leaves an error in the log: a mistake of the server's own never lets anybody in, not as an anonymous caller either.
//!
//! # Where to put the layers
//!
//! By `Router::layer` a layer stands before the routes that were added before it, and their fallbacks. `CorsLayer` of
//! tower-http belongs outside of [`JwtAuth`] (added after it), so that preflights are answered and refusals are readable
//! to a page of another origin.
//!
//! # A handler's own reasons
//!
//! What depends on more than the token is decided in the handler, by [`AuthenticationExt`] and
//! [`Authentication::refuse`](tollgate_core::Authentication::refuse), and answered alike through [`Rejected`].

#![forbid(unsafe_code)]

mod body;
mod claims;
mod extractor;
mod gated;
mod layers;
mod principal;
mod rejected;
mod scoped;

pub use body::AxumBody;
pub use claims::Jwt;
pub use gated::Gated;
pub use layers::{
    JwtAuth, JwtAuthFuture, JwtAuthService, RequireLayer, RequireService, ResponseFuture, require,
};
pub use principal::Principal;
pub use rejected::Rejected;
pub use scoped::Scoped;
pub use tollgate_tower::{AuthenticationExt, EndpointFuture, EndpointService, RequestHead, ResponseBody};

/// For code that the macros generate; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::extractor::{extract, extract_optional};
    pub use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
    pub use http::request::Parts;
}
