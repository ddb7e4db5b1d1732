//! Sessions as a service uses them, and as an attacker does.

mod configuration;
mod fixture;
mod outages;
mod races;
mod security;
mod sliding;
