//! The text printed once the server listens.

use std::net::SocketAddr;

use openidconnect::url::Url;

use crate::options::{Options, PROGRAM};

pub(crate) fn text(address: SocketAddr, home: &Url, options: &Options) -> String {
    format!(
        r"{PROGRAM} listens on http://{address}
Users log in at {issuer}, which must know the client {client} with the redirect URI {home}callback

Open {home} in a browser.

Ctrl-C stops the server.
",
        issuer = options.issuer,
        client = options.client_id,
    )
}
