//! The quickstart on actix-web, run as a user runs it: all that the one on axum does.

#![cfg(unix)] // the printed commands are for a POSIX shell
#![allow(clippy::unwrap_used)]

#[path = "../../quickstart/tests/contract/mod.rs"]
mod contract;
#[path = "../../quickstart/tests/running/mod.rs"]
mod running;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quickstart-actix");

/// The two are for copying, each from its own folder; what has nothing to do with a framework is the same in both.
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
