//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

use crate::demo::Tokens;
use crate::options::PROGRAM;

pub(crate) fn text(address: SocketAddr, tokens: &Tokens) -> String {
    let url = format!("http://{address}");
    let Tokens {
        shopper, operator, ..
    } = tokens;
    format!(
        r#"{PROGRAM} listens on {url}

In another terminal: a token of a shopper and one of the operator, good for an hour
    TOKEN={shopper}
    OPERATOR={operator}
The orders, 200; the token is verified:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
Once more, 200; the token is recognised:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
How often each of it happened, 200:
    curl -i {url}/metrics
Have every token verified anew, 204:
    curl -i -X DELETE {url}/verified-tokens -H "Authorization: Bearer $OPERATOR"
The same as the shopper, 403:
    curl -i -X DELETE {url}/verified-tokens -H "Authorization: Bearer $TOKEN"
Sign with another key from now on, 200 with tokens by it:
    curl -i -X POST {url}/keys -H "Authorization: Bearer $OPERATOR"
The former key still holds, 200; the token is verified once more:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
Take the former key away, 204:
    curl -i -X DELETE {url}/keys/1 -H "Authorization: Bearer $OPERATOR"
The token was recognised a moment ago, and is refused, 401:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"

Ctrl-C stops the server.
"#
    )
}
