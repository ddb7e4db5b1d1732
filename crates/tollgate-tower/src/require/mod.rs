//! Asks for scopes, roles or claims before a service.
//!
//! # Contract
//!
//! - It reads the [`Authentication`](tollgate_core::Authentication) that [`JwtAuth`](crate::JwtAuth), which must stand
//!   outside of it, has left in the request, and lets the request through unchanged if the policy holds.
//! - An anonymous request is refused as one without a credential, whatever the policy; but a CORS preflight that the
//!   gate was told to let through is let through here as well, for it acts for nobody.
//! - Without a [`JwtAuth`](crate::JwtAuth) outside, every request is refused as a mistake of the server's own: 500, and
//!   an error in the log.
//! - `poll_ready` is the service's. It is the readied service that is called, in `call` itself: no clone of it is made.

mod layer;
mod service;

pub use layer::{Require, RequireLayer, require};
pub use service::RequireService;
