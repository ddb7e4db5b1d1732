//! The command line and the log.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use tollgate::config::KeyErrorKind;
use tollgate::{Key, KeySet};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

const HELP: &str = "\
Options:
  --listen ADDR    address and port to listen on, port 0 for any free one [127.0.0.1:8080]
  --issuer TEXT    required `iss` of a token [https://id.example.com]
  --audience TEXT  required `aud` of a token [orders-api]
  --keys FILE      verify tokens of another issuer with this JWK or JWK Set; without it,
                   the server creates a key and has /login for its demo users
  --help           this text

RUST_LOG selects the events on stderr, such as `warn` or `tollgate=info` [info].
";

pub(crate) enum Request {
    Serve(Options),
    Help(String),
}

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) keys: Option<KeySet>,
}

impl Options {
    pub(crate) fn cannot_listen(&self, problem: &io::Error) -> String {
        format!(
            "cannot listen on {}: {problem}; choose another address with --listen",
            self.listen
        )
    }
}

/// Parses the process arguments.
pub(crate) fn read() -> Result<Request, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        issuer: "https://id.example.com".to_owned(),
        audience: "orders-api".to_owned(),
        keys: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse_with(address)?,
            Long("issuer") => options.issuer = arguments.value()?.string()?,
            Long("audience") => options.audience = arguments.value()?.string()?,
            Long("keys") => options.keys = Some(keys(arguments.value()?)?),
            Long("help") | Short('h') => {
                return Ok(Request::Help(format!(
                    "usage: {PROGRAM} [options]\n\n{HELP}"
                )));
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Request::Serve(options))
}

/// Parses an address or a host name, with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|problem| problem.to_string())?;
    addresses.next().ok_or_else(|| "no such host".to_owned())
}

/// Reads a key file, which must have at least one key.
fn keys(file: OsString) -> Result<KeySet, String> {
    let file = PathBuf::from(file);
    let problem = |problem: &dyn std::fmt::Display| format!("{}: {problem}", file.display());
    let text = fs::read(&file).map_err(|error| problem(&error))?;
    let keys = match KeySet::from_json(&text) {
        // The file has no `keys`: parse it as a single JWK.
        Err(error) if error.kind() == KeyErrorKind::MissingMember => {
            Key::from_jwk(&text).map(|key| KeySet::from_iter([key]))
        }
        set => set,
    };
    let keys = keys.map_err(|error| problem(&error))?;
    report_skipped(&file, &keys);
    if keys.is_empty() {
        return Err(problem(&"no key in it can be used"));
    }
    Ok(keys)
}

/// Reports keys of the set that cannot be used. They do not prevent the start.
fn report_skipped(file: &Path, keys: &KeySet) {
    for skipped in keys.skipped() {
        eprintln!(
            "{PROGRAM}: {}: skipped key {} (kid {:?}): {}",
            file.display(),
            skipped.index,
            skipped.kid,
            skipped.error
        );
    }
}

/// Prints log events: the reasons of refusals by tollgate, and events of other crates.
pub(crate) fn log_to_stderr() {
    let targets = std::env::var("RUST_LOG")
        .ok()
        .and_then(|wanted| wanted.parse().ok());
    let targets = targets.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .init();
}
