//! Authenticates every request before a service.
//!
//! # Contract
//!
//! - The decision is the [`Gate`](tollgate_core::Gate)'s. A request that it lets through reaches the service with one
//!   value more in its extensions, an [`Authentication`](tollgate_core::Authentication); one that it refuses never does.
//! - `poll_ready` is the service's. It is the readied service that is called, in `call` itself: no clone of it is made.
//!   Only where the gate has to ask a store, the readied service goes with the waiting request, to be called after, and a
//!   clone takes its place.
//! - Where the gate renews tokens, a response to a request with one that is due carries its successor, unless the gate finds
//!   against it (see [`Authentication::renewal`](tollgate_core::Authentication::renewal)) or the response is marked
//!   [`SkipRenewal`](tollgate_core::SkipRenewal).
//! - Of two layers around one service each decides, from the outside in; the inner one's decision replaces the other's.

mod future;
mod layer;
mod service;

pub use future::JwtAuthFuture;
pub use layer::{JwtAuth, JwtAuthLayer};
pub use service::JwtAuthService;
