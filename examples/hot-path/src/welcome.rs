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

In another terminal: a token of a shopper and one of the operator, valid for an hour
    TOKEN={shopper}
    OPERATOR={operator}
The orders, 200; the token is verified:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
Again, 200; the token is in the cache:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
The counts of cache hits and misses, 200:
    curl -i {url}/metrics
Clear the cache, 204:
    curl -i -X DELETE {url}/verified-tokens -H "Authorization: Bearer $OPERATOR"
The same as the shopper, 403:
    curl -i -X DELETE {url}/verified-tokens -H "Authorization: Bearer $TOKEN"
Sign with a new key from now on, 200 with new tokens:
    curl -i -X POST {url}/keys -H "Authorization: Bearer $OPERATOR"
The former key is still valid, 200; the token is verified again:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"
Withdraw the former key, 204:
    curl -i -X DELETE {url}/keys/1 -H "Authorization: Bearer $OPERATOR"
The token is refused, although it was in the cache, 401:
    curl -i {url}/orders -H "Authorization: Bearer $TOKEN"

Ctrl-C stops the server.
"#
    )
}
