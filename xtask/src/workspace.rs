//! The workspace as returned by `cargo metadata`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Program;

/// The root, the target directory and the packages of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A workspace member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    /// `true` if the manifest allows publishing.
    pub(crate) published: bool,
    /// The minimum supported Rust version in the manifest.
    pub(crate) rust_version: Option<String>,
    pub(crate) benches: Vec<String>,
}

impl Workspace {
    /// Runs `cargo metadata`.
    ///
    /// # Errors
    /// If it fails, or its output lacks a member that is read here.
    pub(crate) fn load() -> Result<Self, String> {
        let manifest = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let here = Path::new(&manifest)
            .parent()
            .ok_or("xtask is outside of a workspace")?;
        let output = Program::cargo()
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .dir(here)
            .output()?;
        Self::read(&output.text)
    }

    fn read(metadata: &str) -> Result<Self, String> {
        let missing = |what: &str| format!("the output of `cargo metadata` lacks {what}");
        let metadata: Value = serde_json::from_str(metadata)
            .map_err(|problem| format!("`cargo metadata` is not JSON: {problem}"))?;
        let path = |member: &str| {
            metadata[member]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| missing(member))
        };
        let packages = metadata["packages"]
            .as_array()
            .ok_or_else(|| missing("packages"))?;
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
            packages: packages
                .iter()
                .map(|package| {
                    Package::read(package).ok_or_else(|| missing("a member of a package"))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.published)
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn read(package: &Value) -> Option<Self> {
        let is_bench = |target: &&Value| {
            target["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&"bench".into()))
        };
        let targets = package["targets"].as_array()?;
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            directory: Path::new(package["manifest_path"].as_str()?)
                .parent()?
                .to_owned(),
            // `null` allows every registry, a list names some, and `publish = false` is an empty
            // list.
            published: package["publish"]
                .as_array()
                .is_none_or(|registries| !registries.is_empty()),
            rust_version: package["rust_version"].as_str().map(str::to_owned),
            benches: targets
                .iter()
                .filter(is_bench)
                .map(|target| target["name"].as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Package, Workspace};

    const METADATA: &str = r#"{"workspace_root": "/w", "target_directory": "/w/target",
        "packages": [
        {"name": "open", "manifest_path": "/w/open/Cargo.toml", "publish": null,
            "rust_version": "1.95",
            "targets": []},
        {"name": "closed", "manifest_path": "/w/closed/Cargo.toml", "publish": [], "targets": [
            {"kind": ["bench"], "name": "instructions"}, {"kind": ["lib"], "name": "closed"}]}]}"#;

    #[test]
    fn packages_are_read() {
        let workspace = Workspace::read(METADATA).unwrap();
        let open = Package {
            name: "open".to_owned(),
            directory: PathBuf::from("/w/open"),
            published: true,
            rust_version: Some("1.95".to_owned()),
            benches: Vec::new(),
        };
        assert_eq!(workspace.published().collect::<Vec<_>>(), [&open]);
        assert_eq!(
            workspace.package("closed").unwrap().benches,
            ["instructions"]
        );
    }

    #[test]
    fn a_missing_member_is_an_error() {
        for text in [
            "",
            "{}",
            r#"{"workspace_root": "/w", "target_directory": "/w", "packages": [{}]}"#,
        ] {
            assert!(Workspace::read(text).is_err(), "{text}");
        }
    }
}
