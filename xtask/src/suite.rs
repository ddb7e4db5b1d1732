//! The tests and the benchmarks of the workspace.

use crate::command::Program;
use crate::report::{Outcome, Report};
use crate::tools::{NEXTEST, Tools};

pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    let scope = ["--workspace", "--all-features"];
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

/// Counts instructions, which unlike seconds are the same on a busy machine.
pub(crate) fn instructions(tools: &Tools<'_>, report: &mut Report) {
    report.step("instruction counts", || {
        let there = tools
            .workspace
            .package("tollgate-benches")
            .is_some_and(|package| package.benches.iter().any(|bench| bench == "instructions"));
        if !there {
            println!("    there is no benchmark `instructions` in tollgate-benches");
            return Ok(Outcome::Passed);
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
    /// Tells the tests where the peers and the vectors are; what the caller has set stays.
    fn with_peers(&self, program: Program) -> Program {
        // A folder `shared/vectors` beside the checkout.
        let vectors = self
            .workspace
            .root
            .parent()
            .map(|beside| beside.join("shared/vectors"));
        let found = [
            ("TOLLGATE_PYTHON", self.python()),
            ("TOLLGATE_NODE", self.node_modules().map(|_| "node".into())),
            ("TOLLGATE_NODE_MODULES", self.node_modules()),
            ("TOLLGATE_VECTORS", vectors.filter(|folder| folder.is_dir())),
        ];
        found
            .into_iter()
            .filter(|(variable, _)| std::env::var_os(variable).is_none())
            .filter_map(|(variable, path)| Some((variable, path?)))
            .fold(program, |program, (variable, path)| program.env(variable, path))
    }
}
