//! The text printed once the server listens: example requests with the expected responses.

use std::net::SocketAddr;

use crate::options::{Options, PROGRAM};

pub(crate) fn text(address: SocketAddr, options: &Options) -> String {
    let url = format!("http://{address}");
    let kept = match &options.data {
        Some(folder) => format!("Sessions and keys are kept in {}.", folder.display()),
        None => "WARNING: sessions are kept in memory only.".to_owned(),
    };
    let fresh = options.fresh.as_secs();
    let json = r#"-H "Content-Type: application/json""#;
    let login = |device: &str| {
        let content = format!(r#"{{"user":"ada","password":"lovelace","device":"{device}"}}"#);
        format!(r"curl -s {url}/auth/login {json} -d '{content}'")
    };
    let (laptop, phone) = (login("laptop"), login("phone"));
    let to = |method: &str, path: &str, device: &str| {
        format!(r#"curl -i -X {method} {url}{path} -H "Authorization: Bearer ${device}""#)
    };
    let list = to("GET", "/auth/sessions", "LAPTOP");
    let close = to("DELETE", "/account", "LAPTOP");
    let again = to("POST", "/reauthenticate", "LAPTOP").replacen("curl -i", "curl -s", 1);
    let again = format!(r#"{again} {json} -d '{{"password":"lovelace"}}'"#);
    format!(
        r#"{PROGRAM} listens on {url}
{kept}

In another terminal, log in as ada on two devices:
    LAPTOP=$({laptop} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    ANSWER=$({phone})
    PHONE=$(echo "$ANSWER" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
    REFRESH=$(echo "$ANSWER" | sed 's/.*"refresh_token":"\([^"]*\)".*/\1/')
List her devices, 200 with both:
    {list}
Log out all devices except the laptop, 200 with their number:
    {others}
The phone's token is refused at once, 401:
    {phone_me}
Its refresh token is refused too, 400:
    curl -i {url}/auth/refresh {json} -d "{{\"refresh_token\":\"$REFRESH\"}}"
Close the account. This requires a login in the last {fresh} s, 200:
    {close}
Later the response is 401 insufficient_user_authentication. Then enter the password again:
    LAPTOP=$({again} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
Close the account with the new token, 200:
    {close}
Log out everywhere, 200:
    {all}
The laptop is logged out too, 401:
    {laptop_me}

Ctrl-C stops the server.
"#,
        others = to("POST", "/auth/sessions/logout-others", "LAPTOP"),
        phone_me = to("GET", "/me", "PHONE"),
        all = to("POST", "/auth/sessions/logout-all", "LAPTOP"),
        laptop_me = to("GET", "/me", "LAPTOP"),
    )
}
