//! Login throttling: budgets of failed attempts for each user name, network and device.

mod budgets;
mod charge;
mod device;
mod keys;
mod memory;
mod rule;

pub use self::budgets::{LoginThrottle, LoginThrottleBuilder};
pub use self::charge::{AttemptCharge, AttemptKey, AttemptLevel};
pub use self::memory::AttemptMemory;

pub(crate) use self::device::DeviceToken;
pub(crate) use self::keys::{Keys, Network, normalized};
pub(crate) use self::rule::{Charged, charges, wait};
