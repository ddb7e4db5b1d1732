//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fs, io};

use lexopt::prelude::*;
use tollgate::session::RefreshKey;
use tollgate::{Algorithm, SigningKey};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

const HELP: &str = "\
Options:
  --redis URL         a node of the cluster, redis://HOST:PORT; can be repeated
  --signing-key FILE  the key that signs access tokens, a PEM file created by
                      openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE
  --refresh-key FILE  the secret that derives refresh tokens, 32 bytes created by
                      openssl rand -out FILE 32
  --listen ADDR       address and port to listen on, port 0 for any free one [127.0.0.1:8080]
  --help              this text

All instances need the same keys.
";

pub(crate) enum Request {
    Serve(Box<Options>),
    Help(String),
}

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) redis: Vec<String>,
    pub(crate) signing_key: SigningKey,
    pub(crate) refresh_key: RefreshKey,
}

pub(crate) fn cannot_listen(address: SocketAddr, problem: &io::Error) -> String {
    format!("cannot listen on {address}: {problem}; choose another address with --listen")
}

/// Parses the process arguments.
pub(crate) fn read() -> Result<Request, lexopt::Error> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let (mut redis, mut signing_key_, mut refresh_key_) = (Vec::new(), None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => listen = arguments.value()?.parse()?,
            Long("redis") => redis.push(arguments.value()?.string()?),
            Long("signing-key") => signing_key_ = Some(signing_key(arguments.value()?)?),
            Long("refresh-key") => refresh_key_ = Some(refresh_key(arguments.value()?)?),
            Long("help") | Short('h') => {
                return Ok(Request::Help(format!(
                    "usage: {PROGRAM} [options]\n\n{HELP}"
                )));
            }
            other => return Err(other.unexpected()),
        }
    }
    if redis.is_empty() {
        return Err("--redis is missing".into());
    }
    Ok(Request::Serve(Box::new(Options {
        listen,
        redis,
        signing_key: signing_key_.ok_or("--signing-key is missing")?,
        refresh_key: refresh_key_.ok_or("--refresh-key is missing")?,
    })))
}

fn signing_key(file: OsString) -> Result<SigningKey, String> {
    let file = PathBuf::from(file);
    let problem = |problem: &dyn std::fmt::Display| format!("{}: {problem}", file.display());
    let pem = fs::read(&file).map_err(|error| problem(&error))?;
    let key = SigningKey::from_pem(Algorithm::ES256, pem).map_err(|error| problem(&error))?;
    Ok(key.with_kid("1"))
}

fn refresh_key(file: OsString) -> Result<RefreshKey, String> {
    let file = PathBuf::from(file);
    let secret = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let secret = secret.try_into();
    let secret = secret.map_err(|_| format!("{}: not 32 bytes", file.display()))?;
    Ok(RefreshKey::new(1, secret))
}
