//! Runs of the fuzz targets with libFuzzer.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::command::Program;
use crate::report::{Outcome, Report};
use crate::tools::{FUZZ, Tools};

/// Runs the named targets, or all, each for that many seconds. One target runs per core at a time.
pub(crate) fn run(tools: &Tools<'_>, seconds: u32, named: &[String], report: &mut Report) {
    let mut binaries = Err("they were not built".to_owned());
    report.step("tool: cargo-fuzz", || tools.install(FUZZ));
    report.step("fuzz targets: build", || {
        binaries = build(tools, named);
        binaries
            .as_ref()
            .map(|_| Outcome::Passed)
            .map_err(Clone::clone)
    });
    let Ok(binaries) = binaries else { return };
    let count = binaries.len();
    report.step(
        &format!("fuzz targets: {count} for {seconds} s each"),
        || {
            let next = AtomicUsize::new(0);
            let problems = Mutex::new(Vec::new());
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            std::thread::scope(|scope| {
                for _ in 0..cores {
                    scope.spawn(|| {
                        while let Some(binary) = binaries.get(next.fetch_add(1, Ordering::Relaxed))
                        {
                            if let Err(problem) = fuzz(tools, binary, seconds) {
                                println!("{problem}");
                                problems
                                    .lock()
                                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                                    .push(name(binary));
                            }
                        }
                    });
                }
            });
            let problems = problems
                .into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if problems.is_empty() {
                Ok(Outcome::Passed)
            } else {
                Err(format!("failures of {}", problems.join(", ")))
            }
        },
    );
}

/// Compiles the targets and returns their paths.
fn build(tools: &Tools<'_>, named: &[String]) -> Result<Vec<PathBuf>, String> {
    let known = targets(&tools.workspace.root.join("fuzz/fuzz_targets"))?;
    if let Some(unknown) = named.iter().find(|target| !known.contains(target)) {
        return Err(format!(
            "there is no fuzz target `{unknown}`, only {}",
            known.join(", ")
        ));
    }
    let host = host()?;
    let target = tools.workspace.target.join("fuzz");
    tools
        .cargo()
        // Without a sanitizer there are about twice as many executions per second, and the project
        // has no unsafe code that a sanitizer could check.
        .args([
            "fuzz",
            "build",
            "--fuzz-dir",
            "fuzz",
            "--sanitizer",
            "none",
            "--target",
            &host,
            "--target-dir",
        ])
        .arg(&target)
        // Coverage instrumentation is an unstable flag of an otherwise stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        .run()?;
    let chosen = if named.is_empty() {
        known
    } else {
        named.to_vec()
    };
    Ok(chosen
        .iter()
        .map(|name| target.join(&host).join("release").join(name))
        .collect())
}

/// Returns the names of the targets. Each is one file.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let unreadable =
        |problem: std::io::Error| format!("cannot read {}: {problem}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.push(name(&path));
        }
    }
    names.sort();
    if names.is_empty() {
        Err(format!("there is no target in {}", folder.display()))
    } else {
        Ok(names)
    }
}

fn host() -> Result<String, String> {
    let version = Program::new("rustc").arg("-vV").output()?;
    let host = version
        .text
        .lines()
        .find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

/// Runs one target, from the corpus of the repository and from `target/fuzz/corpus`, which keeps
/// the new inputs of this checkout. The corpus of the repository is only read.
fn fuzz(tools: &Tools<'_>, binary: &Path, seconds: u32) -> Result<(), String> {
    let name = name(binary);
    let corpus = tools.workspace.target.join("fuzz/corpus").join(&name);
    let artifacts = tools.workspace.target.join("fuzz/artifacts").join(&name);
    for folder in [&corpus, &artifacts] {
        std::fs::create_dir_all(folder)
            .map_err(|problem| format!("cannot create {}: {problem}", folder.display()))?;
    }
    let kept =
        Some(tools.workspace.root.join("fuzz/corpus").join(&name)).filter(|folder| folder.is_dir());
    let dictionary = Some(tools.workspace.root.join("fuzz/jwt.dict")).filter(|file| file.is_file());
    let output = Program::new(binary)
        .arg(format!("-max_total_time={seconds}"))
        // Longer than the default limit of a token, so that the limit itself is fuzzed.
        .args(["-max_len=10240", "-timeout=5", "-print_final_stats=1"])
        // Comparisons that come closer to equality count as progress, too.
        .arg("-use_value_profile=1")
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(dictionary.map(|file| format!("-dict={}", file.display())))
        .arg(&corpus)
        .args(kept)
        .output()?;
    let executed = output
        .error
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    match executed.map(str::trim) {
        Some(count) if count != "0" => {
            println!("    {name}: {count} executions, nothing found");
            Ok(())
        }
        _ => Err(format!("{name} printed no number of executions")),
    }
}

fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_host_is_read() {
        assert!(super::host().unwrap().contains('-'));
    }

    #[test]
    fn a_folder_without_targets_is_an_error() {
        assert!(
            super::targets(Path::new("no/such/folder"))
                .unwrap_err()
                .contains("no/such/folder")
        );
    }
}
