//! Remote keys as a service uses them, and as it and its provider are attacked.

mod configuration;
mod events;
mod fixture;
mod flood;
#[cfg(feature = "metrics")]
mod metrics;
mod outage;
mod rotation;
mod runtimes;
mod waiting;
