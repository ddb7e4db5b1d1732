//! Runs the quickstart on actix-web as a process, with the same tests as for axum.

#![cfg(unix)] // the printed commands need a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/contract/mod.rs"]
mod contract;
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart-actix");

/// Each quickstart is copied from its own folder, so the code that does not depend on a framework
/// is in both.
#[test]
fn only_the_main_file_differs_from_the_axum_example() {
    for (here, there) in [
        (
            include_str!("../src/login.rs"),
            include_str!("../../quickstart/src/login.rs"),
        ),
        (
            include_str!("../src/options.rs"),
            include_str!("../../quickstart/src/options.rs"),
        ),
        (
            include_str!("../src/welcome.rs"),
            include_str!("../../quickstart/src/welcome.rs"),
        ),
    ] {
        assert_eq!(here, there);
    }
}
