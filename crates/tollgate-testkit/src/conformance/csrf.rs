//! Proof that a request with a cookie comes from the same site (Fetch Metadata, RFC 6454, RFC 9110
//! section 9.2.1).

use tollgate_core::{Gate, Source};

use super::case::{Case, Request, case, get, post};
use super::expect::{Seen, cross_site, seen};
use super::fixtures::{gate, token, usual};

fn cookies() -> Gate {
    gate(usual(), |gate| {
        gate.source(Source::bearer())
            .source(Source::cookie("access"))
            .trusted_origin("https://app.example.com")
    })
}

const EXTENSION: &str = "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb";

fn apps() -> Gate {
    gate(usual(), |gate| {
        ["tauri://localhost", "capacitor://localhost", EXTENSION]
            .into_iter()
            .fold(gate.source(Source::cookie("access")), |gate, origin| {
                gate.trusted_origin(origin)
            })
    })
}

/// Admits every origin between these two texts, however wrong that is.
fn previews() -> Gate {
    gate(usual(), |gate| {
        gate.source(Source::cookie("access"))
            .trusted_origin_if(|origin| {
                origin.starts_with("https://pr-") && origin.ends_with(".example.com")
            })
    })
}

fn from_cookie() -> Seen {
    seen().but("source", "cookie")
}

pub(super) fn cases() -> Vec<Case> {
    let good = token().build();
    let with = |request: Request| {
        request
            .with("Host", "api.example.com")
            .with("Cookie", format!("access={good}"))
    };
    let posted = || with(post());
    let site = |site: &str| posted().with("Sec-Fetch-Site", site);
    let origin = |origin: &str| posted().with("Origin", origin);
    let handshake = || {
        with(get())
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
    };
    let method = |method: &str| with(Request::new(method, "/resource"));
    let absolute = |host: &str, origin: &str| {
        Request::new("POST", "http://api.example.com/resource")
            .with("Host", host)
            .with("Cookie", format!("access={good}"))
            .with("Origin", origin)
    };
    vec![
        case(
            "an unsafe method from the same origin",
            cookies(),
            [site("same-origin"), site("none")],
            from_cookie(),
        ),
        case(
            "an unsafe method from another site",
            cookies(),
            site("cross-site"),
            cross_site(),
        ),
        case(
            "an unsafe method from another host of the site",
            cookies(),
            site("same-site"),
            cross_site(),
        ),
        case(
            "an unsafe method without proof",
            cookies(),
            posted(),
            cross_site(),
        ),
        case(
            "unknown values of `Sec-Fetch-Site`",
            cookies(),
            [
                site(""),
                site("SAME-ORIGIN"),
                site("same-origin, cross-site"),
                site("trusted"),
            ],
            cross_site(),
        ),
        case(
            "`Sec-Fetch-Site` twice",
            cookies(),
            site("same-origin").with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "every unsafe method",
            cookies(),
            ["POST", "PUT", "PATCH", "DELETE"]
                .map(|name| method(name).with("Sec-Fetch-Site", "cross-site")),
            cross_site(),
        ),
        case(
            "methods are case-sensitive: `get` is not safe",
            cookies(),
            method("get").with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
        case(
            "an `Origin` equal to this host",
            cookies(),
            origin("https://api.example.com"),
            from_cookie(),
        ),
        case(
            "an `Origin` by plain http is not this service",
            cookies(),
            origin("http://api.example.com"),
            cross_site(),
        ),
        case(
            "an `Origin` by plain http, where the gate declares it",
            gate(usual(), |gate| {
                gate.source(Source::cookie("access")).dangerous_plain_http()
            }),
            [
                origin("http://api.example.com"),
                origin("https://api.example.com"),
            ],
            from_cookie(),
        ),
        case(
            "an `Origin` of another host",
            cookies(),
            [
                origin("https://evil.example"),
                origin("null"),
                origin(""),
                origin("https://"),
                origin("https://api.example.com.evil.example"),
                origin("https://evil-api.example.com"),
                origin("https://api.example.com:8443"),
                origin("https://api.example.com@evil.example"),
                origin("ftp://api.example.com"),
                origin("api.example.com"),
            ],
            cross_site(),
        ),
        case(
            "two `Origin` fields",
            cookies(),
            origin("https://api.example.com").with("Origin", "https://evil.example"),
            cross_site(),
        ),
        case(
            "a trusted `Origin`",
            cookies(),
            [
                origin("https://app.example.com"),
                origin("https://app.example.com").with("Sec-Fetch-Site", "same-site"),
            ],
            from_cookie(),
        ),
        case(
            "a trusted `Origin` is compared exactly",
            cookies(),
            [
                origin("http://app.example.com"),
                origin("https://app.example.com:8443"),
                origin("https://app.example.com.evil.example"),
                origin("https://x.app.example.com"),
            ],
            cross_site(),
        ),
        case(
            "apps and extensions that are trusted",
            apps(),
            [
                site("cross-site").with("Origin", "tauri://localhost"),
                site("cross-site").with("Origin", "capacitor://localhost"),
                site("none").with("Origin", EXTENSION),
            ],
            from_cookie(),
        ),
        case(
            "apps and extensions that are not trusted",
            cookies(),
            [
                origin("tauri://localhost"),
                origin("capacitor://localhost"),
                origin(EXTENSION),
            ],
            cross_site(),
        ),
        case(
            "an origin that a function admits",
            previews(),
            [
                origin("https://pr-7.example.com"),
                site("same-site").with("Origin", "https://pr-x.example.com"),
            ],
            from_cookie(),
        ),
        case(
            "a function gets only origins of `https` as browsers send them",
            previews(),
            [
                origin("http://pr-7.example.com"),
                origin("https://pr-7.evil.example/.example.com"),
                origin("https://pr-7@evil.example?.example.com"),
                origin("https://pr-7.evil.example\\.example.com"),
                origin("https://PR-7.example.com"),
                origin("https://x.example.com"),
                origin("null"),
                origin(""),
                posted(),
                site("cross-site"),
                origin("https://pr-7.example.com").with("Origin", "https://evil.example"),
            ],
            cross_site(),
        ),
        case(
            "`Sec-Fetch-Site` takes precedence over `Origin`",
            cookies(),
            site("cross-site").with("Origin", "https://api.example.com"),
            cross_site(),
        ),
        case(
            "the authority of the target takes precedence over `Host`",
            cookies(),
            absolute("evil.example", "https://api.example.com"),
            from_cookie(),
        ),
        case(
            "`Host` cannot match an `Origin` if the authority differs",
            cookies(),
            absolute("evil.example", "https://evil.example"),
            cross_site(),
        ),
        case(
            "safe methods need no proof",
            cookies(),
            [
                with(get()).with("Sec-Fetch-Site", "cross-site"),
                method("OPTIONS").with("Origin", "https://evil.example"),
            ],
            from_cookie(),
        ),
        case(
            "a WebSocket handshake needs proof",
            cookies(),
            [
                handshake(),
                handshake().with("Origin", "https://evil.example"),
                handshake().with("Sec-Fetch-Site", "none"),
                handshake().with("Sec-Fetch-Site", "cross-site"),
                with(get()).with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
            cross_site(),
        ),
        case(
            "a WebSocket handshake of the same origin",
            cookies(),
            [
                handshake().with("Origin", "https://api.example.com"),
                handshake().with("Sec-Fetch-Site", "same-origin"),
            ],
            from_cookie(),
        ),
        case(
            "a credential set by the page needs no proof",
            cookies(),
            [
                post()
                    .with("Authorization", format!("Bearer {good}"))
                    .with("Sec-Fetch-Site", "cross-site"),
                site("cross-site").with("Authorization", format!("Bearer {good}")),
            ],
            seen(),
        ),
        case(
            "the cookie is not verified before the proof",
            cookies(),
            post()
                .with("Cookie", "access=forged")
                .with("Sec-Fetch-Site", "cross-site"),
            cross_site(),
        ),
    ]
}
