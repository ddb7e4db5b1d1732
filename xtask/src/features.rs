//! Builds of the published crates with different features.

use crate::report::{Outcome, Report};
use crate::tools::{HACK, Tools};

/// The features of the facade for frameworks. An application enables one of them.
const ADAPTERS: &str = "actix,axum,tonic,tower";

/// Checks the published or the named crates without features, with each feature alone and with all.
///
/// Clippy includes the checks of the compiler, and can deny warnings without compiling the
/// dependencies again. So it also finds code that is dead without a feature.
pub(crate) fn run(tools: &Tools<'_>, named: &[String], report: &mut Report) {
    let published = tools
        .workspace
        .published()
        .map(|package| package.name.clone());
    let packages = if named.is_empty() {
        published.collect()
    } else {
        named.to_vec()
    };
    report.step("tool: cargo-hack", || tools.install(HACK));
    report.step("features", || {
        let packages = packages.iter().flat_map(|name| ["--package", name]);
        hack(tools, packages)
    });
    if packages.iter().any(|name| name == "tollgate") {
        report.step("features: one framework of the facade", || {
            let each_with_macros = [
                "--package",
                "tollgate",
                "--include-features",
                ADAPTERS,
                "--features",
                "macros",
                "--exclude-no-default-features",
                "--exclude-all-features",
            ];
            hack(tools, each_with_macros)
        });
    }
}

fn hack<'a>(
    tools: &Tools<'_>,
    arguments: impl IntoIterator<Item = &'a str>,
) -> Result<Outcome, String> {
    tools
        .cargo()
        .args(["hack", "clippy", "--each-feature", "--quiet"])
        .args(arguments)
        .args(["--", "-D", "warnings"])
        .run()?;
    Ok(Outcome::Passed)
}
