//! The programs that the checks need and Rust does not bring: found, else installed into `target/tools`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::command::Program;
use crate::report::{Outcome, Report, StepResult, in_ci};
use crate::workspace::Workspace;

/// A cargo subcommand, in the version that the project was last tried with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subcommand {
    name: &'static str,
    version: &'static str,
}

pub(crate) const NEXTEST: Subcommand = Subcommand {
    name: "cargo-nextest",
    version: "0.9.151",
};
pub(crate) const DENY: Subcommand = Subcommand {
    name: "cargo-deny",
    version: "0.20.2",
};
pub(crate) const FUZZ: Subcommand = Subcommand {
    name: "cargo-fuzz",
    version: "0.13.2",
};

const GET_PYTHON: &str = "Python 3.10 or later with its venv module is missing: \
    on Debian and Ubuntu `apt-get install python3-venv`, elsewhere python3";
const GET_NODE: &str = "Node.js 20 or later with npm is missing: \
    on Debian and Ubuntu `apt-get install nodejs npm`, elsewhere node";

/// Programs that the tests start, which no registry of this project's languages has.
const PROGRAMS: [Installable; 4] = [
    Installable {
        names: &["redis-server", "redis-cli"],
        folders: &[],
        hint: "on Debian and Ubuntu `apt-get install redis-server`",
    },
    Installable {
        names: &["postgres", "initdb"],
        folders: &["/usr/lib/postgresql"],
        hint: "on Debian and Ubuntu `apt-get install postgresql`",
    },
    Installable {
        names: &["chromium"],
        folders: &[],
        hint: "on Debian `apt-get install chromium`",
    },
    Installable {
        names: &["chromedriver"],
        folders: &[],
        hint: "on Debian `apt-get install chromium-driver`",
    },
];

struct Installable {
    names: &'static [&'static str],
    /// Where each version has a folder with its `bin`, beside the search path.
    folders: &'static [&'static str],
    hint: &'static str,
}

impl Installable {
    fn look(&self) -> Outcome {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<_> = std::env::split_paths(&path).collect();
        for folder in self.folders {
            let versions = std::fs::read_dir(folder).into_iter().flatten().flatten();
            places.extend(versions.map(|version| version.path().join("bin")));
        }
        match self
            .names
            .iter()
            .find(|name| !places.iter().any(|place| place.join(name).is_file()))
        {
            Some(missing) => Outcome::Skipped(format!("{missing} is missing: {}", self.hint)),
            None => Outcome::Passed,
        }
    }
}

/// What is there, for the steps that use it.
#[derive(Debug)]
pub(crate) struct Tools<'w> {
    pub(crate) workspace: &'w Workspace,
    directory: PathBuf,
}

impl<'w> Tools<'w> {
    pub(crate) fn new(workspace: &'w Workspace) -> Self {
        Self {
            workspace,
            directory: workspace.target.join("tools"),
        }
    }

    /// Installs what every command of `cargo xtask test` needs.
    pub(crate) fn install_all(&self, report: &mut Report) {
        self.install_for_suite(report);
        report.step("tool: cargo-deny", || self.install(DENY));
    }

    /// Installs the test runner, and the two JWT worlds and the identity provider that the tests exchange tokens with.
    pub(crate) fn install_for_suite(&self, report: &mut Report) {
        report.step("tool: cargo-nextest", || match self.install(NEXTEST) {
            Err(problem) if !in_ci() => Ok(Outcome::Skipped(format!("`cargo test` does instead: {problem}"))),
            other => other,
        });
        report.step("tool: Python peers", || self.install_python());
        report.step("tool: Node.js peers", || self.install_node());
        for program in &PROGRAMS {
            report.step(&format!("tool: {}", program.names[0]), || Ok(program.look()));
        }
    }

    /// `cargo` with the installed subcommands on its search path, in the workspace's root.
    pub(crate) fn cargo(&self) -> Program {
        let mut paths = vec![self.directory.join("bin")];
        paths.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        // Joining fails only for a path with a separator in it, which splitting cannot have produced.
        let paths = std::env::join_paths(paths).unwrap_or_else(|_| OsString::from("/usr/bin"));
        Program::cargo().env("PATH", paths).dir(&self.workspace.root)
    }

    pub(crate) fn has(&self, subcommand: Subcommand) -> bool {
        self.cargo().args([subcommand.verb(), "--version"]).succeeds()
    }

    /// Makes the subcommand available: whatever version is found, else the pinned one, compiled.
    pub(crate) fn install(&self, subcommand: Subcommand) -> StepResult {
        let Subcommand { name, version } = subcommand;
        if self.has(subcommand) {
            return Ok(Outcome::Passed);
        }
        println!(
            "    compiling {name} {version} into {}, once",
            self.directory.display()
        );
        self.cargo()
            .args([
                "install",
                "--quiet",
                "--locked",
                name,
                "--version",
                version,
                "--root",
            ])
            .arg(&self.directory)
            // Else its objects would be mixed with the project's.
            .env_remove("CARGO_TARGET_DIR")
            .run()?;
        Ok(Outcome::Passed)
    }

    fn peers(&self) -> PathBuf {
        self.workspace.root.join("tests/peers")
    }

    /// The interpreter that has PyJWT and authlib, if it has been made.
    pub(crate) fn python(&self) -> Option<PathBuf> {
        let venv = self.directory.join("python");
        let python = venv.join("bin/python3");
        (Stamp::new(&venv, &self.peers(), &["requirements.txt"])
            .ok()?
            .is_current()
            && python.exists())
        .then_some(python)
    }

    /// The folder that `jose`, `jsonwebtoken` and `oidc-provider` stand in, if it has been made.
    pub(crate) fn node_modules(&self) -> Option<PathBuf> {
        let directory = self.directory.join("node");
        let current = Stamp::new(&directory, &self.peers(), &["package.json", "package-lock.json"])
            .ok()?
            .is_current();
        current.then(|| directory.join("node_modules"))
    }

    fn install_python(&self) -> StepResult {
        if self.python().is_some() {
            return Ok(Outcome::Passed);
        }
        if !Program::new("python3")
            .args([
                "-c",
                "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))",
            ])
            .succeeds()
        {
            return Ok(Outcome::Skipped(GET_PYTHON.to_owned()));
        }
        let venv = self.directory.join("python");
        let requirements = self.peers().join("requirements.txt");
        let stamp = Stamp::new(&venv, &self.peers(), &["requirements.txt"])?;
        Program::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv)
            .run()?;
        Program::new(venv.join("bin/python3"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(requirements)
            .run()?;
        stamp.write()?;
        Ok(Outcome::Passed)
    }

    fn install_node(&self) -> StepResult {
        if self.node_modules().is_some() {
            return Ok(Outcome::Passed);
        }
        let recent = "process.exit(Number(process.versions.node.split('.')[0]) >= 20 ? 0 : 1)";
        if !Program::new("node").args(["-e", recent]).succeeds()
            || !Program::new("npm").arg("--version").succeeds()
        {
            return Ok(Outcome::Skipped(GET_NODE.to_owned()));
        }
        let directory = self.directory.join("node");
        let stamp = Stamp::new(&directory, &self.peers(), &["package.json", "package-lock.json"])?;
        std::fs::create_dir_all(&directory)
            .map_err(|problem| format!("cannot make {}: {problem}", directory.display()))?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(self.peers().join(file), directory.join(file))
                .map_err(|problem| format!("cannot copy {file} to {}: {problem}", directory.display()))?;
        }
        Program::new("npm")
            .args([
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ])
            .dir(&directory)
            .run()?;
        stamp.write()?;
        Ok(Outcome::Passed)
    }
}

impl Subcommand {
    /// As it stands after `cargo`.
    fn verb(self) -> &'static str {
        self.name.trim_start_matches("cargo-")
    }
}

/// Remembers from which manifests a folder was installed, so that a changed one installs anew.
struct Stamp {
    file: PathBuf,
    content: String,
}

impl Stamp {
    fn new(installed: &Path, manifests: &Path, names: &[&str]) -> Result<Self, String> {
        let mut content = String::new();
        for name in names {
            let path = manifests.join(name);
            content += &std::fs::read_to_string(&path)
                .map_err(|problem| format!("cannot read {}: {problem}", path.display()))?;
        }
        Ok(Self {
            file: installed.join("installed-from"),
            content,
        })
    }

    fn is_current(&self) -> bool {
        std::fs::read_to_string(&self.file).is_ok_and(|found| found == self.content)
    }

    fn write(&self) -> Result<(), String> {
        std::fs::write(&self.file, &self.content)
            .map_err(|problem| format!("cannot write {}: {problem}", self.file.display()))
    }
}
