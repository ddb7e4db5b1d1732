//! The crates that the examples of the documentation use.

use std::path::{Path, PathBuf};

use crate::report::{Outcome, StepResult};
use crate::workspace::Workspace;

/// The maximum number of findings that are printed per place.
const SHOWN: usize = 20;

/// The facade: the only crate of the workspace that an example may use.
const FACADE: &str = "tollgate";

/// The test kit. Hidden lines may use it everywhere, visible ones only on the pages of
/// [`TESTING`], which tell their reader to depend on it.
const TESTKIT: &str = "tollgate_testkit";

/// The pages about tests.
const TESTING: [&str; 3] = [
    "docs/guide/testing.md",
    "docs/guide/stores.md",
    "crates/tollgate-testkit/",
];

/// The crates that visible lines may import beside the facade: the frameworks, and the crates that
/// their users have anyway.
const IMPORTS: [&str; 20] = [
    "actix_cors",
    "actix_web",
    "arc_swap",
    "axum",
    "bytes",
    "core",
    "crate",
    "http",
    "http_body",
    "http_body_util",
    "serde",
    "serde_json",
    "std",
    "super",
    "tokio",
    "tonic",
    "tower",
    "tower_http",
    "tracing",
    FACADE,
];

/// Fails if a code block of the documentation does not compile in a project that has, of the crates
/// of the workspace, only the facade.
///
/// The documentation tests compile every block. This check finds the crates that they compile with
/// and that such a project lacks. Lines that rustdoc hides may name the test kit.
pub(crate) fn check(workspace: &Workspace) -> StepResult {
    let root = &workspace.root;
    let crates: Vec<String> = workspace
        .published()
        .map(|package| package.name.replace('-', "_"))
        .filter(|name| name != FACADE && name != TESTKIT)
        .collect();
    let mut places = vec![
        ("README.md".to_owned(), vec![root.join("README.md")]),
        ("docs".to_owned(), files(&root.join("docs"), "md")?),
    ];
    for package in workspace.published() {
        let mut pages = files(&package.directory.join("src"), "rs")?;
        pages.extend(Some(package.directory.join("README.md")).filter(|page| page.exists()));
        places.push((package.name.clone(), pages));
    }

    let mut problems = Vec::new();
    for (place, pages) in places {
        let mut found = Vec::new();
        for page in pages {
            let text = std::fs::read_to_string(&page)
                .map_err(|problem| format!("cannot read {}: {problem}", page.display()))?;
            let markdown = page.extension().is_some_and(|extension| extension == "md");
            let shown = page
                .strip_prefix(root)
                .unwrap_or(&page)
                .display()
                .to_string();
            let lines = code(&text, markdown);
            for (line, name) in named(&lines, &crates) {
                found.push(format!(
                    "{shown}:{line}: the example names `{name}`: it must need `{FACADE}` only"
                ));
            }
            let is_about_tests = TESTING.iter().any(|page| shown.starts_with(page));
            for (line, name) in imported(&lines) {
                if !(is_about_tests && name == TESTKIT) {
                    found.push(format!(
                        "{shown}:{line}: the example imports `{name}`: hide the line or do without"
                    ));
                }
            }
        }
        let count = found.len();
        if count > SHOWN {
            found.truncate(SHOWN);
            found.push(format!("and {} more in {place}", count - SHOWN));
        }
        problems.extend(found);
    }
    if problems.is_empty() {
        Ok(Outcome::Passed)
    } else {
        Err(problems.join("\n    "))
    }
}

/// Returns the files with that extension below a directory.
fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let unreadable =
        |problem: std::io::Error| format!("cannot read {}: {problem}", directory.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A line of a code block, with its number.
struct Line<'t> {
    number: usize,
    text: &'t str,
    /// `true` if rustdoc shows it.
    is_visible: bool,
}

/// Returns the lines of the code blocks.
fn code(text: &str, markdown: bool) -> Vec<Line<'_>> {
    let (mut found, mut fence) = (Vec::new(), None);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let line = if markdown {
            Some(line)
        } else {
            line.strip_prefix("///")
                .or_else(|| line.strip_prefix("//!"))
        };
        // A code block ends with its comment at the latest.
        let Some(text) = line.map(str::trim_start) else {
            fence = None;
            continue;
        };
        if let Some(mark) = ["```", "~~~"]
            .into_iter()
            .find(|mark| text.starts_with(mark))
        {
            fence = match fence {
                None => Some(mark),
                Some(open) if open == mark => None,
                other => other,
            };
        } else if fence.is_some() {
            found.push(Line {
                number: index + 1,
                text,
                is_visible: text != "#" && !text.starts_with("# "),
            });
        }
    }
    found
}

/// Returns the crates of `crates` that the lines name, each with its line number.
fn named<'c>(lines: &[Line<'_>], crates: &'c [String]) -> Vec<(usize, &'c str)> {
    let mut found = Vec::new();
    for line in lines {
        let words = line.text.split(|character: char| {
            !(character.is_ascii_alphanumeric() || character == '_' || character == '-')
        });
        for word in words {
            let word = word.replace('-', "_");
            found.extend(
                crates
                    .iter()
                    .filter(|name| **name == word)
                    .map(|name| (line.number, name.as_str())),
            );
        }
    }
    found
}

/// Returns the crates that visible lines import and that are not in [`IMPORTS`].
fn imported<'t>(lines: &[Line<'t>]) -> Vec<(usize, &'t str)> {
    let root = |line: &Line<'t>| {
        let path = line.text.strip_prefix("use ")?;
        let (root, _) = path.split_once("::")?;
        (line.is_visible && !IMPORTS.contains(&root)).then_some((line.number, root))
    };
    lines.iter().filter_map(root).collect()
}

#[cfg(test)]
mod tests;
