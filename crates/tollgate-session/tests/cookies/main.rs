//! Planted and duplicated cookies, and logins that replace a session.

#![allow(clippy::unwrap_used)]

mod address;
mod jar;
mod log;
mod moved;
mod planted;
mod reordered;
mod replaced;
mod world;
