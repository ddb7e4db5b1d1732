//! Subrequests of a proxy, which asks whether a client's request may pass.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tollgate_core::{ForwardAuth, Gate, GateBuilder, Source};

use super::case::{Case, Request, case, get, post};
use super::expect::{
    anonymous, cross_site, expired, no_credential, no_csrf_token, seen, unknown_original,
};
use super::fixtures::{gate, token, usual};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// The fields of a subrequest, in the order of [`subrequest`].
const FIELDS: [&str; 4] = [
    "X-Forwarded-Method",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
];

fn forwarding(configure: fn(GateBuilder) -> GateBuilder) -> Gate {
    gate(usual(), |gate| {
        configure(gate.forward_auth(ForwardAuth::from_proxies([PROXY])))
    })
}

/// Adds the fields of a request to `app.example.com` to a subrequest.
fn about(subrequest: Request, values: [&str; 4]) -> Request {
    let fields = FIELDS.into_iter().zip(values);
    let subrequest = subrequest.with("Host", "auth.internal");
    fields.fold(subrequest.with_peer(PROXY), |request, (name, value)| {
        request.with(name, value)
    })
}

fn subrequest(method: &str) -> Request {
    about(
        get(),
        [method, "app.example.com", "https", "/transfer?to=x"],
    )
}

pub(super) fn cases() -> Vec<Case> {
    let good = token().build();
    let bearer = |request: Request| request.with("Authorization", format!("Bearer {good}"));
    let cookie = |request: Request| request.with("Cookie", format!("access={good}"));
    let cookies = || forwarding(|gate| gate.source(Source::cookie("access")));
    let plain = || forwarding(|gate| gate);
    let from_cookie = || seen().but("source", "cookie");
    let posted = || cookie(subrequest("POST"));
    let origin = |scheme: &str, origin: &str| {
        let values = ["POST", "app.example.com", scheme, "/transfer"];
        cookie(about(get(), values)).with("Origin", origin)
    };
    let handshake =
        || cookie(subrequest("GET")).with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut cases = vec![
        case("a good token", plain(), bearer(subrequest("POST")), seen()),
        case(
            "the address of the proxy as IPv6 writes it",
            plain(),
            bearer(subrequest("GET")).with_peer(
                Ipv6Addr::from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 7]).into(),
            ),
            seen(),
        ),
        case("no credential", plain(), subrequest("GET"), no_credential()),
        case(
            "an expired token",
            plain(),
            subrequest("GET").with(
                "Authorization",
                format!("Bearer {}", token().expires_in(-60).build()),
            ),
            expired(),
        ),
        case(
            "a cookie on a safe method",
            cookies(),
            [
                cookie(subrequest("GET")).with("Sec-Fetch-Site", "cross-site"),
                cookie(subrequest("HEAD")),
            ],
            from_cookie(),
        ),
        case(
            "a cookie on an unsafe method from another site",
            cookies(),
            [
                posted(),
                posted().with("Sec-Fetch-Site", "cross-site"),
                posted().with("Origin", "https://evil.example"),
                posted().with("Origin", "https://auth.internal"),
                cookie(subrequest("get")),
            ],
            cross_site(),
        ),
        case(
            "a cookie on an unsafe method from the same origin",
            cookies(),
            [
                posted().with("Sec-Fetch-Site", "same-origin"),
                posted().with("Origin", "https://app.example.com"),
            ],
            from_cookie(),
        ),
        case(
            "the origin has the scheme of the original request",
            cookies(),
            [
                origin("http", "http://app.example.com"),
                origin("https", "https://app.example.com"),
            ],
            from_cookie(),
        ),
        case(
            "the origin has another scheme",
            cookies(),
            [
                origin("https", "http://app.example.com"),
                origin("http", "https://app.example.com"),
            ],
            cross_site(),
        ),
        case(
            "the method of the subrequest decides nothing",
            cookies(),
            cookie(about(post(), ["GET", "app.example.com", "https", "/"])),
            from_cookie(),
        ),
        case(
            "a WebSocket handshake needs proof",
            cookies(),
            handshake(),
            cross_site(),
        ),
        case(
            "the CSRF token of the original request",
            forwarding(|gate| gate.source(Source::cookie("access")).require_csrf_token()),
            posted().with("Sec-Fetch-Site", "same-origin"),
            no_csrf_token(),
        ),
        case(
            "a preflight is one by the original method",
            forwarding(GateBuilder::pass_preflight),
            subrequest("OPTIONS")
                .with("Origin", "https://a.example")
                .with("Access-Control-Request-Method", "PUT"),
            anonymous(),
        ),
        case(
            "a subrequest that looks like a preflight",
            forwarding(GateBuilder::pass_preflight),
            about(
                Request::new("OPTIONS", "/resource")
                    .with("Origin", "https://a.example")
                    .with("Access-Control-Request-Method", "PUT"),
                ["POST", "app.example.com", "https", "/"],
            ),
            no_credential(),
        ),
        case(
            "a gRPC content type",
            plain(),
            about(
                post().with("Content-Type", "application/grpc"),
                ["POST", "app.example.com", "https", "/"],
            ),
            no_credential(),
        ),
        case(
            "a hook cannot turn a refusal into a success",
            forwarding(|gate| gate.on_rejection(|_, answer| answer.status = 200)),
            subrequest("GET"),
            no_credential(),
        ),
        case(
            "another peer",
            plain(),
            [
                bearer(subrequest("GET")).with_peer(Ipv4Addr::LOCALHOST.into()),
                bearer(subrequest("GET")).with_peer(Ipv6Addr::LOCALHOST.into()),
                Request {
                    peer: None,
                    ..bearer(subrequest("GET"))
                },
                bearer(subrequest("GET"))
                    .with_peer(Ipv4Addr::LOCALHOST.into())
                    .with("X-Forwarded-For", PROXY.to_string()),
            ],
            unknown_original(),
        ),
        case(
            "a request without the fields",
            plain(),
            bearer(get().with_peer(PROXY)),
            unknown_original(),
        ),
        case(
            "an unknown original request for an optional caller",
            forwarding(GateBuilder::optional),
            get().with_peer(PROXY),
            unknown_original(),
        ),
        case(
            "fields with other names",
            gate(usual(), |gate| {
                let forward = ForwardAuth::from_proxies([PROXY]);
                gate.forward_auth(forward.fields("X-O-Method", "X-O-Host", "X-O-Proto", "X-O-URI"))
            }),
            bearer(get().with_peer(PROXY))
                .with("X-O-Method", "POST")
                .with("X-O-Host", "app.example.com")
                .with("X-O-Proto", "https")
                .with("X-O-Uri", "/"),
            seen(),
        ),
        case(
            "the usual fields where others are named",
            gate(usual(), |gate| {
                let forward = ForwardAuth::from_proxies([PROXY]);
                gate.forward_auth(forward.fields("X-O-Method", "X-O-Host", "X-O-Proto", "X-O-URI"))
            }),
            bearer(subrequest("GET")),
            unknown_original(),
        ),
    ];
    let malformed: [&[&str]; 4] = [
        &["", "GET, POST", "GET POST", "GET\u{e9}", "G/T"],
        &[
            "",
            "a.example, b.example",
            "a.example/",
            "x@a.example",
            "a b",
            "a.example?x",
        ],
        &["", "HTTPS", "ftp", "https, http", "wss", "https://"],
        &[
            "",
            "transfer",
            "https://app.example.com/",
            "/a b",
            "/\u{e9}",
            "*",
        ],
    ];
    for (place, name) in FIELDS.into_iter().enumerate() {
        let without = {
            let mut request = bearer(subrequest("GET"));
            request.headers.retain(|(field, _)| field != name);
            request
        };
        let twice = ["GET", "app.example.com", "https", "/transfer?to=x"][place];
        let mut requests = vec![
            without.clone(),
            bearer(subrequest("GET")).with(name, twice),
            bearer(subrequest("GET")).with(name, ""),
        ];
        let values = malformed[place].iter();
        requests.extend(values.map(|value| without.clone().with(name, value)));
        let name = format!("`{name}` is missing, there twice, or malformed");
        cases.push(case(&name, plain(), requests, unknown_original()));
    }
    cases
}
