#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod address;
mod attempts;
mod builder;
mod failure;
mod feed;
mod keys;
mod link;
mod operation;
mod requirements;
mod revocations;
mod scripts;
mod sentinel;
mod servers;
mod sessions;
mod slots;
mod store;
mod subjects;
#[cfg(feature = "tls")]
mod tls;
mod url;
mod with_session;

pub use builder::RedisStoreBuilder;
pub use store::RedisStore;
