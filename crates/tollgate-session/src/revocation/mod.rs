//! Revocations and their distribution to all instances.

mod entry;
mod filter;
mod health;
#[cfg(all(test, shuttle))]
mod interleavings;
mod reading;
mod replica;
mod revocations;
mod store;
mod sync;

pub use entry::{Revocation, RevocationKey, RevocationKind};
pub use health::StoreFailure;
pub use reading::{Reading, RevocationReading};
pub use revocations::{RevocationStatus, Revocations, RevocationsBuilder};
pub use store::{Position, RevocationFeed, RevocationSnapshot, RevocationStore};

pub(crate) use health::Operation;
