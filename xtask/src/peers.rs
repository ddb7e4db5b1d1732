//! The crates that tollgate is compared with: `benches/peers`, a workspace of its own.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// Checks that the comparison still compiles, with the versions of its last run.
///
/// It is run by hand: times on a shared machine vary too much to decide anything.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("peers: the comparison compiles", || {
        tools
            .cargo()
            .args(["clippy", "--locked", "--all-targets", "--manifest-path"])
            .arg(tools.workspace.root.join("benches/peers/Cargo.toml"))
            .arg("--target-dir")
            // Dependencies that the workspace has compiled are not compiled again.
            .arg(&tools.workspace.target)
            .args(["--", "-D", "warnings"])
            .run()?;
        Ok(Outcome::Passed)
    });
}
