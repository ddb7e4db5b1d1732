//! The command line.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use lexopt::prelude::*;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

const HELP: &str = "\
Options:
  --listen ADDR    address and port to listen on, port 0 for any free one [127.0.0.1:8080]
  --cache-mib N    size in MiB of the cache that all threads share [32]
  --workers N      number of threads that serve requests [number of cores]
  --help           this text
";

pub(crate) enum Request {
    Serve(Options),
    Help(String),
}

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) cache_mib: usize,
    /// `None` for one thread per core.
    pub(crate) workers: Option<NonZeroUsize>,
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
        cache_mib: 32,
        workers: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("cache-mib") => options.cache_mib = arguments.value()?.parse::<u16>()?.into(),
            Long("workers") => options.workers = Some(arguments.value()?.parse()?),
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
