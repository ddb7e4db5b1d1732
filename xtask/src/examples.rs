//! The crates that the examples in the documentation name.

use std::path::{Path, PathBuf};

use crate::report::{Outcome, StepResult};
use crate::workspace::Workspace;

/// The number of findings that are printed for a place.
const SHOWN: usize = 20;

/// The facade, from which an example takes everything.
const FACADE: &str = "tollgate";

/// The facade does not re-export the test kit, so that an example may name it beside the facade.
const TESTKIT: &str = "tollgate_testkit";

/// Fails if a code block of the documentation names one of our crates other than the facade.
///
/// An example is copied into a project that depends, of our crates, on the facade alone. Lines that
/// rustdoc hides count too.
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

/// The files with that extension below a directory.
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

/// The crates that code blocks name, each with the number of its line.
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
        // A code block ends with its comment.
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
