//! Projects that depend on the facade, each with another backend of `jsonwebtoken`.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// The members of `tests/consumers`. They differ only in features, which cargo unifies in one
/// build, so each is tested in its own build.
const CONSUMERS: &[&str] = &["none", "aws-lc-rs", "rust-crypto", "both"];

pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    for consumer in CONSUMERS {
        report.step(
            &format!("consumer: jsonwebtoken with backend {consumer}"),
            || {
                tools
                    .cargo()
                    .args(["test", "--locked", "--manifest-path"])
                    .arg(tools.workspace.root.join("tests/consumers/Cargo.toml"))
                    .args(["--package", &format!("consumer-{consumer}"), "--target-dir"])
                    // Reuses the compiled dependencies of the workspace.
                    .arg(&tools.workspace.target)
                    .run()?;
                Ok(Outcome::Passed)
            },
        );
    }
}
