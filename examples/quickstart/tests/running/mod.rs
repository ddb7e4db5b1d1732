//! Starts the real server on a free port, sends requests, and runs the printed commands.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// A running example process, stopped on drop.
pub(crate) struct Server {
    process: Child,
    /// Host and port.
    pub(crate) address: String,
    log: PathBuf,
    /// The text printed at startup.
    pub(crate) welcome: String,
}

/// A response: status, head lines and body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Server {
    /// Starts `program` in `directory` and waits until it listens.
    pub(crate) fn start(program: &str, directory: &Path, arguments: &[&str]) -> Self {
        Self::start_with(program, directory, arguments, &[])
    }

    /// Like `start`, with additional environment variables.
    pub(crate) fn start_with(
        program: &str,
        directory: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let log = directory.join("log");
        let mut process = Command::new(program)
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .current_dir(directory)
            .env_remove("RUST_LOG")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut welcome = String::new();
        let mut printed = BufReader::new(process.stdout.take().unwrap());
        while !welcome.ends_with("Ctrl-C stops the server.\n") {
            let read = printed.read_line(&mut welcome).unwrap();
            assert_ne!(
                read,
                0,
                "it stopped: {welcome}{}",
                fs::read_to_string(&log).unwrap()
            );
        }
        let (_, address) = welcome
            .lines()
            .next()
            .unwrap()
            .split_once("http://")
            .unwrap();
        let address = address.to_owned();
        Self {
            process,
            address,
            log,
            welcome,
        }
    }

    /// Sends one request on a new connection.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let fields: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let fields = fields.concat();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             {fields}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        Answer::read(&answer)
    }

    /// Posts JSON to a path.
    pub(crate) fn post(&self, path: &str, json: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], json)
    }

    /// Runs the printed commands that `wanted` selects, in one shell, as if pasted. Returns each
    /// with the line above it and its output. `None` if curl is missing.
    pub(crate) fn paste(
        &self,
        directory: &Path,
        wanted: fn(&str) -> bool,
    ) -> Option<Vec<(&str, String)>> {
        if Command::new("curl").arg("--version").output().is_err() {
            assert!(
                !in_ci(),
                "curl is missing: on Debian and Ubuntu `apt-get install curl`"
            );
            eprintln!("skipped: curl is missing");
            return None;
        }
        let mut above = "";
        let mut promises = Vec::new();
        let mut script = String::new();
        for line in self.welcome.lines() {
            match line.strip_prefix("    ") {
                Some(command) if wanted(command) => {
                    promises.push(above);
                    script.push_str(command);
                    script.push_str("\nprintf '\\n<next>\\n'\n");
                }
                Some(_) => {}
                None => above = line,
            }
        }
        let output = shell(directory, &script);
        let written = String::from_utf8(output.stdout).unwrap();
        let written: Vec<_> = written.split("\n<next>\n").map(str::to_owned).collect();
        assert_eq!(
            written.len(),
            promises.len() + 1,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(promises.into_iter().zip(written).collect())
    }

    /// The log output so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Sends SIGINT, as Ctrl-C does, and waits for the exit.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        self.signal("-INT");
        self.process.wait().unwrap()
    }

    /// Sends `signal` while clients send the header and the content of a request slowly, and
    /// checks that the program ends within ten seconds, as Docker requires it.
    #[allow(dead_code)] // not every example calls it
    pub(crate) fn stop_with_slow_clients(mut self, signal: &str) {
        let mut clients = [
            "GET / HTTP/1.1\r\nhost: ",
            "POST /auth/login HTTP/1.1\r\n\
            host: a\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n{",
        ]
        .map(|beginning| {
            let mut client = TcpStream::connect(&self.address).unwrap();
            client.write_all(beginning.as_bytes()).unwrap();
            client
        });
        // It has accepted the earlier connections when it answers a later one.
        self.send("GET", "/", &[], "");
        self.signal(signal);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{}", self.log());
            for client in &mut clients {
                let _ = client.write_all(b"a"); // until the server closes the connection
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{status} {}", self.log());
        assert!(TcpStream::connect(&self.address).is_err());
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    /// Parses a whole HTTP/1.1 response whose body ends with the text.
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no response: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// The only value of a header field, or the empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.head.lines().filter_map(|line| {
            let (got, value) = line.split_once(": ")?;
            got.eq_ignore_ascii_case(name).then_some(value)
        });
        let value = values.next().unwrap_or_default();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }
}

/// Returns whether a missing program is a failure.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").as_deref() == Ok("true")
}

/// Runs a script with the configured interpreters, if any.
pub(crate) fn shell(directory: &Path, script: &str) -> Output {
    const INTERPRETERS: &str = r#"
        python3() { command "${TOLLGATE_PYTHON:-python3}" "$@"; }
        node() { command "${TOLLGATE_NODE:-node}" "$@"; }
    "#;
    Command::new("sh")
        .args(["-c", &format!("{INTERPRETERS}\n{script}")])
        .env("no_proxy", "127.0.0.1")
        .current_dir(directory)
        .output()
        .unwrap()
}

/// Checks that git ignores the files of the program in its default folder, both in this repository
/// and in a copy of the example, which has only its own `.gitignore`.
#[allow(dead_code)] // not every example has such files
pub(crate) fn leaves_git_clean(program: &str, own: &str) {
    let root = include_str!("../../../../.gitignore");
    for (name, ignored) in [("git-root", root), ("git-copy", own)] {
        let directory = folder(name);
        let git = |arguments: &[&str]| {
            let mut run = Command::new("git");
            let output = run.args(arguments).current_dir(&directory).output();
            let output = output.unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["init", "--quiet"]);
        fs::write(directory.join(".gitignore"), ignored).unwrap();
        let server = Server::start(program, &directory, &[]);
        let _ = server.interrupt(); // perhaps before the handler of the signal is installed
        let status = git(&["status", "--porcelain", "--untracked-files=all"]);
        assert_eq!(status, "?? .gitignore\n?? log\n", "{name}");
        let all = git(&["status", "--porcelain", "--ignored"]);
        assert!(all.contains("!! "), "the program writes files: {all}");
    }
}

/// Creates an empty folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", env!("CARGO_PKG_NAME")));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}
