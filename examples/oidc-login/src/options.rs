//! The command line and the environment.

use std::io;
use std::net::SocketAddr;

use lexopt::prelude::*;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_NAME");

const HELP: &str = "\
Options:
  --listen ADDR     address and port to listen on, port 0 for any free one [127.0.0.1:8080]
  --url URL         URL of this service for browsers [http://localhost: and the port]
  --issuer URL      issuer URL of the provider [OIDC_ISSUER, else http://127.0.0.1:4000]
  --client-id ID    client ID of this service at the provider [OIDC_CLIENT_ID, else oidc-login]
  --help            this text

OIDC_CLIENT_SECRET is the client secret, if the provider requires one.
";

pub(crate) enum Request {
    Serve(Options),
    Help(String),
}

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) url: Option<String>,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
}

impl Options {
    pub(crate) fn cannot_listen(&self, problem: &io::Error) -> String {
        format!(
            "cannot listen on {}: {problem}; choose another address with --listen",
            self.listen
        )
    }
}

/// Parses the process arguments and the environment.
pub(crate) fn read() -> Result<Request, lexopt::Error> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let or = |name, otherwise: &str| variable(name).unwrap_or_else(|| otherwise.to_owned());
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        url: None,
        issuer: or("OIDC_ISSUER", "http://127.0.0.1:4000"),
        client_id: or("OIDC_CLIENT_ID", "oidc-login"),
        client_secret: variable("OIDC_CLIENT_SECRET"),
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("url") => options.url = Some(arguments.value()?.string()?),
            Long("issuer") => options.issuer = arguments.value()?.string()?,
            Long("client-id") => options.client_id = arguments.value()?.string()?,
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
