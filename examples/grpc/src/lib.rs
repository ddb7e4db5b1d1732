//! The generated code, shared by the server and the client.

#![forbid(unsafe_code)]

/// The package `shop.v1` of `proto/shop.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod shop {
    tonic::include_proto!("shop.v1");
}
