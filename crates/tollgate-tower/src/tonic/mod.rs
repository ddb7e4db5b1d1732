//! The layer for servers of tonic 0.14, and access to the caller from their handlers.
//!
//! [`JwtAuth`] wraps a whole server, or one service with `named_layer` of tonic. It authenticates
//! each call at its start. [`MethodPolicies`] requires scopes, roles or claims for each method, and
//! opens methods such as the health check. [`extract`] reads the caller in a handler.
//!
//! A refused call gets a trailers-only response: `grpc-status` 16 (`UNAUTHENTICATED`), 7
//! (`PERMISSION_DENIED`), 14 (`UNAVAILABLE`) or 13 (`INTERNAL`), with the metadata
//! `www-authenticate` and `retry-after`. A [`Refusal`] converts into the same
//! [`Status`] with `?`.
//!
//! ```
//! use tollgate::tonic::{JwtAuth, MethodPolicies, extract};
//! use tollgate::{Claims, Key, Verifier, scope};
//! use tonic::{Request, Response, Status};
//!
//! #[derive(serde::Deserialize, Claims)]
//! struct Shopper {
//!     sub: String,
//! }
//!
//! // A method of a generated service:
//! async fn list(request: Request<()>) -> Result<Response<String>, Status> {
//!     let shopper: Shopper = extract(&request)?;
//!     Ok(Response::new(format!("the orders of {}", shopper.sub)))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com")
//!     .audience("orders-api")
//!     .key(Key::hs256([7; 32])?)
//!     .build()?;
//! let methods = MethodPolicies::builder()
//!     .open("/grpc.health.v1.Health/Check")
//!     .require("/shop.v1.Orders/List", scope("orders:read"))
//!     .build()?;
//!
//! let server = tonic::transport::Server::builder()
//!     .layer(JwtAuth::new(verifier).methods(methods));
//! # let _ = (server, list);
//! # Ok(()) }
//! ```

mod expiry;
mod layer;
mod methods;

use ::tonic::body::Body;
use ::tonic::{Request, Status};
use bytes::Bytes;
use tollgate_core::__private::head;
#[cfg(doc)]
use tollgate_core::Refusal;
use tollgate_core::{FromAuthentication, Policy};

pub use expiry::{Expiring, ExpiringFuture};
pub use layer::{JwtAuth, JwtAuthService};
pub use methods::{MethodPolicies, MethodPoliciesBuilder};

use crate::body::ResponseBody;
use crate::body_mode::BodyMode;
use crate::require::RequireLayer;

/// Extracts the caller of a call behind [`JwtAuth`]: every type that is an extractor on the other
/// frameworks, under the same rules.
///
/// That is [`Principal`](tollgate_core::Principal), [`Jwt`](tollgate_core::Jwt),
/// [`Scoped`](tollgate_core::Scoped), [`Optional`](tollgate_core::Optional),
/// [`Authentication`](tollgate_core::Authentication), a tuple of them, every type that derives
/// `Claims`, and every type that implements [`FromAuthentication`].
///
/// Call it before the first `await` on the request's messages, so that a call without the required
/// rights costs nothing.
///
/// # Errors
/// The [`Status`] of the [`Refusal`]: `UNAUTHENTICATED` for an anonymous caller and for claims that
/// do not fit the type, `PERMISSION_DENIED` for missing scopes, `INTERNAL` without the layer and in
/// a method that [`open`](MethodPoliciesBuilder::open) names.
///
/// ```
/// use tollgate::tonic::extract;
/// use tollgate::{Principal, Scoped, scopes};
/// use tonic::{Code, Request, Response, Status, Streaming};
///
/// scopes! { OrdersWrite = "orders:write" }
///
/// async fn cancel(request: Request<String>) -> Result<Response<()>, Status> {
///     let caller: Scoped<OrdersWrite> = extract(&request)?;
///     println!("{:?} cancels {}", caller.subject(), request.into_inner());
///     Ok(Response::new(()))
/// }
///
/// async fn upload(request: Request<Streaming<String>>) -> Result<Response<()>, Status> {
///     let caller = extract::<Principal>(&request)?;
/// #   let _ = caller;
///     Ok(Response::new(()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let status = cancel(Request::new("o-1".to_owned())).await.unwrap_err(); // no layer
/// assert_eq!(status.code(), Code::Internal);
/// # let _ = upload;
/// # }
/// ```
pub fn extract<E: FromAuthentication>(request: &Request<impl Sized>) -> Result<E, Status> {
    Ok(head::extract(request.extensions())?)
}

/// Creates a layer that requires scopes, roles or claims of every call of one service. Apply it
/// with `named_layer` of tonic.
///
/// [`JwtAuth`] must wrap it: without it, every response is an HTTP 500. For single methods, use
/// [`MethodPolicies`].
///
/// ```
/// use tollgate::scope;
/// use tonic::service::LayerExt;
/// # #[derive(Clone)]
/// # struct OrdersServer;
/// # impl tonic::server::NamedService for OrdersServer {
/// #     const NAME: &'static str = "shop.v1.Orders";
/// # }
///
/// // For `Server::builder().add_service(..)`:
/// let orders = tollgate::tonic::require(scope("orders:read")).named_layer(OrdersServer);
/// # let _ = orders;
/// ```
pub const fn require(policy: Policy) -> RequireLayer<GrpcBody> {
    RequireLayer::new(policy)
}

/// The [`BodyMode`] of this module: every response has the body type of tonic.
///
/// ```
/// use tollgate::tonic::GrpcBody;
/// use tollgate::tower::BodyMode;
/// use tonic::body::Body;
///
/// let body: Body = <GrpcBody as BodyMode<Body>>::of_refusal(Vec::new());
/// assert!(http_body::Body::is_end_stream(&body)); // trailers-only
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GrpcBody;

impl<B> BodyMode<B> for GrpcBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Body = Body;

    fn of_service(body: B) -> Body {
        Body::new(body)
    }

    fn of_refusal(content: Vec<u8>) -> Body {
        Body::new(ResponseBody::<Body>::from(content))
    }
}
