#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod id;
mod memory;
mod random;
mod revocation;
mod store;

pub use id::{InvalidSessionId, SessionId};
pub use memory::MemoryStore;
pub use random::{NoRandomness, Random, SystemRandom};
pub use revocation::{
    Announcement, Position, Revocation, RevocationFeed, RevocationKey, RevocationKind, RevocationSnapshot,
    RevocationStore,
};
pub use store::{SessionStore, StoreError, StoreErrorKind, StoreFuture, StoredSession};
