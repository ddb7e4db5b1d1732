//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

pub(crate) fn text(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    let json = r#"-H "Content-Type: application/json""#;
    format!(
        r#"redis-cluster listens on {url}

In another terminal, log in as ada and store both tokens:
    LOGIN=$(curl -s {url}/auth/login {json} -d '{{"user":"ada","password":"lovelace"}}')
    ACCESS=$(echo "$LOGIN" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    REFRESH=$(echo "$LOGIN" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')
Send the following to this or any other instance. The orders, 200:
    curl -i {url}/orders -H "Authorization: Bearer $ACCESS"
Refresh, 200:
    curl -i {url}/auth/refresh {json} -d "{{\"refresh_token\":\"$REFRESH\"}}"
Log out, 204:
    curl -i -X POST {url}/auth/logout -H "Authorization: Bearer $ACCESS"
The orders, 401 at every instance within a second:
    curl -i {url}/orders -H "Authorization: Bearer $ACCESS"

Ctrl-C stops the server.
"#
    )
}
