//! Projects that depend on the facade, each with another backend of `jsonwebtoken`.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// The members of `tests/consumers`. Each is tested alone, because cargo unites the features of
/// packages that it builds together, and these differ in their features only.
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
                    // Dependencies that the workspace has compiled are not compiled again.
                    .arg(&tools.workspace.target)
                    .run()?;
                Ok(Outcome::Passed)
            },
        );
    }
}
