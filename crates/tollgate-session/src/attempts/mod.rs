//! The stored counts of login attempts.

mod charge;
mod memory;

pub use self::charge::{AttemptCharge, AttemptKey, AttemptLevel};
pub use self::memory::AttemptMemory;
