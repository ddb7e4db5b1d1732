//! JWT authentication for [actix-web](actix_web) 4. Services use the [`tollgate`](https://docs.rs/tollgate) crate, which
//! re-exports this one.
//!
//! [`JwtAuth`] stands before an app, a scope or a resource and lets a request through only with a good token;
//! [`require`] asks for more on some of them; extractors hand the caller to the handler.
//!
//! ```
//! use actix_web::{App, test, web};
//! use tollgate_actix::{Jwt, JwtAuth, require};
//! use tollgate_core::policy::scope;
//! use tollgate_core::{Claims, Key, SigningKey, Verifier};
//!
//! #[derive(serde::Deserialize)]
//! struct Shopper {
//!     sub: String,
//! }
//!
//! impl Claims for Shopper {} // or `#[derive(tollgate::Claims)]`
//!
//! async fn me(Jwt(shopper): Jwt<Shopper>) -> String {
//!     shopper.sub
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com")
//!     .audience("orders-api")
//!     .key(Key::hs256([7; 32])?)
//!     .clock(|| 1_700_000_000)
//!     .build()?;
//! let app = test::init_service(
//!     App::new()
//!         .route("/me", web::get().to(me))
//!         .service(
//!             web::resource("/admin")
//!                 .wrap(require(scope("admin")))
//!                 .get(async || "the keys"),
//!         )
//!         .wrap(JwtAuth::new(verifier)), // what is wrapped last comes first
//! )
//! .await;
//!
//! let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
//!     "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "exp": 1_700_000_900,
//! }))?;
//! let get = |path| test::TestRequest::with_uri(path);
//! let bearer = ("authorization", format!("Bearer {token}"));
//!
//! let accepted = get("/me").insert_header(bearer.clone()).to_request();
//! assert_eq!(test::call_and_read_body(&app, accepted).await, "u-7");
//!
//! let refused = test::call_service(&app, get("/me").to_request()).await;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.headers().get("www-authenticate").unwrap(), "Bearer realm=\"api\"");
//!
//! let refused = test::call_service(&app, get("/admin").insert_header(bearer).to_request()).await;
//! assert_eq!(refused.status(), 403);
//! # Ok(()) }
//! ```
//!
//! # What a refusal looks like
//!
//! A middleware here never returns `Err`: a refused request gets a *response*, so that the middleware around it (a
//! logger, CORS) sees it as it sees any other. Status, header fields and content are those of the engine's
//! [`Answer`](tollgate_core::Answer), to the byte. For outer layers the [`Rejection`](tollgate_core::Rejection) is in the
//! response's extensions, and [`HttpResponse::error`](actix_web::HttpResponse::error) is the [`Rejected`].
//!
//! # `Option<Jwt<T>>` is not optional authentication
//!
//! actix-web's own `Option<E>` turns *every* error of `E` into `None`. Behind a [`JwtAuth`] that is harmless, for a bad
//! token never reaches the handler; but claims that do not fit `T`, a scope that is missing, and a forgotten `JwtAuth`
//! all look anonymous. Use [`Optional`], which is `None` for an anonymous caller only.
//!
//! # Without the middleware
//!
//! An extractor that finds no [`JwtAuth`] before it looks for a [`Gate`](tollgate_core::Gate) or
//! [`Verifier`](tollgate_core::Verifier) in the app's data, plain or in [`web::Data`](actix_web::web::Data), and
//! authenticates the request itself. If there is none, or more than one, nobody can tell who the caller is: the answer is
//! a 500, and the log says why. A token is not renewed then, for an extractor has no hold on the response.
//!
//! # `http` 0.2
//!
//! actix-web speaks version 0.2 of the `http` crate. Only its types are in this interface, and only through actix-web;
//! nothing of `http` 1.x is.

#![forbid(unsafe_code)]

mod answer;
mod authentication;
mod endpoint;
mod extract;
mod future;
mod jwt_auth;
mod rejected;
mod renewal;
mod require;
mod view;

pub use authentication::AuthenticationExt;
pub use endpoint::{MountedEndpoint, endpoint};
pub use extract::{Extraction, Jwt, Optional, Principal, Scoped};
pub use future::ResponseFuture;
pub use jwt_auth::{JwtAuth, JwtAuthService};
pub use rejected::Rejected;
pub use require::{Require, RequireService, require};

/// For code that the macros generate; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use actix_web::dev::Payload;
    pub use actix_web::{FromRequest, HttpRequest};

    pub use crate::extract::extract;
}
