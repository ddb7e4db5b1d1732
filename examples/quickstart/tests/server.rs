//! The quickstart on axum, run as a user runs it. `contract` holds what it has in common with the one on actix-web.

#![cfg(unix)] // the printed commands are for a POSIX shell
#![allow(clippy::unwrap_used)]

mod contract;
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart");
