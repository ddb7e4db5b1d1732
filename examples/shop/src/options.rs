//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) front_end: SocketAddr,
    pub(crate) data: PathBuf,
    pub(crate) postgres: Option<String>,
    pub(crate) fresh: Duration,
}

/// Parses the process arguments. `None` for `--help`, which it prints.
pub(crate) fn read() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        front_end: SocketAddr::from(([127, 0, 0, 1], 3000)),
        data: PathBuf::from("shop-data"),
        postgres: None,
        fresh: Duration::from_secs(300),
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("front-end") => options.front_end = arguments.value()?.parse()?,
            Long("data") => options.data = arguments.value()?.into(),
            Long("postgres") => options.postgres = Some(arguments.value()?.string()?),
            Long("fresh") => options.fresh = Duration::from_secs(arguments.value()?.parse()?),
            Long("help") | Short('h') => {
                print!("{}", include_str!("../templates/help.txt"));
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}
