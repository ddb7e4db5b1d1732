//! Packages that use the crates as a stranger does, each beside another choice of `jsonwebtoken` backend.

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// The members of `tests/consumers`, run one by one: cargo unites the features of packages that are built
/// together, and the whole point is that these have different ones.
const CONSUMERS: &[&str] = &["none", "aws-lc-rs", "rust-crypto", "both"];

pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    let manifest = tools.workspace.root.join("tests/consumers/Cargo.toml");
    let target = tools.workspace.target.join("consumers");
    for consumer in CONSUMERS {
        report.step(&format!("consumer: jsonwebtoken with backend {consumer}"), || {
            tools
                .cargo()
                .args([
                    "test",
                    "--package",
                    &format!("consumer-{consumer}"),
                    "--manifest-path",
                ])
                .arg(&manifest)
                .arg("--target-dir")
                .arg(&target)
                .run()?;
            Ok(Outcome::Passed)
        });
    }
}
