//! Links between the files of the repository.

use std::path::{Path, PathBuf};

use crate::report::{Outcome, StepResult};

/// Fails if the target of a relative link does not exist. Anchors and links to other sites are not
/// checked.
pub(crate) fn check(root: &Path) -> StepResult {
    let pages = pages(root)?;
    let (mut count, mut broken) = (0, Vec::new());
    for page in &pages {
        let text = std::fs::read_to_string(page).map_err(|problem| unreadable(page, &problem))?;
        let folder = page.parent().unwrap_or(root);
        for (line, target) in targets(&text) {
            count += 1;
            if !folder.join(target).exists() {
                let page = page.strip_prefix(root).unwrap_or(page);
                broken.push(format!(
                    "{}:{line} links to {target}, which does not exist",
                    page.display()
                ));
            }
        }
    }
    println!("    {count} relative links in {} pages", pages.len());
    if broken.is_empty() {
        Ok(Outcome::Passed)
    } else {
        Err(broken.join("\n    "))
    }
}

/// Returns the pages in the root, all pages below `docs`, and the README of each crate and example.
fn pages(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
        .map(|page| root.join(page))
        .to_vec();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    for parent in ["crates", "examples"] {
        let fronts = entries(&root.join(parent))?.into_iter();
        pages.extend(
            fronts
                .map(|folder| folder.join("README.md"))
                .filter(|page| page.exists()),
        );
    }
    pages.sort();
    Ok(pages)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    std::fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .map_err(|problem| unreadable(folder, &problem))
}

fn unreadable(path: &Path, problem: &std::io::Error) -> String {
    format!("cannot read {}: {problem}", path.display())
}

/// Returns the targets of `[..](target)` and `[..]: target` outside code, each with its line
/// number.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut fence) = (Vec::new(), None);
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        if mark.is_some() && (fence.is_none() || fence == mark) {
            fence = if fence.is_none() { mark } else { None };
            continue;
        }
        if fence.is_some() {
            continue;
        }
        let definition = start
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        // Every other part between backticks is code.
        let prose = line.split('`').step_by(2);
        let inline = prose
            .flat_map(|prose| prose.split("](").skip(1))
            .map(|rest| rest.split(')').next().unwrap_or_default());
        found.extend(
            definition
                .map(|(_, target)| target)
                .into_iter()
                .chain(inline)
                .filter_map(relative)
                .map(|target| (index + 1, target)),
        );
    }
    found
}

/// Returns the path of a relative link without title and anchor; `None` for other links.
fn relative(target: &str) -> Option<&str> {
    let path = target.trim().trim_start_matches('<');
    let path = path.split([' ', '>', '#']).next().unwrap_or_default();
    // rustdoc checks `crate::Item`.
    let elsewhere = path.contains("::") || path.contains("://") || path.starts_with("mailto:");
    (!path.is_empty() && !elsewhere).then_some(path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{check, targets};

    #[test]
    fn targets_are_found_outside_of_code() {
        let text = "\
[a](a.md) and [`b`](../b#part \"title\"), [c](#here) [d](https://d.example/x) [e](mailto:e@example.com)
`[no](code.md)` [f](<f.md>) ![g](g.svg)
```rust
let no = [0](fenced.md);
```
[h]: h.md
[i]: https://i.example
[j](crate::Item)
";
        let expected = [
            (1, "a.md"),
            (1, "../b"),
            (2, "f.md"),
            (2, "g.svg"),
            (6, "h.md"),
        ];
        assert_eq!(targets(text), expected);
    }

    #[test]
    fn a_folder_without_pages_is_an_error() {
        assert!(check(Path::new("/no/such/folder")).is_err());
    }
}
