//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) fn text(address: SocketAddr, grace: Duration) -> String {
    let grace = grace.as_secs();
    let url = format!("http://{address}");
    let json = r#"-H "Content-Type: application/json""#;
    let login = format!(r#"{url}/auth/login {json} -d '{{"user":"ada","password":"lovelace"}}'"#);
    let refresh = |token: &str, more: &str| {
        format!(r#"{url}/auth/refresh {json} -d "{{\"refresh_token\":\"${token}\"{more}}}""#)
    };
    let first = refresh("REFRESH", "");
    let less = refresh("SUCCESSOR", r#",\"scope\":\"orders:read\""#);
    let more = refresh("LAST", r#",\"scope\":\"orders:read admin\""#);
    let end = refresh("LAST", "");
    let orders = format!(r#"{url}/orders -H "Authorization: Bearer"#);
    format!(
        r#"refresh-rotation listens on {url}

In another terminal, log in as ada, 200 with an access token and a refresh token:
    curl -i {login}
Log in again, and store both tokens:
    field() {{ sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }}
    LOGIN=$(curl -s {login})
    ACCESS=$(echo "$LOGIN" | field access_token)
    REFRESH=$(echo "$LOGIN" | field refresh_token)
The orders, 200 for 15 minutes:
    curl -i {orders} $ACCESS"
Refresh before the access token expires. The response contains the next refresh token:
    SUCCESSOR=$(curl -s {first} | field refresh_token)
The same again, as after a lost response: 200 with the same successor, for {grace} seconds:
    curl -i {first}
Refresh for an access token that may only read, and cancel the orders with it, 403:
    LESS=$(curl -s {less})
    LAST=$(echo "$LESS" | field refresh_token)
    curl -i -X DELETE {orders} $(echo "$LESS" | field access_token)"
A scope that the login did not grant, 400 invalid_scope:
    curl -i {more}
Remove the user bob as ada, who has the role admin, 204:
    curl -i -X DELETE {url}/users/bob -H "Authorization: Bearer $ACCESS"
Reuse the first refresh token after that time, as a thief would: 400, and the session ends:
    sleep {grace}; curl -i {first}
Its last refresh token is refused, 400:
    curl -i {end}
Its access token is refused before it expires, 401:
    curl -i {orders} $ACCESS"
Log in again, and log out, 204:
    ACCESS=$(curl -s {login} | field access_token)
    curl -i -X POST {url}/auth/logout -H "Authorization: Bearer $ACCESS"
The public keys, for services that verify access tokens themselves, 200:
    curl -i {url}/.well-known/jwks.json

Ctrl-C stops the server.
"#
    )
}
