//! Every published crate compiles with any choice of its features.

use crate::report::{Outcome, Report};
use crate::tools::{HACK, Tools};

/// The features of the facade that stand for a framework. An application enables one of them.
const ADAPTERS: &str = "actix,axum,tower";

/// Checks the published crates, or those that are named, without features, with each alone and with
/// all.
///
/// By clippy, which checks what the compiler checks and can deny warnings without compiling the
/// dependencies again, so that code which is dead without a feature is found too.
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
