//! The adapter from an endpoint to a service.
//!
//! # Contract
//!
//! - The service is always ready. It reads the whole content, up to the limit of the endpoint,
//!   before it calls the endpoint. Larger content gets 413 and an interrupted connection gets 400,
//!   both without a call.
//! - The endpoint sees the path of the request after routing: in a nested service, the part after
//!   the prefix.

mod future;
mod service;

pub use future::EndpointFuture;
pub use service::EndpointService;
