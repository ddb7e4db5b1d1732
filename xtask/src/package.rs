//! The archives that publishing would upload.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// Packs every published crate and builds each from its archive, the others standing in for the registry:
/// a file that the archive lacks, or a dependency without a version, is found before publishing.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("package", || {
        let crates = tools
            .workspace
            .published()
            .flat_map(|package| ["--package", &package.name]);
        tools
            .cargo()
            .args(["package", "--quiet", "--allow-dirty"])
            .args(crates)
            .run()?;
        Ok(Outcome::Passed)
    });
}
