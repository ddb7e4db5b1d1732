//! What the three programs share and what is not of tollgate: names, command lines, and what is printed at the start.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

pub mod options;
pub mod welcome;

/// The name of the orders service, the `aud` of tokens for it.
pub const ORDERS: &str = "https://orders.example.com";
/// The name of the billing service, the `aud` of tokens for it.
pub const BILLING: &str = "https://billing.example.com";
/// The name of the issuer as a service, the `aud` of tokens for changing its keys.
pub const ISSUER: &str = "https://id.example.com";

/// Writes events to stderr: tollgate says in them why a request was refused, and how fetching keys goes.
pub fn log() {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
}

/// Waits for Ctrl-C.
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await; // no way to be told: run on
    }
}

/// What the user reads where the address is taken.
pub fn cannot_listen(address: SocketAddr, problem: &io::Error) -> String {
    format!("cannot listen on {address}: {problem}; choose another address with --listen")
}

/// The exit code for how the program ended; what went wrong is written to stderr.
pub fn ended(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::program());
            ExitCode::FAILURE
        }
    }
}
