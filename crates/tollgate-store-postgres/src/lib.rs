#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod builder;
mod column;
mod connection;
mod failure;
mod feed;
mod migration;
mod pool;
mod purge;
mod revocations;
mod sessions;
mod statements;
mod store;

pub use builder::PostgresStoreBuilder;
pub use store::PostgresStore;

// What the signatures speak of, in the versions that they mean.
pub use deadpool_postgres;
pub use tokio_postgres;
