#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod builder;
mod failure;
mod feed;
mod keys;
mod link;
mod operation;
mod requirements;
mod revocations;
mod scripts;
mod servers;
mod sessions;
mod slots;
mod store;

pub use builder::RedisStoreBuilder;
pub use store::RedisStore;
