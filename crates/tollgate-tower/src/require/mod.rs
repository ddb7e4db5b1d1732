//! Authorisation by scopes, roles or claims before a service.
//!
//! # Contract
//!
//! - It reads the [`Authentication`](tollgate_core::Authentication) of the surrounding
//!   [`JwtAuth`](crate::JwtAuth) from the request. If the policy is satisfied, the request passes
//!   unchanged.
//! - An anonymous request is refused like a request without a credential, whatever the policy. The
//!   exception is a CORS preflight that the gate is configured to accept, because it acts for no
//!   user.
//! - Without a surrounding [`JwtAuth`](crate::JwtAuth), every request is refused as a server error:
//!   500, and an error in the log.
//! - `poll_ready` delegates to the service. `call` calls the instance that is ready, without a
//!   clone.

mod layer;
mod service;

pub use layer::{Require, RequireLayer, require};
pub use service::RequireService;
