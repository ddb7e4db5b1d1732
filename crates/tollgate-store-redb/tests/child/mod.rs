//! A process to kill: the test program itself, started again with an environment variable.

#![allow(dead_code, reason = "not every test program uses everything")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tollgate_session::{Random, SystemRandom};

/// The variable that turns the test `child_process` into the process to kill. Its value is the path
/// of the file.
const CHILD: &str = "TOLLGATE_REDB_CHILD";

pub(crate) fn path() -> Option<OsString> {
    std::env::var_os(CHILD)
}

/// Prints a line to the parent process.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Returns the command of the child process, run by `prefix`, such as a shell.
pub(crate) fn command(prefix: &[&str], path: &Path) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match prefix.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        None => Command::new(program),
    };
    command
        .args(["--exact", "child_process", "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

pub(crate) fn start(mut command: Command) -> (Child, impl Iterator<Item = String>) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let next = move || {
        let line = lines.next()?.ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    };
    (child, std::iter::from_fn(next))
}

/// Returns a random number up to `most`.
pub(crate) fn number(most: u64) -> u64 {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes).unwrap();
    u64::from_be_bytes(bytes) % (most + 1)
}
