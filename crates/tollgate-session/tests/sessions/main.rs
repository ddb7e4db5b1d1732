//! Sessions in a service, including attacks.

mod configuration;
mod fixture;
mod outages;
mod races;
mod security;
mod sliding;
