//! The archives that publishing would upload.

use std::path::PathBuf;
use std::{env, fs};

use crate::report::{Outcome, Report};
use crate::tools::Tools;

/// Packs every published crate and builds each from its archive, the others standing in for the registry:
/// a file that the archive lacks, or a dependency without a version, is found before publishing.
pub(crate) fn run(tools: &Tools<'_>, report: &mut Report) {
    report.step("package", || {
        forget_unpacked(tools)?;
        let crates = tools
            .workspace
            .published()
            .flat_map(|package| ["--package", &package.name]);
        tools
            .cargo()
            .args(["package", "--quiet", "--allow-dirty"])
            .args(crates)
            .run()?;
        Ok(Outcome::Passed)
    });
}

/// Removes what cargo has unpacked of earlier archives of ours. It knows them by name, version and the path of the stand-in for the
/// registry, all of which are the same when their content is another.
fn forget_unpacked(tools: &Tools<'_>) -> Result<(), String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(env::home_dir()?.join(".cargo"))) else {
        return Ok(());
    };
    let Ok(registries) = fs::read_dir(home.join("registry/src")) else {
        return Ok(());
    };
    // The name of a registry begins with its host, and a directory has none.
    let stand_ins = registries
        .flatten()
        .filter(|registry| registry.file_name().to_string_lossy().starts_with('-'));
    for crates in stand_ins.filter_map(|registry| fs::read_dir(registry.path()).ok()) {
        for unpacked in crates.flatten() {
            let name = unpacked.file_name();
            let ours = tools.workspace.published().any(|package| {
                let version = name
                    .to_str()
                    .and_then(|name| name.strip_prefix(&*package.name)?.strip_prefix('-'));
                version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
            });
            if ours {
                fs::remove_dir_all(unpacked.path())
                    .map_err(|error| format!("cannot remove {}: {error}", unpacked.path().display()))?;
            }
        }
    }
    Ok(())
}
