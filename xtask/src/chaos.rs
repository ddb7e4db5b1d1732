//! The load that runs while servers are killed, frozen and cut off: `tests/chaos`.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// Runs the script of faults on each named store, or on all, for that many seconds or one round.
pub(crate) fn run(tools: &Tools<'_>, arguments: &[String], report: &mut Report) {
    report.step("chaos", || {
        tools
            .cargo()
            // The features of the whole workspace, so that nothing is compiled again.
            .args(["test", "--workspace", "--all-features", "--test", "chaos"])
            .arg("--")
            .args(arguments)
            .run()?;
        Ok(Outcome::Passed)
    });
}
