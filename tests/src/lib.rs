//! Exchanges tokens with other JWT libraries, and starts [`servers`], for integration tests.
//!
//! Each peer is a script under `peers/` that runs as a process and answers with one JSON object per
//! line. See `peers/README.md` for the protocol. `cargo xtask tools` installs the libraries.

pub mod browser;
pub mod http;
pub mod servers;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A running process of another JWT library.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A key created by its peer. For a secret, both halves are equal.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The private or secret key, as a JWK with `alg`.
    pub private: Value,
    /// The public or secret key, as a JWK with `alg`.
    pub public: Value,
}

impl Peer {
    /// Starts the peer `pyjwt`, `authlib`, `jose` or `jsonwebtoken`. Outside CI, returns `None` and
    /// prints a line to stderr if it is not installed.
    ///
    /// `TOLLGATE_PYTHON` and `TOLLGATE_NODE` set the interpreters, `TOLLGATE_NODE_MODULES` the npm
    /// packages. The defaults are the installation of `cargo xtask tools`, then the search path.
    ///
    /// # Panics
    /// If there is no peer of that name, or under CI if it is not installed.
    pub fn start(name: &'static str) -> Option<Self> {
        let mut command = match name {
            "pyjwt" | "authlib" => python(name),
            "jose" => node("jose.mjs"),
            "jsonwebtoken" => node("jsonwebtoken.cjs"),
            _ => panic!("there is no peer `{name}`"),
        };
        match Self::spawn(name, &mut command) {
            Ok(peer) => Some(peer),
            Err(problem) if in_ci() => panic!("{problem}"),
            Err(problem) => {
                eprintln!("SKIPPED: {problem}");
                None
            }
        }
    }

    fn spawn(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let unusable = |problem: &dyn std::fmt::Display| {
            format!("the peer `{name}` does not run: {problem}; install it by `cargo xtask tools`")
        };
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|problem| unusable(&problem))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(unusable(&"the process has no pipes"));
        };
        let mut peer = Self {
            name,
            process,
            requests: Some(requests),
            answers: BufReader::new(answers),
        };
        // A script with a missing library exits before its first response.
        peer.ask(&json!({ "op": "algorithms" }))
            .map_err(|problem| unusable(&problem))?;
        Ok(peer)
    }

    fn ask(&mut self, request: &Value) -> std::io::Result<Value> {
        if let Some(pipe) = &mut self.requests {
            writeln!(pipe, "{request}")?;
            pipe.flush()?;
        }
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Returns the response. An `error` is a failure of the test, not of the token.
    fn expect(&mut self, request: &Value) -> Value {
        match self.ask(request) {
            Ok(answer) if answer.get("error").is_none() || answer.get("ok").is_some() => answer,
            Ok(answer) => panic!(
                "{} cannot execute {request}: {}",
                self.name, answer["error"]
            ),
            Err(problem) => panic!("{} failed at {request}: {problem}", self.name),
        }
    }

    /// The name of the peer.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The algorithms that the library offers. tollgate may not support all of them.
    ///
    /// # Panics
    /// If the peer has exited.
    pub fn algorithms(&mut self) -> Vec<String> {
        let answer = self.expect(&json!({ "op": "algorithms" }));
        let names = answer["algorithms"].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Creates a key for the algorithm with the library.
    ///
    /// # Panics
    /// If the peer cannot create it.
    pub fn generate(&mut self, algorithm: &str) -> KeyPair {
        let mut answer = self.expect(&json!({ "op": "generate", "alg": algorithm }));
        KeyPair {
            private: answer["private"].take(),
            public: answer["public"].take(),
        }
    }

    /// Signs a token with a private key: a JWK, or a text in PEM. The members of `header` are added
    /// to `alg` and `typ`.
    ///
    /// # Panics
    /// If the peer cannot sign it.
    pub fn sign(
        &mut self,
        algorithm: &str,
        private: &Value,
        header: &Value,
        claims: &Value,
    ) -> String {
        let request = json!({ "op": "sign", "alg": algorithm, "key": private, "header": header,
            "claims": claims });
        match &self.expect(&request)["token"] {
            Value::String(token) => token.clone(),
            other => panic!("{} returned {other} and not a token", self.name),
        }
    }

    /// Verifies a token with the library for a key, issuer and audience, and returns its claims or
    /// the reason of the refusal.
    ///
    /// # Errors
    /// If the library refuses the token.
    ///
    /// # Panics
    /// If the peer cannot verify it, for example because the key is unusable.
    pub fn verify(&mut self, wanted: &Wanted<'_>, token: &str) -> Result<Value, String> {
        let mut answer = self.expect(&json!({
            "op": "verify",
            "alg": wanted.algorithm,
            "key": wanted.public,
            "issuer": wanted.issuer,
            "audience": wanted.audience,
            "token": token,
        }));
        if answer["ok"] == true {
            Ok(answer["claims"].take())
        } else {
            Err(answer["error"].to_string())
        }
    }
}

/// The requirements for a token.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The accepted algorithm.
    pub algorithm: &'a str,
    /// The public or secret key, as a JWK.
    pub public: &'a Value,
    /// The accepted issuer.
    pub issuer: &'a str,
    /// The required audience.
    pub audience: &'a str,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The process exits at the end of its input. Without that, a stuck process would outlive
        // the test.
        drop(self.requests.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn python(name: &str) -> Command {
    let python = from_env("TOLLGATE_PYTHON")
        .or_else(|| installed("python/bin/python3"))
        .unwrap_or_else(|| PathBuf::from("python3"));
    let mut command = Command::new(python);
    command.arg("-B").arg(script(&format!("{name}.py")));
    command
}

fn node(file: &str) -> Command {
    let mut command =
        Command::new(from_env("TOLLGATE_NODE").unwrap_or_else(|| PathBuf::from("node")));
    command.arg(script(file));
    // Without either, the script finds no packages and the peer is reported as not installed.
    command.env("TOLLGATE_NODE_MODULES", node_modules().unwrap_or_default());
    command
}

fn node_modules() -> Option<PathBuf> {
    from_env("TOLLGATE_NODE_MODULES").or_else(|| installed("node/node_modules"))
}

fn script(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(file)
}

/// The installation of `cargo xtask tools`: `target/tools` for a test in `target/debug/deps/…`.
fn installed(path: &str) -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let mut candidates = test.ancestors().map(|above| above.join("tools").join(path));
    candidates.find(|candidate| candidate.exists())
}

fn from_env(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
