//! Middleware and extractors for [actix-web](actix_web) 4.
//!
//! [`JwtAuth`] authenticates each request before an app, a scope or a resource. The extractors pass
//! the result to handlers: [`Principal`](tollgate_core::Principal), [`Jwt<T>`](tollgate_core::Jwt),
//! [`Scoped<S>`](tollgate_core::Scoped), types that derive `Claims`, and
//! [`Authenticated<E>`](tollgate_core::Authenticated) for custom `FromAuthentication` types.
//! [`require`] checks a policy before some routes.
//!
//! ```
//! use actix_web::{App, test, web};
//! use tollgate::actix::{JwtAuth, require};
//! use tollgate::policy::scope;
//! use tollgate::{Claims, Jwt, Key, SigningKey, Verifier};
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
//!     .role_claim("roles")
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
//!         .wrap(JwtAuth::new(verifier)), // the last middleware runs first
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
//! # Refusals
//!
//! The middleware of this crate never returns `Err`. A refused request gets a *response*, which
//! outer middleware (a logger, CORS) handles like every other. Status, header fields and content
//! are those of the [`Answer`](tollgate_core::Answer). For outer middleware, the
//! [`Rejection`](tollgate_core::Rejection) is in the extensions of the response, and
//! [`HttpResponse::error`](actix_web::HttpResponse::error) is the
//! [`Refusal`](tollgate_core::Refusal).
//!
//! The error of every extractor is a `Refusal`. A handler can also return one:
//!
//! ```
//! use tollgate::policy::role;
//! use tollgate::{Authentication, Refusal};
//!
//! async fn purge(caller: Authentication) -> Result<&'static str, Refusal> {
//!     caller.require(&role("admin"))?;
//!     Ok("purged")
//! }
//! # let _ = actix_web::web::get().to(purge);
//!
//! let response = actix_web::ResponseError::error_response(&Refusal::missing_layer());
//! assert_eq!(response.status(), 500);
//! ```
//!
//! # `Option<Jwt<T>>` is not optional authentication
//!
//! `Option<E>` of actix-web turns *every* error of `E` into `None`. The caller then looks anonymous
//! after invalid claims, a missing scope or a missing `JwtAuth`. Use
//! [`Optional`](tollgate_core::Optional), which is `None` only for an anonymous caller.
//!
//! # Without the middleware
//!
//! An extractor without a [`JwtAuth`] before it uses the [`Gate`](tollgate_core::Gate) or
//! [`Verifier`](tollgate_core::Verifier) in the app's data, plain or in
//! [`web::Data`](actix_web::web::Data), and authenticates the request itself. If there is none or
//! more than one, the response is 500, and the reason is logged. The token is not renewed, because
//! an extractor cannot change the response.
//!
//! With a `JwtAuth` before it, a gate in the app's data must be the gate of the layer, and a
//! verifier must be the verifier of the layer; clones are the same. Otherwise the response is 500,
//! because actix-web does not reveal which one is nearer to the handler, and the stricter one could
//! be skipped.
//!
//! # `http` 0.2
//!
//! actix-web uses version 0.2 of the `http` crate. The interface of this crate contains only types
//! that actix-web re-exports, and none of `http` 1.x.

#![forbid(unsafe_code)]

mod answer;
mod authentication;
mod endpoint;
mod form;
mod future;
mod jwt_auth;
mod renewal;
mod require;

pub use authentication::AuthenticationExt;
pub use endpoint::EndpointService;
pub use future::ResponseFuture;
pub use jwt_auth::{JwtAuth, JwtAuthService};
pub use require::{Require, RequireService, require};
#[doc(inline)]
pub use tollgate_core::__private::actix::Extraction;
