//! Runs the shop on axum as a process. `contract` has the tests shared with actix-web.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod contract;
#[allow(dead_code)] // not every function is used here
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_shop");
