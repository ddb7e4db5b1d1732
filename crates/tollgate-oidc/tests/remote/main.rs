//! Remote keys in a service, through rotations, outages and attacks.

#![allow(
    clippy::unchecked_time_subtraction,
    clippy::unwrap_used,
    reason = "a panic fails the test"
)]

mod by_kid;
mod cached_tokens;
mod configuration;
mod events;
mod fixture;
mod flood;
mod late_keys;
mod log;
#[cfg(feature = "metrics")]
#[allow(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "small whole numbers"
)]
mod metrics;
mod outage;
mod rotation;
mod runtimes;
#[path = "../time/mod.rs"]
mod time;
mod waiting;
mod withdrawal;
