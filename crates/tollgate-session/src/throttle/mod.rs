//! Login throttling: budgets of failed attempts for each user name, network and device.

mod budgets;
mod device;
mod keys;
mod rule;

pub use self::budgets::{LoginThrottle, LoginThrottleBuilder};

pub(crate) use self::device::DeviceToken;
pub(crate) use self::keys::{Keys, Network, normalized};
pub(crate) use self::rule::{Charged, charges, wait};
