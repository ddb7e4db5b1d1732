//! The session-bound token that a page repeats in a header field, besides a cookie (double submit).

use serde_json::{Value, json};
use tollgate_core::Source;

use super::case::{Case, Request, case, get, post};
use super::expect::{bad_signature, cross_site, no_csrf_token, revoked};
use super::fixtures::{Standings, gate};
use super::waiting::KeyOrigin;

/// Creates a same-origin request with this token in its cookie.
fn with(request: Request, token: &str) -> Request {
    request
        .with("Host", "api.example.com")
        .with("Cookie", format!("access={token}"))
        .with("Sec-Fetch-Site", "same-origin")
}

pub(super) fn cases(origin: KeyOrigin) -> Vec<Case> {
    let cookies = || {
        gate(origin.verifier(), |gate| {
            gate.source(Source::bearer())
                .source(Source::cookie("access"))
                .require_csrf_token()
                .revocation(Standings)
        })
    };
    let from_cookie = || origin.seen().but("source", "cookie");
    let claiming_csrf = |csrf: Value| origin.token().claim("csrf", csrf).build();
    let good = claiming_csrf(json!("c-1"));
    let posted = || with(post(), &good);
    let sending = |value: &str| posted().with("X-CSRF-Token", value);
    let method = |method: &str| with(Request::new(method, "/resource"), &good);
    let handshake = || {
        get()
            .with("Host", "api.example.com")
            .with("Cookie", format!("access={good}"))
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
    };
    vec![
        case("the right token", cookies(), sending("c-1"), from_cookie()),
        case(
            "the token, on every unsafe method",
            cookies(),
            ["POST", "PUT", "PATCH", "DELETE"].map(|name| method(name).with("X-CSRF-Token", "c-1")),
            from_cookie(),
        ),
        case("no token", cookies(), posted(), no_csrf_token()),
        case(
            "no token, on every unsafe method",
            cookies(),
            ["POST", "PUT", "PATCH", "DELETE", "get"].map(method),
            no_csrf_token(),
        ),
        case(
            "a wrong token",
            cookies(),
            [
                "", "c-2", "C-1", "c-", "c-11", "c-1, c-1", "\"c-1\"", "null",
            ]
            .map(sending),
            no_csrf_token(),
        ),
        case(
            "the right token, twice",
            cookies(),
            [
                sending("c-1").with("X-CSRF-Token", "c-1"),
                sending("c-1").with("X-CSRF-Token", "c-2"),
                sending("c-2").with("x-csrf-token", "c-1"),
            ],
            no_csrf_token(),
        ),
        case(
            "an access token without the claim",
            cookies(),
            [
                with(post(), &origin.token().build()),
                with(post(), &origin.token().build()).with("X-CSRF-Token", ""),
                with(post(), &origin.token().build()).with("X-CSRF-Token", "c-1"),
            ],
            no_csrf_token(),
        ),
        case(
            "an access token whose claim is empty or not a string",
            cookies(),
            [
                (json!(""), ""),
                (json!(7), "7"),
                (json!(null), "null"),
                (json!(null), ""),
                (json!(true), "true"),
                (json!(["c-1"]), "c-1"),
                (json!({"c": 1}), "c-1"),
            ]
            .map(|(claim, sent)| with(post(), &claiming_csrf(claim)).with("X-CSRF-Token", sent)),
            no_csrf_token(),
        ),
        case(
            "a claim with a JSON escape",
            cookies(),
            with(post(), &origin.claiming(r#""csrf":"c\u002d1""#)).with("X-CSRF-Token", "c-1"),
            from_cookie(),
        ),
        case(
            "the token of another session",
            cookies(),
            with(post(), &claiming_csrf(json!("c-2"))).with("X-CSRF-Token", "c-1"),
            no_csrf_token(),
        ),
        case(
            "the token does not replace the proof of origin",
            cookies(),
            [
                post()
                    .with("Cookie", format!("access={good}"))
                    .with("Sec-Fetch-Site", "cross-site")
                    .with("X-CSRF-Token", "c-1"),
                post()
                    .with("Cookie", format!("access={good}"))
                    .with("X-CSRF-Token", "c-1"),
            ],
            cross_site(),
        ),
        case(
            "safe methods need no token",
            cookies(),
            [method("GET"), method("OPTIONS")],
            from_cookie(),
        ),
        case(
            "a credential set by the page needs no token",
            cookies(),
            [
                post().with("Authorization", format!("Bearer {good}")),
                posted().with("Authorization", format!("Bearer {good}")),
            ],
            origin.seen(),
        ),
        case(
            "a WebSocket handshake needs only the proof of origin",
            cookies(),
            handshake().with("Origin", "https://api.example.com"),
            from_cookie(),
        ),
        case(
            "a POST with the fields of a WebSocket handshake needs the token",
            cookies(),
            posted()
                .with("Upgrade", "websocket")
                .with("Sec-WebSocket-Version", "13"),
            no_csrf_token(),
        ),
        case(
            "a WebSocket handshake with a token needs the proof of origin",
            cookies(),
            handshake()
                .with("Origin", "https://evil.example")
                .with("X-CSRF-Token", "c-1"),
            cross_site(),
        ),
        case(
            "the token is compared with a verified claim",
            cookies(),
            with(
                post(),
                &origin
                    .token()
                    .claim("csrf", "c-1")
                    .signed_by(&origin.stranger())
                    .build(),
            )
            .with("X-CSRF-Token", "c-1"),
            bad_signature(),
        ),
        case(
            "the token is checked before the store is queried",
            cookies(),
            with(
                post(),
                &origin
                    .token()
                    .claim("csrf", "c-1")
                    .claim("sid", "asked: down")
                    .build(),
            ),
            no_csrf_token(),
        ),
        case(
            "the token does not restore a revoked access token",
            cookies(),
            with(
                post(),
                &origin
                    .token()
                    .claim("csrf", "c-1")
                    .claim("sid", "asked: gone")
                    .build(),
            )
            .with("X-CSRF-Token", "c-1"),
            revoked(),
        ),
    ]
}
