//! The archives of the published crates.

use std::path::PathBuf;
use std::{env, fs};

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// The profile of the workspace, which a packaged manifest lacks. With it, the compiled
/// dependencies of the workspace are reused.
const PROFILE: &[&str] = &[
    "--config",
    r#"profile.dev.debug="line-tables-only""#,
    "--config",
    r#"profile.dev.package."*".opt-level=1"#,
];

/// Packages the published or the named crates, and builds each from its archive.
///
/// The other archives replace the registry. This finds a file that is missing in an archive, and a
/// dependency without a version.
pub(crate) fn run(tools: &Tools<'_>, named: &[String], report: &mut Report) {
    report.step("package", || {
        remove_unpacked(tools)?;
        let published = tools
            .workspace
            .published()
            .map(|package| package.name.clone());
        let packages = if named.is_empty() {
            published.collect()
        } else {
            named.to_vec()
        };
        tools
            .cargo()
            .args(["package", "--quiet", "--allow-dirty"])
            .args(PROFILE)
            .args(packages.iter().flat_map(|name| ["--package", name]))
            .run()?;
        Ok(Outcome::Passed)
    });
}

/// Removes the unpacked archives of earlier runs.
///
/// Cargo identifies an unpacked archive by its name, its version and the path of its registry. None
/// of them changes with the content.
fn remove_unpacked(tools: &Tools<'_>) -> Result<(), String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(env::home_dir()?.join(".cargo"))) else {
        return Ok(());
    };
    let Ok(registries) = fs::read_dir(home.join("registry/src")) else {
        return Ok(());
    };
    // The directory of a registry begins with its host. A registry in a local directory has no
    // host.
    let local = registries
        .flatten()
        .filter(|registry| registry.file_name().to_string_lossy().starts_with('-'));
    for crates in local.filter_map(|registry| fs::read_dir(registry.path()).ok()) {
        for unpacked in crates.flatten() {
            let name = unpacked.file_name();
            let ours = tools.workspace.published().any(|package| {
                let version = name
                    .to_str()
                    .and_then(|name| name.strip_prefix(&*package.name)?.strip_prefix('-'));
                version.is_some_and(|version| {
                    version.starts_with(|first: char| first.is_ascii_digit())
                })
            });
            if ours {
                fs::remove_dir_all(unpacked.path()).map_err(|error| {
                    format!("cannot remove {}: {error}", unpacked.path().display())
                })?;
            }
        }
    }
    Ok(())
}
