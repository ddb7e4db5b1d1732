//! The programs that the checks need besides Rust. Missing ones are installed into `target/tools`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::command::Program;
use crate::report::{Outcome, Report, StepResult};
use crate::workspace::Workspace;

/// A cargo subcommand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subcommand {
    name: &'static str,
    /// The version to compile; the prebuilt one is in `PREBUILT`.
    version: &'static str,
}

pub(crate) const NEXTEST: Subcommand = Subcommand {
    name: "cargo-nextest",
    version: "0.9.148",
};
pub(crate) const DENY: Subcommand = Subcommand {
    name: "cargo-deny",
    version: "0.20.2",
};
pub(crate) const FUZZ: Subcommand = Subcommand {
    name: "cargo-fuzz",
    version: "0.13.2",
};
pub(crate) const HACK: Subcommand = Subcommand {
    name: "cargo-hack",
    version: "0.6.45",
};

/// The subcommands as Python wheels, which contain the binaries: pinned versions with checksums.
const PREBUILT: &str = "xtask/tools.txt";

const GET_PYTHON: &str = "Python 3.10 or later with its venv module is missing: \
    on Debian and Ubuntu `apt-get install python3-venv`, elsewhere python3";
const GET_NODE: &str = "Node.js 20 or later with npm is missing: \
    on Debian and Ubuntu `apt-get install nodejs npm`, elsewhere node";

/// The programs that the tests start and that the package manager of the system installs.
const PROGRAMS: [Installable; 6] = [
    Installable {
        names: &["redis-server", "redis-cli"],
        directories: &[],
        hint: "on Debian and Ubuntu `apt-get install redis-server`",
    },
    Installable {
        names: &["postgres", "initdb"],
        directories: &["/usr/lib/postgresql"],
        hint: "on Debian and Ubuntu `apt-get install postgresql`",
    },
    Installable {
        names: &["pgbouncer"],
        directories: &[],
        hint: "on Debian and Ubuntu `apt-get install pgbouncer`",
    },
    Installable {
        names: &["chromium"],
        directories: &[],
        hint: "on Debian `apt-get install chromium`",
    },
    Installable {
        names: &["chromedriver"],
        directories: &[],
        hint: "on Debian `apt-get install chromium-driver`",
    },
    Installable {
        names: &["nginx", "caddy", "haproxy"],
        directories: &[],
        hint: "on Debian `apt-get install nginx-light caddy haproxy`",
    },
];

struct Installable {
    names: &'static [&'static str],
    /// The directories that contain a directory with a `bin` for each version.
    directories: &'static [&'static str],
    hint: &'static str,
}

impl Installable {
    fn look(&self) -> Outcome {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut directories: Vec<_> = std::env::split_paths(&path).collect();
        for directory in self.directories {
            let versions = std::fs::read_dir(directory).into_iter().flatten().flatten();
            directories.extend(versions.map(|version| version.path().join("bin")));
        }
        match self.names.iter().find(|name| {
            !directories
                .iter()
                .any(|directory| directory.join(name).is_file())
        }) {
            Some(missing) => Outcome::Skipped(format!("{missing} is missing: {}", self.hint)),
            None => Outcome::Passed,
        }
    }
}

/// The programs that are installed.
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

    /// Installs the peers of the tests: JWT libraries and an identity provider.
    pub(crate) fn install_peers(&self, report: &mut Report) {
        report.step("tool: Python peers", || self.install_python());
        report.step("tool: Node.js peers", || self.install_node());
        for program in &PROGRAMS {
            report.step(
                &format!("tool: {}", program.names[0]),
                || Ok(program.look()),
            );
        }
    }

    /// Installs the test runner if a prebuilt one exists. Otherwise `cargo test` runs the tests.
    pub(crate) fn install_nextest(&self, report: &mut Report) {
        report.step("tool: cargo-nextest", || {
            if !self.has(NEXTEST)
                && let Err(problem) = self.install_prebuilt()
            {
                println!("    `cargo test` instead of nextest: {problem}");
            }
            Ok(Outcome::Passed)
        });
    }

    /// Returns `cargo` in the root of the workspace, with the installed subcommands on its search
    /// path.
    pub(crate) fn cargo(&self) -> Program {
        let mut paths = vec![self.directory.join("bin"), self.prebuilt().join("bin")];
        paths.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        // Fails only for a path that contains the separator, which `split_paths` never returns.
        let paths = std::env::join_paths(paths).unwrap_or_else(|_| OsString::from("/usr/bin"));
        Program::cargo()
            .env("PATH", paths)
            .dir(&self.workspace.root)
    }

    pub(crate) fn has(&self, subcommand: Subcommand) -> bool {
        self.cargo()
            .args([subcommand.verb(), "--version"])
            .succeeds()
    }

    /// Makes the subcommand available. Uses any version that is found, else the pinned one,
    /// prebuilt or compiled.
    pub(crate) fn install(&self, subcommand: Subcommand) -> StepResult {
        let Subcommand { name, version } = subcommand;
        if self.has(subcommand) {
            return Ok(Outcome::Passed);
        }
        let problem = self.install_prebuilt().err().unwrap_or_default();
        if self.has(subcommand) {
            return Ok(Outcome::Passed);
        }
        println!(
            "    compiling {name} {version} into {}; no prebuilt one: {problem}",
            self.directory.display()
        );
        self.cargo()
            // Without optimisation, because compiling takes longer than the program runs.
            .args(["install", "--quiet", "--locked", "--debug", name])
            .args(["--version", version, "--root"])
            .arg(&self.directory)
            // Otherwise its objects would be in the target directory of the workspace.
            .env_remove("CARGO_TARGET_DIR")
            .run()?;
        Ok(Outcome::Passed)
    }

    fn prebuilt(&self) -> PathBuf {
        self.directory.join("prebuilt")
    }

    /// Installs every subcommand as a wheel.
    fn install_prebuilt(&self) -> Result<(), String> {
        if let Outcome::Skipped(missing) = self.install_python()? {
            return Err(missing);
        }
        let requirements = self.workspace.root.join(PREBUILT);
        self.pip_install(&requirements)
            .args(["--require-hashes", "--no-deps", "--only-binary", ":all:"])
            .args(["--upgrade", "--target"])
            .arg(self.prebuilt())
            .output()
            .map(drop)
    }

    /// Returns `pip install` for a file of requirements, in the environment of the peers.
    fn pip_install(&self, requirements: &Path) -> Program {
        Program::new(self.directory.join("python/bin/python3"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg("--requirement")
            .arg(requirements)
    }

    fn peers(&self) -> PathBuf {
        self.workspace.root.join("tests/peers")
    }

    /// The interpreter that has PyJWT and authlib, if it is installed.
    pub(crate) fn python(&self) -> Option<PathBuf> {
        let venv = self.directory.join("python");
        let python = venv.join("bin/python3");
        (Stamp::new(&venv, &self.peers(), &["requirements.txt"])
            .ok()?
            .is_current()
            && python.exists())
        .then_some(python)
    }

    /// The directory with `jose`, `jsonwebtoken` and `oidc-provider`, if they are installed.
    pub(crate) fn node_modules(&self) -> Option<PathBuf> {
        let directory = self.directory.join("node");
        let current = Stamp::new(
            &directory,
            &self.peers(),
            &["package.json", "package-lock.json"],
        )
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
        self.pip_install(&requirements).run()?;
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
        let stamp = Stamp::new(
            &directory,
            &self.peers(),
            &["package.json", "package-lock.json"],
        )?;
        std::fs::create_dir_all(&directory)
            .map_err(|problem| format!("cannot create {}: {problem}", directory.display()))?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(self.peers().join(file), directory.join(file)).map_err(|problem| {
                format!("cannot copy {file} to {}: {problem}", directory.display())
            })?;
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
    /// The word after `cargo`.
    fn verb(self) -> &'static str {
        self.name.trim_start_matches("cargo-")
    }
}

/// A record of the manifests that a directory was installed from. A change installs it again.
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
