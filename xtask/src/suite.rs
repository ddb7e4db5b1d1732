//! The tests and the benchmarks of the workspace.

use std::ffi::OsStr;
use std::path::Path;

use crate::command::Program;
use crate::report::{Outcome, Report, StepResult};
use crate::tools::{NEXTEST, Tools};

/// Names the folder of test vectors for the tests, which inherit it.
const VECTORS: &str = "TOLLGATE_VECTORS";

pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    let scope = ["--workspace", "--all-features"];
    report.step("test vectors", || vectors(std::env::var_os(VECTORS).as_deref()));
    report.step("tests", || {
        let runner: &[&str] = if tools.has(NEXTEST) {
            &["nextest", "run", "--no-fail-fast"]
        } else {
            &["test", "--no-fail-fast", "--lib", "--bins", "--tests"]
        };
        tools.with_peers(tools.cargo().args(runner).args(scope)).run()?;
        Ok(Outcome::Passed)
    });
    // `nextest` runs no documentation tests.
    report.step("documentation tests", || {
        tools
            .cargo()
            .args(["test", "--doc", "--no-fail-fast"])
            .args(scope)
            .run()?;
        Ok(Outcome::Passed)
    });
}

/// The tests pass over the vectors that they do not find, which must not look like having read them.
fn vectors(folder: Option<&OsStr>) -> StepResult {
    let Some(folder) = folder.map(Path::new) else {
        return Ok(Outcome::Skipped(format!("{VECTORS} is not set")));
    };
    // Each test runs in the folder of its crate, where a relative path would lead elsewhere.
    if folder.is_absolute() && folder.is_dir() {
        Ok(Outcome::Passed)
    } else {
        Err(format!(
            "{VECTORS} is {}, which is not the absolute path of a folder",
            folder.display()
        ))
    }
}

/// Counts instructions, which unlike seconds are the same on a busy machine.
pub(crate) fn instructions(tools: &Tools<'_>, report: &mut Report) {
    report.step("instruction counts", || {
        let there = tools
            .workspace
            .package("tollgate-benches")
            .is_some_and(|package| package.benches.iter().any(|bench| bench == "instructions"));
        if !there {
            return Err("there is no benchmark `instructions` in tollgate-benches".into());
        }
        if !Program::new("valgrind").arg("--version").succeeds() {
            return Ok(Outcome::Skipped(
                "valgrind is missing: on Debian and Ubuntu `apt-get install valgrind`".into(),
            ));
        }
        tools
            .cargo()
            .args(["bench", "-p", "tollgate-benches", "--bench", "instructions"])
            .run()?;
        Ok(Outcome::Passed)
    });
}

impl Tools<'_> {
    /// Tells the tests where the peers are; what the caller has set stays.
    fn with_peers(&self, program: Program) -> Program {
        let found = [
            ("TOLLGATE_PYTHON", self.python()),
            ("TOLLGATE_NODE", self.node_modules().map(|_| "node".into())),
            ("TOLLGATE_NODE_MODULES", self.node_modules()),
        ];
        found
            .into_iter()
            .filter(|(variable, _)| std::env::var_os(variable).is_none())
            .filter_map(|(variable, path)| Some((variable, path?)))
            .fold(program, |program, (variable, path)| program.env(variable, path))
    }
}

#[cfg(test)]
mod tests {
    use super::vectors;
    use crate::report::Outcome;

    #[test]
    fn vectors_are_there_or_missed_aloud() {
        assert!(matches!(vectors(None), Ok(Outcome::Skipped(_))));
        let here = env!("CARGO_MANIFEST_DIR");
        assert_eq!(vectors(Some(here.as_ref())), Ok(Outcome::Passed));
        for wrong in ["", "src", "/no/such/folder"] {
            assert!(vectors(Some(wrong.as_ref())).is_err(), "{wrong:?}");
        }
    }
}
