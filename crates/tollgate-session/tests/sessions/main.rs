//! Sessions in a service, including attacks.

#![allow(clippy::unwrap_used, reason = "test code")]

mod actors;
mod attempts;
mod configuration;
mod continuation;
mod damaged;
mod data;
mod events;
mod fixture;
mod forget;
mod late;
#[cfg(feature = "metrics")]
mod operations;
mod outages;
mod races;
mod revocations;
mod security;
mod sliding;
mod status;
mod step_up;
mod steps;
