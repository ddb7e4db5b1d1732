//! The command line of the server.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

const HELP: &str = "\
Options:
  --listen ADDR   address and port to listen on, port 0 for any free one [127.0.0.1:50051]
  --life SECONDS  lifetime of the printed tokens [3600]
  --help          this text
";

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) life: Duration,
}

/// Parses the process arguments. An error is the exit code; the message has been printed.
pub(crate) fn read() -> Result<Options, ExitCode> {
    match parse() {
        Ok(Some(options)) => Ok(options),
        Ok(None) => {
            print!("usage: {PROGRAM} [options]\n\n{HELP}");
            Err(ExitCode::SUCCESS)
        }
        Err(problem) => {
            eprintln!("{PROGRAM}: {problem}\nTry `--help`.");
            Err(ExitCode::from(2))
        }
    }
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
        life: Duration::from_secs(3600),
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("life") => {
                let seconds = arguments.value()?.parse::<u32>()?;
                options.life = Duration::from_secs(seconds.into());
            }
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}
