//! The sessions of a service.

mod device;
mod tokens;

pub use device::Device;
pub use tokens::{Renewed, Tokens};
