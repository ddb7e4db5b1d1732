//! Sessions as a service uses them, and as it is attacked.

mod attacks;
mod configuration;
mod fixture;
mod outages;
mod races;
mod sliding;
