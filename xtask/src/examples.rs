//! The crates that the examples of the documentation use.

use std::path::{Path, PathBuf};

use crate::report::{Outcome, StepResult};
use crate::workspace::Workspace;

/// The maximum number of findings that are printed per place.
const SHOWN: usize = 20;

/// The facade: the only crate of the workspace that an example may use.
const FACADE: &str = "tollgate";

/// The test kit, which an example may also use, because the facade does not re-export it.
const TESTKIT: &str = "tollgate_testkit";

/// Fails if a code block of the documentation names a crate of the workspace other than the facade.
///
/// Users copy examples into projects that depend only on the facade. Lines that rustdoc hides count
/// too.
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
            let shown = page.strip_prefix(root).unwrap_or(&page).display();
            for (line, name) in named(&text, markdown, &crates) {
                found.push(format!(
                    "{shown}:{line}: the example names `{name}`: it must need `{FACADE}` only"
                ));
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

/// Returns the crates that code blocks name, each with its line number.
fn named<'c>(text: &str, markdown: bool, crates: &'c [String]) -> Vec<(usize, &'c str)> {
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
        let Some(line) = line.map(str::trim_start) else {
            fence = None;
            continue;
        };
        if let Some(mark) = ["```", "~~~"]
            .into_iter()
            .find(|mark| line.starts_with(mark))
        {
            fence = match fence {
                None => Some(mark),
                Some(open) if open == mark => None,
                other => other,
            };
            continue;
        }
        if fence.is_none() {
            continue;
        }
        let words = line.split(|character: char| {
            !(character.is_ascii_alphanumeric() || character == '_' || character == '-')
        });
        for word in words {
            let word = word.replace('-', "_");
            found.extend(
                crates
                    .iter()
                    .filter(|name| **name == word)
                    .map(|name| (index + 1, name.as_str())),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests;
