//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

pub(crate) fn text(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    let login = |transport: &str| {
        format!(
            r#"curl -s "{url}/login?transport={transport}" -H "Content-Type: application/json" -d '{{"user":"ada","password":"lovelace"}}'"#
        )
    };
    let (header, cookie) = (login("header"), login("cookie"));
    format!(
        r#"header-vs-cookie listens on {url}

In another terminal, get the token for a header, as a program does:
    TOKEN=$({header} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
Read, 200:
    curl -i {url}/me -H "Authorization: Bearer $TOKEN"
Write, 200, for nobody attaches this header by accident:
    curl -i -X POST {url}/notes -H "Authorization: Bearer $TOKEN"

Get it in a cookie, as a browser does:
    COOKIE=$({cookie} -D - | sed -n 's/^[Ss]et-[Cc]ookie: \([^;]*\).*/\1/p')
Read, 200:
    curl -i {url}/me -H "Cookie: $COOKIE"
Write from a page of this site, as the browser says, 200:
    curl -i -X POST {url}/notes -H "Cookie: $COOKIE" -H "Sec-Fetch-Site: same-origin"
Write because a page of another site had the browser do it, 403:
    curl -i -X POST {url}/notes -H "Cookie: $COOKIE" -H "Sec-Fetch-Site: cross-site"
Write without a word of where from, 403:
    curl -i -X POST {url}/notes -H "Cookie: $COOKIE"
Log out, 204:
    curl -i -X POST {url}/logout -H "Cookie: $COOKIE" -H "Sec-Fetch-Site: same-origin"

Ctrl-C stops the server.
"#
    )
}
