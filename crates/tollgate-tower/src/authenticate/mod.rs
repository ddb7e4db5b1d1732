//! Authentication of every request before a service.
//!
//! # Contract
//!
//! - The [`Gate`](tollgate_core::Gate) decides. An accepted request reaches the service with an
//!   [`Authentication`](tollgate_core::Authentication) in its extensions. A refused request never
//!   reaches the service.
//! - `poll_ready` delegates to the service. `call` calls the instance that is ready, without a
//!   clone. If the gate has to query a store, the ready instance is moved into the future and
//!   called later, and a clone takes its place.
//! - If the gate renews tokens, the response to a request with a token due for renewal carries the
//!   new token. It does not when the gate decides against it (see
//!   [`Authentication::renewal`](tollgate_core::Authentication::renewal)) or when the response is
//!   marked with [`SkipRenewal`](tollgate_core::SkipRenewal).
//! - The response of the service has the [`Authentication`](tollgate_core::Authentication) in its
//!   extensions, unless an inner layer has put one there. So has the refusal of a caller by the
//!   policy of the gate.
//! - Two layers around one service both decide, the outer one first. The decision of the inner
//!   layer replaces that of the outer one.

mod future;
mod layer;
mod service;

pub use future::JwtAuthFuture;
pub use layer::{JwtAuth, JwtAuthLayer};
pub use service::JwtAuthService;
