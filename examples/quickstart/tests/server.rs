//! Runs the quickstart on axum as a process. `contract` has the tests shared with actix-web.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

mod contract;
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart");
