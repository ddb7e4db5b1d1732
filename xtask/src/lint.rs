//! Formatting, clippy, rustdoc and links.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// Packages that stand outside the workspace, each with a reason of its own in its manifest.
const OUTSIDE: &[&str] = &[
    "benches/peers/Cargo.toml",
    "tests/consumers/Cargo.toml",
    "fuzz/Cargo.toml",
];

pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("formatting", || {
        tools.cargo().args(["fmt", "--all", "--check"]).run()?;
        for manifest in OUTSIDE
            .iter()
            .filter(|manifest| tools.workspace.root.join(manifest).exists())
        {
            tools
                .cargo()
                .args(["fmt", "--all", "--check", "--manifest-path", manifest])
                .run()?;
        }
        Ok(Outcome::Passed)
    });
    report.step("clippy", || {
        let scope = ["clippy", "--workspace", "--all-targets", "--all-features"];
        tools.cargo().args(scope).args(["--", "-D", "warnings"]).run()?;
        Ok(Outcome::Passed)
    });
    report.step("links", || crate::links::check(&tools.workspace.root));
    report.step("import circles", || crate::circles::check(tools.workspace));
    report.step("examples name tollgate alone", || {
        crate::examples::check(tools.workspace)
    });
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
