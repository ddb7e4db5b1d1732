//! The text printed once a program listens: example requests with the expected responses.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use crate::options::ServiceOptions;
use crate::{BILLING, ISSUER, ORDERS};

/// Prints the text and flushes the output, which is buffered without a terminal.
///
/// # Errors
/// When the output cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Returns the text for the issuer.
pub fn issuer(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    let operator = token(&url, "operator", "xyzzy", ISSUER);
    let bearer = r#"-H "Authorization: Bearer $OPERATOR""#;
    format!(
        r#"issuer listens on {url}

In another terminal, the metadata of the issuer, 200:
    curl -i {url}/.well-known/oauth-authorization-server
The public keys, 200:
    curl -i {url}/jwks.json
A token that may change the keys:
    OPERATOR=$({operator})
Sign with a new key from now on, 201 with its kid:
    curl -i -X POST {url}/keys {bearer}
The former key is published until its last token has expired, 200 with both:
    curl -i {url}/jwks.json
Withdraw a key, as after a theft, 204 (here the former one):
    FORMER=$(curl -s {url}/jwks.json | sed 's/.*"kid":"\([^"]*-1\)".*/\1/')
    curl -i -X DELETE {url}/keys/$FORMER -H "Authorization: Bearer $({operator})"
Its tokens are refused, 401:
    curl -i -X POST {url}/keys {bearer}

Ctrl-C stops the server.
"#
    )
}

/// Returns the text for the orders service.
pub fn orders(address: SocketAddr, options: &ServiceOptions) -> String {
    service(
        "orders",
        &format!("http://{address}"),
        "/orders",
        (ORDERS, BILLING),
        options,
    )
}

/// Returns the text for the billing service.
pub fn billing(address: SocketAddr, options: &ServiceOptions) -> String {
    service(
        "billing",
        &format!("http://{address}"),
        "/invoices",
        (BILLING, ORDERS),
        options,
    )
}

fn service(
    name: &str,
    url: &str,
    path: &str,
    (own, other): (&str, &str),
    options: &ServiceOptions,
) -> String {
    let issuer = &options.issuer;
    let own = token(issuer, "shop", "sesame", own);
    let other = token(issuer, "shop", "sesame", other);
    let request =
        |token: &str| format!(r#"curl -i {url}{path} -H "Authorization: Bearer {token}""#);
    format!(
        "{name} listens on {url}
Its keys come from {issuer}.

In another terminal, 200 if it has them:
    curl -i {url}/ready
A token of the issuer for this service:
    TOKEN=$({own})
With it, 200:
    {with}
With a token for the other service, 401:
    {wrong}
Without a token, 401:
    curl -i {url}{path}
The keys and the time of their last use, 200:
    curl -i {url}/status

Ctrl-C stops the server.
",
        with = request("$TOKEN"),
        wrong = request(&format!("$({other})")),
    )
}

/// Returns the command that requests a token and prints only the token.
fn token(issuer: &str, client: &str, secret: &str, resource: &str) -> String {
    format!(
        "curl -s {issuer}/token -d grant_type=client_credentials -d client_id={client} \
         -d client_secret={secret} -d resource={resource} | \
         sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'"
    )
}
