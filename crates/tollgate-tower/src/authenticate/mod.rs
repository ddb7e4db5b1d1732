//! Authenticates every request before a service.
//!
//! # Contract
//!
//! - The decision is the [`Gate`](tollgate_core::Gate)'s. A request that it lets through reaches the service with one
//!   value more in its extensions, an [`Authentication`](tollgate_core::Authentication); one that it refuses never does.
//! - `poll_ready` is the service's. It is the readied service that is called, in `call` itself: no clone of it is made.
//! - Of two layers around one service each decides, from the outside in; the inner one's decision replaces the other's.

mod layer;
mod service;

pub use layer::JwtAuth;
pub use service::JwtAuthService;
