//! The examples of the documentation name the crate `tollgate` and no other crate of the workspace,
//! so that they compile in a project that depends on `tollgate` alone.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that a user of `tollgate` does not depend on. The test kit is a dependency of its own.
const INTERNAL: [&str; 10] = [
    "tollgate_actix",
    "tollgate_axum",
    "tollgate_core",
    "tollgate_macros",
    "tollgate_oidc",
    "tollgate_session",
    "tollgate_store_postgres",
    "tollgate_store_redb",
    "tollgate_store_redis",
    "tollgate_tower",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code in the documentation of a source file, with line numbers.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    source.lines().enumerate().filter(move |(_, line)| {
        let line = line.trim_start();
        let Some(text) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            // A fence in an attribute opens a block whose lines are comments.
            inside = inside && line.starts_with("#[doc") || line.contains("doc = \"```");
            return false;
        };
        let fence = text.trim_start().starts_with("```");
        inside ^= fence;
        inside && !fence
    })
}

#[test]
fn examples_name_the_facade_alone() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut files = Vec::new();
    sources(&crates, &mut files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.iter().any(|part| part == "src")) {
        for (number, line) in code(&fs::read_to_string(file).unwrap()) {
            if INTERNAL.iter().any(|name| line.contains(name)) {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(files.len() > 100, "the sources were not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
