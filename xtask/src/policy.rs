//! The policy for dependencies.

use crate::report::{Outcome, Report};
use crate::tools::{DENY, Tools};

/// Checks `deny.toml` without its `advisories`, which need a database from the network.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("tool: cargo-deny", || tools.install(DENY));
    report.step("dependency policy", || {
        tools
            .cargo()
            .args([
                "deny",
                "--all-features",
                "check",
                "licenses",
                "bans",
                "sources",
            ])
            .run()?;
        Ok(Outcome::Passed)
    });
}
