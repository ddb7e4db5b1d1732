//! Runs the quickstart on axum as a process. `contract` has the tests shared with actix-web.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

mod contract;
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart");

/// Each example is copied from its own folder, so each has the time limits of the server.
#[test]
fn all_axum_examples_have_the_same_server() {
    for copy in [
        include_str!("../../header-vs-cookie/src/server.rs"),
        include_str!("../../hot-path/src/server.rs"),
        include_str!("../../microservices/src/server.rs"),
        include_str!("../../oidc-login/src/server.rs"),
        include_str!("../../other-origin/src/server.rs"),
        include_str!("../../refresh-rotation/src/server.rs"),
        include_str!("../../sliding-session/src/server.rs"),
    ] {
        assert_eq!(copy, include_str!("../src/server.rs"));
    }
}
