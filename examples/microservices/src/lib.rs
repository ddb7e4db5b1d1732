//! Code shared by the three programs that is unrelated to tollgate: names, command lines, startup
//! text.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

pub mod options;
pub mod welcome;

/// The audience (`aud`) of the orders service.
pub const ORDERS: &str = "https://orders.example.com";
/// The audience (`aud`) of the billing service.
pub const BILLING: &str = "https://billing.example.com";
/// The audience (`aud`) of the issuer's admin routes.
pub const ISSUER: &str = "https://id.example.com";

/// Writes events to stderr: the reasons of refusals and the progress of key fetches.
pub fn log() {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
}

/// Formats the error for an address that is in use.
pub fn cannot_listen(address: SocketAddr, problem: &io::Error) -> String {
    format!("cannot listen on {address}: {problem}; choose another address with --listen")
}

/// Returns the exit code of the program and writes an error to stderr.
pub fn ended(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::program());
            ExitCode::FAILURE
        }
    }
}
