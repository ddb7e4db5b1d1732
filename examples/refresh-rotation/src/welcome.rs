//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

pub(crate) fn text(address: SocketAddr) -> String {
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
Once more, and keep both:
    field() {{ sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }}
    LOGIN=$(curl -s {login})
    ACCESS=$(echo "$LOGIN" | field access_token)
    REFRESH=$(echo "$LOGIN" | field refresh_token)
The orders, 200 for a quarter of an hour:
    curl -i {orders} $ACCESS"
Refresh before that is over; the refresh token is used up by it, and the answer has its successor:
    SUCCESSOR=$(curl -s {first} | field refresh_token)
The same once more, as if the answer had been lost: 200 with the same successor, for 10 seconds:
    curl -i {first}
Refresh for an access token that can read and no more, and cancel the orders with it, 403:
    LESS=$(curl -s {less})
    LAST=$(echo "$LESS" | field refresh_token)
    curl -i -X DELETE {orders} $(echo "$LESS" | field access_token)"
More than the login gave is not to be had, 400 invalid_scope:
    curl -i {more}
Use the first refresh token, long since used up, as a thief would: 400, and the session is over:
    curl -i {first}
So its last refresh token is worth nothing, 400:
    curl -i {end}
Nor is the access token, though its time is not over, 401:
    curl -i {orders} $ACCESS"
Log in again, and out, 204:
    ACCESS=$(curl -s {login} | field access_token)
    curl -i -X POST {url}/auth/logout -H "Authorization: Bearer $ACCESS"
The public keys, for services that verify access tokens themselves, 200:
    curl -i {url}/.well-known/jwks.json

Ctrl-C stops the server.
"#
    )
}
