//! The other crates that tollgate is measured beside: `benches/peers`, a workspace of its own.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// By clippy, which checks what the compiler checks: that the comparison still compiles, with the versions that it was last
/// run with. What it shares with the workspace is not built again. It is measured by hand, since times on a shared machine decide nothing.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("peers: what the comparison is measured with", || {
        tools
            .cargo()
            .args(["clippy", "--locked", "--all-targets", "--manifest-path"])
            .arg(tools.workspace.root.join("benches/peers/Cargo.toml"))
            .arg("--target-dir")
            .arg(&tools.workspace.target)
            .args(["--", "-D", "warnings"])
            .run()?;
        Ok(Outcome::Passed)
    });
}
