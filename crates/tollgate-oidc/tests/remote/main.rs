//! Remote keys in a service, through rotations, outages and attacks.

#![allow(
    clippy::unchecked_time_subtraction,
    clippy::unwrap_used,
    reason = "a failed test"
)]

mod configuration;
mod events;
mod fixture;
mod flood;
mod late;
mod log;
#[cfg(feature = "metrics")]
#[allow(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "small whole numbers"
)]
mod metrics;
mod outage;
mod recognised;
mod rotation;
mod runtimes;
#[path = "../time/mod.rs"]
mod time;
mod waiting;
