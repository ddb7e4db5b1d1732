//! The text printed once the servers listen: example requests with the expected responses.

use std::net::SocketAddr;

pub(crate) fn text(address: SocketAddr, front_end: &str) -> String {
    let url = format!("http://{address}");
    let content = r#"{"user":"ada","password":"lovelace"}"#;
    let login =
        format!(r#"curl -s {url}/auth/login -H "Content-Type: application/json" -d '{content}'"#);
    format!(
        r#"other-origin listens on http://{address}
The front-end is on {front_end}

Open {front_end}/ in a browser, and log in as ada (lovelace) or bob (builder).

In another terminal, log in as a program does, which gets the tokens in JSON:
    TOKEN=$({login} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
Write by the bearer token, 200:
    curl -i -X POST {url}/clicks -H "Authorization: Bearer $TOKEN"
Log in as a page of the front-end does, 200 with cookies:
    {login} -i -H "Origin: {front_end}"
Log in as a page of another site does, 403:
    {login} -i -H "Origin: https://evil.example"
A preflight of the front-end, 200 with `access-control-allow-credentials: true`:
    curl -i -X OPTIONS {url}/clicks -H "Origin: {front_end}" -H "Access-Control-Request-Method: POST"

Ctrl-C stops the server.
"#
    )
}
