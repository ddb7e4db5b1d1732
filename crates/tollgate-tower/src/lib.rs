//! Layers for [tower](https://docs.rs/tower-service): axum, tonic, hyper and every other service
//! over `http` 1.x.
//!
//! [`JwtAuth`] wraps the whole service. It authenticates each request and puts an
//! [`Authentication`](tollgate_core::Authentication) into its extensions, where
//! [`AuthenticationExt`] reads it. [`require`] wraps a single route and requires scopes, roles or
//! claims.
//!
//! A refused request gets the response of the gate. The [`Rejection`](tollgate_core::Rejection) is
//! in the extensions of the response, for outer layers such as metrics. The response to every other
//! request has the [`Authentication`](tollgate_core::Authentication) there, for an access log.
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tollgate::policy::scope;
//! use tollgate::{Key, Rejection, RejectionKind, SigningKey, Verifier};
//! use tollgate::tower::{AuthenticationExt, JwtAuth, require};
//! use tower::{ServiceBuilder, ServiceExt};
//! # use bytes::Bytes;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com")
//!     .audience("orders-api")
//!     .key(Key::hs256([7; 32])?)
//!     .clock(|| 1_700_000_000)
//!     .build()?;
//!
//! let service = ServiceBuilder::new()
//!     .layer(JwtAuth::new(verifier))
//!     .layer(require(scope("orders:read")))
//!     .service_fn(async |request: Request<()>| {
//!         let subject = request.principal().and_then(|user| user.subject()).unwrap_or_default();
//!         let body = Full::<Bytes>::from(subject.to_owned());
//!         Ok::<_, std::convert::Infallible>(Response::new(body))
//!     });
//!
//! let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
//!     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
//!     "scope": "orders:read",
//! }))?;
//! let accepted = Request::builder().header("authorization", format!("Bearer {token}")).body(())?;
//! assert_eq!(service.clone().oneshot(accepted).await?.status(), 200);
//!
//! let refused = service.oneshot(Request::new(())).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"api\"");
//! let rejection = refused.extensions().get::<Rejection>().map(Rejection::kind);
//! assert_eq!(rejection, Some(RejectionKind::MissingCredential));
//! # Ok(()) }
//! ```
//!
//! # Cost
//!
//! A decision needs no I/O, so nothing is awaited, spawned or boxed. The future of either layer is
//! that of the inner service, or a refusal that is ready immediately. Only a revocation lookup in a
//! store delays a request, and only a token renewal delays a response.

#![forbid(unsafe_code)]

mod authenticate;
mod body;
mod body_mode;
mod endpoint;
mod extension;
mod form_body;
mod future;
mod renewal;
mod require;
#[cfg(feature = "tonic")]
pub mod tonic;

pub use authenticate::{JwtAuth, JwtAuthFuture, JwtAuthLayer, JwtAuthService};
pub use body::ResponseBody;
pub use body_mode::{BodyMode, WrappedBody};
pub use endpoint::{EndpointFuture, EndpointService};
pub use extension::AuthenticationExt;
pub use form_body::FormBody;
#[doc(hidden)]
pub use form_body::{ReadForm, read_form};
pub use future::ResponseFuture;
pub use require::{Require, RequireLayer, RequireService, require};
#[doc(inline)]
pub use tollgate_core::__private::head::RequestHead;
#[doc(inline)]
pub use tollgate_core::__private::response::into_response;
