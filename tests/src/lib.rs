//! Speaks to other JWT libraries, so that tests can exchange tokens with them, and starts [`servers`].
//!
//! Each peer is a script under `peers/` that runs as a process of its own and answers one JSON object a line;
//! `peers/README.md` has the protocol. `cargo xtask tools` installs the libraries.

pub mod browser;
pub mod http;
pub mod servers;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Another JWT library, running.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// A key as its peer made it; for a secret both halves are the same.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// The private or secret key, as a JWK with `alg`.
    pub private: Value,
    /// The public or secret key, as a JWK with `alg`.
    pub public: Value,
}

impl Peer {
    /// Starts the peer `pyjwt`, `authlib`, `jose` or `jsonwebtoken`. Away from CI, `None` if it is not installed,
    /// said in a line on the standard error.
    ///
    /// The interpreters are those of `TOLLGATE_PYTHON` and `TOLLGATE_NODE`, the npm packages those in
    /// `TOLLGATE_NODE_MODULES`; else what `cargo xtask tools` has installed, else what the search path has.
    ///
    /// # Panics
    /// If there is no peer of that name; under CI also if it is not installed.
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
            format!(
                "the peer `{name}` does not run, `cargo xtask tools` installs it or says what it needs: {problem}"
            )
        };
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|problem| unusable(&problem))?;
        let (Some(requests), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(unusable(&"no pipe to it"));
        };
        let mut peer = Self {
            name,
            process,
            requests: Some(requests),
            answers: BufReader::new(answers),
        };
        // A script whose library is missing ends before its first answer.
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

    /// What it answers; an `error` is the test's, not the token's.
    fn expect(&mut self, request: &Value) -> Value {
        match self.ask(request) {
            Ok(answer) if answer.get("error").is_none() || answer.get("ok").is_some() => answer,
            Ok(answer) => panic!("{} cannot serve {request}: {}", self.name, answer["error"]),
            Err(problem) => panic!("{} ended at {request}: {problem}", self.name),
        }
    }

    /// The name it was started by.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of the algorithms that the library itself offers, some of which tollgate may not know.
    ///
    /// # Panics
    /// If the peer has ended.
    pub fn algorithms(&mut self) -> Vec<String> {
        let answer = self.expect(&json!({ "op": "algorithms" }));
        let names = answer["algorithms"].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// A fresh key for that algorithm, made by the library.
    ///
    /// # Panics
    /// If the peer cannot.
    pub fn generate(&mut self, algorithm: &str) -> KeyPair {
        let mut answer = self.expect(&json!({ "op": "generate", "alg": algorithm }));
        KeyPair {
            private: answer["private"].take(),
            public: answer["public"].take(),
        }
    }

    /// A token signed by the library with a private JWK, the members of `header` added to `alg` and `typ`.
    ///
    /// # Panics
    /// If the peer cannot.
    pub fn sign(&mut self, algorithm: &str, private: &Value, header: &Value, claims: &Value) -> String {
        let request =
            json!({ "op": "sign", "alg": algorithm, "key": private, "header": header, "claims": claims });
        match &self.expect(&request)["token"] {
            Value::String(token) => token.clone(),
            other => panic!("{} answered {other} in place of a token", self.name),
        }
    }

    /// The claims of a token that the library accepts for that key, issuer and audience, or its reason not to.
    ///
    /// # Errors
    /// If the library refuses the token.
    ///
    /// # Panics
    /// If the peer cannot judge it, because the key is unusable for instance.
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

/// What a peer asks of a token.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The only algorithm to accept.
    pub algorithm: &'a str,
    /// The public or secret key, as a JWK.
    pub public: &'a Value,
    /// The only issuer to accept.
    pub issuer: &'a str,
    /// The audience that must be among the token's.
    pub audience: &'a str,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input ends it; were it stuck, it would outlive the test.
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
    let mut command = Command::new(from_env("TOLLGATE_NODE").unwrap_or_else(|| PathBuf::from("node")));
    command.arg(script(file));
    // With none of the two, the script finds nothing and the peer is reported as not installed.
    command.env("TOLLGATE_NODE_MODULES", node_modules().unwrap_or_default());
    command
}

fn node_modules() -> Option<PathBuf> {
    from_env("TOLLGATE_NODE_MODULES").or_else(|| installed("node/node_modules"))
}

fn script(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(file)
}

/// What `cargo xtask tools` has put beside the running test: `target/tools` for `target/debug/deps/…`.
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
