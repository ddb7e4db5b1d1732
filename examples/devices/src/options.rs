//! The command line.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

const HELP: &str = "\
Options:
  --listen ADDR    address and port to listen on, port 0 for any free one [127.0.0.1:8080]
  --data DIR       folder for sessions and keys, created if absent [devices-data]
  --memory         keep sessions and keys in memory only
  --fresh SECONDS  maximum age of the login for closing the account [300]
  --help           this text
";

pub(crate) enum Request {
    Serve(Options),
    Help(String),
}

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    /// `None` keeps the sessions in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) fresh: Duration,
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
        data: Some(PathBuf::from("devices-data")),
        fresh: Duration::from_secs(300),
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("data") => options.data = Some(arguments.value()?.into()),
            Long("memory") => options.data = None,
            Long("fresh") => {
                options.fresh = Duration::from_secs(arguments.value()?.parse()?);
            }
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
