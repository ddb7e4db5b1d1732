//! Formatting, structure, clippy and rustdoc.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// The packages outside the workspace. The manifest of each gives the reason.
const OUTSIDE: &[&str] = &[
    "benches/peers/Cargo.toml",
    "tests/consumers/Cargo.toml",
    "fuzz/Cargo.toml",
];

/// Runs the checks that compile nothing.
pub(crate) fn quick(tools: &Tools<'_>, report: &mut Report) {
    report.step("formatting", || {
        tools.cargo().args(["fmt", "--all", "--check"]).run()?;
        for manifest in OUTSIDE {
            tools
                .cargo()
                .args(["fmt", "--all", "--check", "--manifest-path", manifest])
                .run()?;
        }
        Ok(Outcome::Passed)
    });
    report.step("links", || crate::links::check(&tools.workspace.root));
    report.step("import circles", || crate::circles::check(tools.workspace));
    report.step("examples name tollgate alone", || {
        crate::examples::check(tools.workspace)
    });
}

pub(crate) fn clippy(tools: &Tools<'_>, report: &mut Report) {
    report.step("clippy", || {
        let scope = ["clippy", "--workspace", "--all-targets", "--all-features"];
        tools
            .cargo()
            .args(scope)
            .args(["--", "-D", "warnings"])
            .run()?;
        Ok(Outcome::Passed)
    });
}

pub(crate) fn rustdoc(tools: &Tools<'_>, report: &mut Report) {
    report.step("rustdoc", || {
        let scope = ["doc", "--workspace", "--all-features", "--no-deps"];
        tools
            .cargo()
            .args(scope)
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()?;
        Ok(Outcome::Passed)
    });
}
