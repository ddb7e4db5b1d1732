//! The compiler.

use std::cmp::Ordering;

use crate::command::Program;
use crate::report::{Outcome, Report, StepResult};
use crate::tools::Tools;

/// Compares the compiler with the minimum supported version. A run with a newer compiler does not
/// check the minimum.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("minimum Rust version", || {
        let minimum = tools
            .workspace
            .published()
            .find_map(|package| package.rust_version.as_deref())
            .ok_or("no published package has a `rust-version`")?;
        let version = Program::new("rustc")
            .arg("--version")
            .dir(&tools.workspace.root)
            .output()?;
        compare(minimum, version.text.trim())
    });
}

fn compare(minimum: &str, version: &str) -> StepResult {
    let number = version
        .split_whitespace()
        .nth(1)
        .and_then(minor)
        .ok_or_else(|| format!("`rustc --version` prints no version: {version}"))?;
    let wanted =
        minor(minimum).ok_or_else(|| format!("`rust-version` is no version: {minimum}"))?;
    match number.cmp(&wanted) {
        Ordering::Less => Err(format!("the minimum is {minimum}, this is {version}")),
        Ordering::Equal => Ok(Outcome::Passed),
        Ordering::Greater => Ok(Outcome::Skipped(format!(
            "passed, but the minimum {minimum} was not used: this is {version}"
        ))),
    }
}

/// Returns the major and minor version of `1.95.0` or `1.95`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::report::Outcome;

    #[test]
    fn newer_versions_skip_the_check_and_older_ones_fail() {
        for version in ["rustc 1.95.0 (59807616e 2026-04-14)", "rustc 1.95.3"] {
            assert_eq!(compare("1.95", version), Ok(Outcome::Passed), "{version}");
        }
        for version in [
            "rustc 1.96.0 (0 2026-06-01)",
            "rustc 1.100.0-nightly",
            "rustc 2.0.0",
        ] {
            assert!(
                matches!(compare("1.95", version), Ok(Outcome::Skipped(_))),
                "{version}"
            );
        }
        for version in [
            "rustc 1.94.1 (0 2026-03-01)",
            "rustc 1.9.0",
            "rustc",
            "",
            "rustc x.y",
        ] {
            assert!(compare("1.95", version).is_err(), "{version}");
        }
    }
}
