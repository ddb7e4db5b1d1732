#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attempts;
mod builder;
mod column;
mod connection;
mod failure;
mod feed;
mod pool;
mod revocations;
mod sessions;
mod statements;
mod store;

pub use builder::PostgresStoreBuilder;
pub use store::PostgresStore;

// The crates of the types in signatures, in the matching versions.
pub use deadpool_postgres;
pub use tokio_postgres;
