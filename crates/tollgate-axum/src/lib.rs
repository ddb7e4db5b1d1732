//! Layers and extractors for [axum](https://docs.rs/axum) 0.8.
//!
//! [`JwtAuth`] authenticates each request before the router. The extractors pass the result to
//! handlers. [`require`] guards a single route with its `route_layer`.
//!
//! | extractor | value | condition |
//! |---|---|---|
//! | [`Principal`](tollgate_core::Principal) | the caller | the gate accepts the token |
//! | [`Jwt<T>`](tollgate_core::Jwt) | the claims as `T` | the policy of `T`; the claims fit `T` |
//! | [`Scoped<S>`](tollgate_core::Scoped) | the principal | every scope of `S` |
//! | a type that derives `Claims` | the claims as that type | its scopes and roles |
//! | [`Authenticated<E>`](tollgate_core::Authenticated) | a custom type | `E` accepts the caller |
//! | `Option` of each | `None` for an anonymous caller | no token, or the condition |
//! | [`Gated`](tollgate_core::Gated) of each | the same, without a layer | the gate in the state |
//!
//! The condition applies in addition to an accepted token. [`Gated`](tollgate_core::Gated) uses the
//! gate in the router's state.
//!
//! ```
//! use axum::{Router, routing::{delete, get}};
//! use tollgate::axum::{JwtAuth, require};
//! use tollgate::policy::{role, scope};
//! use tollgate::{Claims, Jwt, Key, SigningKey, Verifier};
//! # use axum::{body::Body, extract::Request};
//! # use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #[derive(serde::Deserialize)]
//! struct Shopper {
//!     sub: String,
//! }
//! impl Claims for Shopper {} // no policy; `#[derive(Claims)]` gives one
//!
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com")
//!     .audience("orders-api")
//!     .key(Key::hs256([7; 32])?)
//!     .role_claim("roles")
//!     .clock(|| 1_700_000_000)
//!     .build()?;
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(async |Jwt(user): Jwt<Shopper>| user.sub))
//!     .route("/orders", delete(async || "purged")
//!         .route_layer(require(scope("admin") | role("root"))))
//!     .layer(JwtAuth::new(verifier));
//!
//! let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
//!     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
//! }))?;
//! let request = |method: &str| {
//!     Request::builder().method(method).uri("/orders")
//!         .header("authorization", format!("Bearer {token}"))
//! };
//! assert_eq!(app.clone().oneshot(request("GET").body(Body::empty())?).await?.status(), 200);
//! assert_eq!(app.clone().oneshot(request("DELETE").body(Body::empty())?).await?.status(), 403);
//! assert_eq!(app.oneshot(Request::get("/orders").body(Body::empty())?).await?.status(), 401);
//! # Ok(()) }
//! ```
//!
//! # Without a layer
//!
//! Without a [`JwtAuth`] before it, every extractor except `Gated` responds with 500 and logs an
//! error, also inside an `Option`. A missing layer never makes a caller anonymous.
//!
//! # Order of layers
//!
//! `Router::layer` wraps the routes that were added before it, and their fallbacks. Add `CorsLayer`
//! of tower-http after [`JwtAuth`], so that it is outside. It then responds to preflights, and
//! pages of another origin can read rejections.
//!
//! # Decisions in a handler
//!
//! A handler whose decision depends on more than the token extracts the
//! [`Authentication`](tollgate_core::Authentication) and returns its [`Refusal`]. The response is
//! the same as that of the layer:
//!
//! ```
//! use axum::extract::Path;
//! use tollgate::{Authentication, Refusal, policy::claim};
//!
//! /// Only for members of the tenant in the path.
//! async fn orders(Path(tenant): Path<String>, caller: Authentication) -> Result<String, Refusal> {
//!     let member = caller.require(&claim("tenant", tenant))?;
//!     Ok(format!("orders of {:?}", member.subject()))
//! }
//! # axum::Router::<()>::new().route("/{tenant}/orders", axum::routing::get(orders));
//!
//! use axum::response::IntoResponse;
//!
//! assert_eq!(Refusal::missing_layer().into_response().status(), 500);
//! ```
//!
//! [`Refusal`]: tollgate_core::Refusal

#![forbid(unsafe_code)]

mod body;
mod layers;

pub use body::AxumBody;
pub use layers::{
    JwtAuth, JwtAuthFuture, JwtAuthService, Require, RequireService, ResponseFuture, require,
};
pub use tollgate_tower::{
    AuthenticationExt, EndpointFuture, EndpointService, RequestHead, ResponseBody,
};
