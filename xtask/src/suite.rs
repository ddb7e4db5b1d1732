//! The tests and the instruction budgets of the workspace.

use std::ffi::OsStr;
use std::path::Path;

use crate::command::Program;
use crate::report::{Outcome, Report, StepResult};
use crate::tools::{NEXTEST, Tools};

/// The variable with the absolute path of the directory of test vectors.
const VECTORS: &str = "TOLLGATE_VECTORS";

/// Runs the unit tests of the engine, to get a first result before the rest is compiled.
pub(crate) fn engine(tools: &Tools<'_>, report: &mut Report) {
    report.step("unit tests of the engine", || {
        tests(tools, &["--package", "tollgate-core", "--lib"])
    });
}

/// Runs every test of the workspace, then the documentation tests.
pub(crate) fn all(tools: &Tools<'_>, report: &mut Report) {
    report.step("test vectors", || {
        vectors(std::env::var_os(VECTORS).as_deref())
    });
    report.step("tests", || {
        // Documentation tests are separate, because nextest does not run them.
        tests(tools, &["--workspace", "--lib", "--bins", "--tests"])
    });
    report.step("documentation tests", || {
        tools
            .cargo()
            .args([
                "test",
                "--doc",
                "--no-fail-fast",
                "--workspace",
                "--all-features",
            ])
            .run()?;
        Ok(Outcome::Passed)
    });
}

/// Runs tests by nextest if it is installed, else by `cargo test`, which has no timeout.
fn tests(tools: &Tools<'_>, scope: &[&str]) -> StepResult {
    let runner: &[&str] = if tools.has(NEXTEST) {
        &["nextest", "run"]
    } else {
        &["test"]
    };
    tools
        .with_peers(tools.cargo().args(runner).args(scope))
        .args(["--all-features", "--no-fail-fast"])
        .run()?;
    Ok(Outcome::Passed)
}

/// Reports missing test vectors, because their tests pass without them.
fn vectors(directory: Option<&OsStr>) -> StepResult {
    let Some(directory) = directory.map(Path::new) else {
        return Ok(Outcome::Skipped(format!("{VECTORS} is not set")));
    };
    // A relative path would be resolved in the directory of each test's package.
    if directory.is_absolute() && directory.is_dir() {
        Ok(Outcome::Passed)
    } else {
        Err(format!(
            "{VECTORS} is {}: set it to the absolute path of a directory",
            directory.display()
        ))
    }
}

/// Runs the tests of the crates that choose the interleaving of threads.
pub(crate) fn interleavings(tools: &Tools<'_>, report: &mut Report) {
    report.step("interleavings", || {
        tools
            .cargo()
            .args(["test", "--package", "tollgate-core"])
            .args(["--package", "tollgate-session", "--lib"])
            .arg("interleavings")
            .env(
                "RUSTC_WORKSPACE_WRAPPER",
                tools.workspace.root.join("xtask/rustc-shuttle"),
            )
            .run()?;
        Ok(Outcome::Passed)
    });
}

/// Counts instructions, which do not depend on the load of the machine.
pub(crate) fn instructions(tools: &Tools<'_>, report: &mut Report) {
    report.step("instruction budgets", || {
        let package = tools.workspace.package("tollgate-benches");
        for wanted in ["instructions", "refused"] {
            if !package.is_some_and(|package| package.benches.iter().any(|bench| bench == wanted)) {
                return Err(format!("tollgate-benches has no benchmark `{wanted}`"));
            }
        }
        if !Program::new("valgrind").arg("--version").succeeds() {
            return Ok(Outcome::Skipped(
                "valgrind is missing: on Debian and Ubuntu `apt-get install valgrind`".into(),
            ));
        }
        tools
            .cargo()
            .args(["bench", "-p", "tollgate-benches", "--bench", "instructions"])
            .args(["--bench", "refused"])
            .run()?;
        Ok(Outcome::Passed)
    });
}

impl Tools<'_> {
    /// Passes the paths of the peers to the tests. Variables that are already set do not change.
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
            .fold(program, |program, (variable, path)| {
                program.env(variable, path)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::vectors;
    use crate::report::Outcome;

    #[test]
    fn absent_vectors_are_skipped_and_a_wrong_path_fails() {
        assert!(matches!(vectors(None), Ok(Outcome::Skipped(_))));
        let here = env!("CARGO_MANIFEST_DIR");
        assert_eq!(vectors(Some(here.as_ref())), Ok(Outcome::Passed));
        for wrong in ["", "src", "/no/such/folder"] {
            assert!(vectors(Some(wrong.as_ref())).is_err(), "{wrong:?}");
        }
    }
}
