//! The text printed once the server listens.

use std::net::SocketAddr;

use crate::options::{Options, PROGRAM};

pub(crate) fn text(address: SocketAddr, options: &Options) -> String {
    let kept = match &options.data {
        Some(folder) => format!("Sessions and keys are kept in {}.", folder.display()),
        None => "WARNING: sessions are kept in memory only.".to_owned(),
    };
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let port = address.port();
    format!(
        r"{PROGRAM} listens on http://{address}
{kept}

Open http://localhost:{port}/ in a browser, and log in as ada (lovelace) or bob (builder).

Ctrl-C stops the server.
"
    )
}
