//! Child processes.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A child process whose errors contain its command line.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    line: String,
}

impl Program {
    /// Creates a program by path, or by name if it is on the search path.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let name = Path::new(program).file_name().unwrap_or(program);
        let mut command = Command::new(program);
        // `cargo run` sets these variables for xtask. The builds must not inherit them.
        for (variable, _) in std::env::vars_os() {
            let about_xtask = variable.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_")
                    || name.starts_with("CARGO_MANIFEST_")
                    || name == "CARGO_BIN_NAME"
            });
            if about_xtask {
                command.env_remove(variable);
            }
        }
        Self {
            line: name.to_string_lossy().into_owned(),
            command,
        }
    }

    /// The cargo that runs xtask.
    pub(crate) fn cargo() -> Self {
        let mut program = Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        "cargo".clone_into(&mut program.line);
        program
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        let argument = argument.as_ref();
        self.line.push(' ');
        self.line.push_str(&argument.to_string_lossy());
        self.command.arg(argument);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(variable, value);
        self
    }

    pub(crate) fn env_remove(mut self, variable: &str) -> Self {
        self.command.env_remove(variable);
        self
    }

    pub(crate) fn dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it and shows its output.
    ///
    /// # Errors
    /// If it cannot be started or fails. The text contains the command line.
    pub(crate) fn run(mut self) -> Result<(), String> {
        let status = self
            .command
            .stdin(Stdio::null())
            .status()
            .map_err(|problem| format!("cannot start `{}`: {problem}", self.line))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` ended with {status}", self.line))
        }
    }

    /// Runs it and returns its output.
    ///
    /// # Errors
    /// Like [`run`](Self::run), with the last lines of its standard error.
    pub(crate) fn output(mut self) -> Result<Output, String> {
        let output = self
            .command
            .stdin(Stdio::null())
            .output()
            .map_err(|problem| format!("cannot start `{}`: {problem}", self.line))?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(Output {
                text: String::from_utf8_lossy(&output.stdout).into_owned(),
                error,
            });
        }
        Err(format!(
            "`{}` ended with {}\n{}",
            self.line,
            output.status,
            last_lines(&error, 60)
        ))
    }

    /// Returns whether it starts and succeeds. Shows no output.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// The output of a child that succeeded.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) text: String,
    pub(crate) error: String,
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Program, last_lines};

    #[test]
    fn a_failure_names_the_command() {
        let problem = Program::cargo()
            .args(["no-such-command", "--now"])
            .output()
            .unwrap_err();
        assert!(
            problem.contains("`cargo no-such-command --now`"),
            "{problem}"
        );
        let problem = Program::new("no-such-program-anywhere").run().unwrap_err();
        assert!(
            problem.contains("cannot start `no-such-program-anywhere`"),
            "{problem}"
        );
    }

    #[test]
    fn only_the_end_of_a_long_text_is_kept() {
        assert_eq!(last_lines("a\nb\nc", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
