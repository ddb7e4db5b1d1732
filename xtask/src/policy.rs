//! What may be depended on.

use crate::report::{Outcome, Report};
use crate::tools::{DENY, Tools};

/// Checks `deny.toml`. Its `advisories` need a database from the network, so they are left to whoever has one.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("dependency policy", || {
        tools.install(DENY)?;
        tools
            .cargo()
            .args(["deny", "--all-features", "check", "licenses", "bans", "sources"])
            .run()?;
        Ok(Outcome::Passed)
    });
}
