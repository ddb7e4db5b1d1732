//! The comparison with other crates: `benches/peers`, a separate workspace.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// Checks that the comparison compiles, with the versions of its last run.
///
/// The comparison itself is run manually, because times on a shared machine vary too much for a
/// check.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("peers: the comparison compiles", || {
        tools
            .cargo()
            .args(["clippy", "--locked", "--all-targets", "--manifest-path"])
            .arg(tools.workspace.root.join("benches/peers/Cargo.toml"))
            .arg("--target-dir")
            // Reuses the compiled dependencies of the workspace.
            .arg(&tools.workspace.target)
            .args(["--", "-D", "warnings"])
            .run()?;
        Ok(Outcome::Passed)
    });
}
