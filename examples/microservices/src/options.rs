//! The command lines.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

const ISSUER_HELP: &str = "\
Options:
  --listen ADDR       address and port to listen on, port 0 for any free one [127.0.0.1:8080]
  --name URL          URL of the issuer, the `iss` of its tokens [http:// and the address]
  --announce SECONDS  time between publication and first use of a key [0]
  --max-age SECONDS   `max-age` of the published keys [300]
  --help              this text
";

const SERVICE_HELP: &str = "\
Options:
  --listen ADDR        address and port to listen on, port 0 for any free one [127.0.0.1:PORT]
  --issuer URL         the issuer's name [http://127.0.0.1:8080]
  --life SECONDS       maximum lifetime of fetched keys [300]
  --cool-down SECONDS  minimum time between two fetches on the request path [10]
  --help               this text
";

/// The options of the issuer.
#[derive(Clone, Debug)]
pub struct IssuerOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The issuer's name. Default: derived from the address.
    pub name: Option<String>,
    /// Time between publication and first use of a key.
    pub announce: Duration,
    /// The `max-age` of the published keys.
    pub max_age: Duration,
}

/// The options of a service.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The issuer's name.
    pub issuer: String,
    /// Maximum lifetime of fetched keys.
    pub life: Duration,
    /// Minimum time between two fetches on the request path.
    pub cool_down: Duration,
}

impl IssuerOptions {
    /// Parses the process arguments.
    ///
    /// # Errors
    /// The exit code if the program should not run. The message has been printed.
    pub fn read() -> Result<Self, ExitCode> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            name: None,
            announce: Duration::ZERO,
            max_age: Duration::from_secs(300),
        };
        each(ISSUER_HELP, |name, arguments| {
            match name {
                "listen" => options.listen = arguments.value()?.parse()?,
                "name" => options.name = Some(arguments.value()?.string()?),
                "announce" => options.announce = seconds(arguments)?,
                "max-age" => options.max_age = seconds(arguments)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

impl ServiceOptions {
    /// Parses the process arguments. `port` is the default port.
    ///
    /// # Errors
    /// The exit code if the program should not run. The message has been printed.
    pub fn read(port: u16) -> Result<Self, ExitCode> {
        let mut options = Self {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            issuer: "http://127.0.0.1:8080".to_owned(),
            life: Duration::from_secs(300),
            cool_down: Duration::from_secs(10),
        };
        each(
            &SERVICE_HELP.replace("PORT", &port.to_string()),
            |name, arguments| {
                match name {
                    "listen" => options.listen = arguments.value()?.parse()?,
                    "issuer" => options.issuer = arguments.value()?.string()?,
                    "life" => options.life = seconds(arguments)?,
                    "cool-down" => options.cool_down = seconds(arguments)?,
                    _ => return Ok(false),
                }
                Ok(true)
            },
        )?;
        Ok(options)
    }

    /// The minimum lifetime of fetched keys, even if the issuer announces a shorter one: one
    /// minute, or `life` if that is less.
    pub fn shortest_life(&self) -> Duration {
        self.life.min(Duration::from_secs(60))
    }
}

/// Calls `take` with the name of each option. `take` reads the value, or returns `false` for an
/// unknown name.
fn each(
    help: &str,
    mut take: impl FnMut(&str, &mut lexopt::Parser) -> Result<bool, lexopt::Error>,
) -> Result<(), ExitCode> {
    let mut arguments = lexopt::Parser::from_env();
    let mut next = || -> Result<Option<bool>, lexopt::Error> {
        let Some(argument) = arguments.next()? else {
            return Ok(None);
        };
        let name = match &argument {
            Long("help") | Short('h') => return Ok(Some(true)),
            Long(name) => (*name).to_owned(),
            _ => return Err(argument.unexpected()),
        };
        if take(&name, &mut arguments)? {
            Ok(Some(false))
        } else {
            Err(Long(&name).unexpected())
        }
    };
    loop {
        match next() {
            Ok(None) => return Ok(()),
            Ok(Some(false)) => {}
            Ok(Some(true)) => {
                print!("usage: {} [options]\n\n{help}", program());
                return Err(ExitCode::SUCCESS);
            }
            Err(problem) => {
                eprintln!("{}: {problem}\nTry `--help`.", program());
                return Err(ExitCode::from(2));
            }
        }
    }
}

fn seconds(arguments: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_secs(arguments.value()?.parse()?))
}

/// The name of the running program.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
