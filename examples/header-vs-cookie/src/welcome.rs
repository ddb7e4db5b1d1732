//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

pub(crate) fn text(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    let login = |transport: &str| {
        let content = r#"{"user":"ada","password":"lovelace"}"#;
        let json = r#"-H "Content-Type: application/json""#;
        format!(r#"curl -s "{url}/login?transport={transport}" {json} -d '{content}'"#)
    };
    let (header, cookie) = (login("header"), login("cookie"));
    format!(
        r#"header-vs-cookie listens on {url}

In another terminal, get the token for a header, as a program does:
    TOKEN=$({header} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
Read, 200:
    curl -i {url}/me -H "Authorization: Bearer $TOKEN"
Write, 200, because a browser never attaches this header by itself:
    curl -i -X POST {url}/notes -H "Authorization: Bearer $TOKEN"

Get it in a cookie, as a browser does:
    COOKIE=$({cookie} -D - | sed -n 's/^[Ss]et-[Cc]ookie: \([^;]*\).*/\1/p')
Read, 200:
    curl -i {url}/me -H "Cookie: $COOKIE"
Write from a page of this site, 200:
    curl -i -X POST {url}/notes -H "Cookie: $COOKIE" -H "Sec-Fetch-Site: same-origin"
Write from a page of another site, 403:
    curl -i -X POST {url}/notes -H "Cookie: $COOKIE" -H "Sec-Fetch-Site: cross-site"
Write without a proof of origin, 403:
    curl -i -X POST {url}/notes -H "Cookie: $COOKIE"
Log out, 204:
    curl -i -X POST {url}/logout -H "Cookie: $COOKIE" -H "Sec-Fetch-Site: same-origin"

Ctrl-C stops the server.
"#
    )
}
