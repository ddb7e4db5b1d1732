//! What was taken back, and how every instance learns of it.

mod entry;
mod store;

pub use entry::{Revocation, RevocationKey, RevocationKind};
pub use store::{Announcement, Position, RevocationFeed, RevocationSnapshot, RevocationStore};
