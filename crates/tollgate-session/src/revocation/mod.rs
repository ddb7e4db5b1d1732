//! Revocations and their distribution to all instances.

mod builder;
mod entry;
mod filter;
mod health;
#[cfg(all(test, shuttle))]
mod interleavings;
mod reading;
mod replica;
mod revocations;
mod status;
mod store;
mod sync;

pub use builder::RevocationsBuilder;
pub use entry::{Revocation, RevocationKey, RevocationKind};
pub use health::StoreFailure;
pub use reading::{Reading, RevocationReading};
pub use revocations::Revocations;
pub use status::RevocationStatus;
pub use store::{Position, RevocationFeed, RevocationSnapshot, RevocationStore};

pub(crate) use health::Operation;
