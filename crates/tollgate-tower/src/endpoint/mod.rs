//! An endpoint of tollgate's own as a service.
//!
//! # Contract
//!
//! - Always ready. The whole content is read, up to the endpoint's own limit, before the endpoint is asked: more is answered
//!   with 413, and a connection that breaks off with 400, both without asking it.
//! - The path that the endpoint sees is the request's, as a router has left it: nested in one, what follows the place.

mod future;
mod service;

pub use future::EndpointFuture;
pub use service::EndpointService;
