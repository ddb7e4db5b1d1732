//! Cookies, custom fields, WebSocket protocols, queries, and several credentials at once.

use super::sources::{COOKIE, cookie, from, looking_at, strictly};
use tollgate_core::{Gate, Source};

use super::case::{Case, Request, bearer, case, get};
use super::expect::{
    Refused, expired, malformed_credential, no_credential, too_large, two_credentials,
};
use super::fixtures::{token, usual_gate};
use crate::segments::base64url;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cookies();
    cases.extend(several());
    cases.extend(other_places());
    cases.extend(websocket_prefixes());
    cases
}

fn cookies() -> Vec<Case> {
    let cookies = looking_at([Source::cookie(COOKIE)]);
    let good = token().build();
    let line = |value: String| get().with("Cookie", value);
    vec![
        case("a cookie", cookies.clone(), cookie(&good), from("cookie")),
        case(
            "a cookie among others, and in several lines",
            cookies.clone(),
            [
                line(format!("a=1; {COOKIE}={good}; b=2")),
                line(format!("a=1;{COOKIE}={good};b=2")),
                line("a=1".into())
                    .with("Cookie", format!("{COOKIE}={good}"))
                    .with("Cookie", "b=2"),
            ],
            from("cookie"),
        ),
        case(
            "the name of a cookie is exact",
            cookies.clone(),
            [
                line(format!("__host-access={good}")),
                line(format!("access={good}")),
                line(format!(
                    "x{COOKIE}={good}; {COOKIE}2={good}; {COOKIE}.={good}"
                )),
                line(format!("a={COOKIE}={good}")),
            ],
            no_credential(),
        ),
        case(
            "a cookie is not read unless configured",
            usual_gate(),
            cookie(&good),
            no_credential(),
        ),
        case(
            "a cookie twice",
            cookies.clone(),
            [
                line(format!("{COOKIE}={good}; {COOKIE}={good}")),
                line(format!("{COOKIE}={good}; a=1; {COOKIE}=x")),
                line(format!("{COOKIE}=; {COOKIE}={good}")),
                line(format!("{COOKIE}={good}; {COOKIE}")),
                cookie(&good).with("Cookie", format!("{COOKIE}={good}")),
            ],
            two_credentials(),
        ),
        case(
            "a cookie without a value",
            cookies.clone(),
            [
                cookie(""),
                line(COOKIE.into()),
                line(format!("{COOKIE}; a=1")),
            ],
            malformed_credential(),
        ),
        case(
            "a cookie with anything but a token",
            cookies.clone(),
            [
                cookie(&format!("\"{good}\"")),
                cookie("a b"),
                cookie(&format!("Bearer {good}")),
                cookie("a,b"),
                cookie("%22"),
            ],
            malformed_credential(),
        ),
        case(
            "`Authorization` is not read if only a cookie is configured",
            cookies,
            bearer(&good),
            no_credential(),
        ),
    ]
}

fn several() -> Vec<Case> {
    let both = || [Source::bearer(), Source::cookie(COOKIE)];
    let good = token().build();
    let other = token().subject("somebody-else").build();
    let old = token().expires_in(-3600).build();
    vec![
        case(
            "the header takes precedence over a cookie",
            looking_at(both()),
            [
                bearer(&good).with("Cookie", format!("{COOKIE}={other}")),
                bearer(&good).with("Cookie", format!("{COOKIE}={old}")),
                bearer(&good).with("Cookie", format!("{COOKIE}=not a token")),
            ],
            from("bearer"),
        ),
        case(
            "the cookie is used without a header",
            looking_at(both()),
            cookie(&good),
            from("cookie"),
        ),
        case(
            "the order of the sources decides",
            looking_at([Source::cookie(COOKIE), Source::bearer()]),
            bearer(&other).with("Cookie", format!("{COOKIE}={good}")),
            from("cookie"),
        ),
        case(
            "strict: header and cookie",
            strictly(both()),
            [
                bearer(&good).with("Cookie", format!("{COOKIE}={good}")),
                bearer(&good).with("Cookie", format!("{COOKIE}={other}")),
            ],
            two_credentials(),
        ),
        case(
            "strict: one credential",
            strictly(both()),
            cookie(&good).with("Cookie", "a=1"),
            from("cookie"),
        ),
        case(
            "strict: another scheme beside a cookie is not a second token",
            strictly(both()),
            cookie(&good).with("Authorization", "Basic dXNlcjpwYXNz"),
            from("cookie"),
        ),
        case(
            "an expired header does not fall back to a valid cookie",
            looking_at(both()),
            bearer(&old).with("Cookie", format!("{COOKIE}={good}")),
            expired(),
        ),
        case(
            "a malformed header does not fall back to a valid cookie",
            looking_at(both()),
            cookie(&good).with("Authorization", "Bearer \"\""),
            malformed_credential(),
        ),
        case(
            "two credentials at once",
            looking_at([
                Source::bearer(),
                Source::header("X-Access-Token"),
                Source::dangerous_query_parameter("access_token"),
            ]),
            [
                bearer(&good).with("X-Access-Token", &good),
                Request::new("GET", &format!("/resource?access_token={good}"))
                    .with("Authorization", format!("Bearer {good}")),
                Request::new("GET", &format!("/resource?access_token={good}"))
                    .with("X-Access-Token", &good),
            ],
            two_credentials(),
        ),
    ]
}

/// Tokens that are part of one element of `Sec-WebSocket-Protocol`.
fn websocket_prefixes() -> Vec<Case> {
    const KUBERNETES: &str = "base64url.bearer.authorization.k8s.io.";
    let dotted = looking_at([Source::websocket_prefix("bearer.")]);
    let encoded = looking_at([Source::websocket_base64url(KUBERNETES)]);
    let good = token().build();
    let inner = base64url(&good);
    let protocol = |value: String| get().with("Sec-WebSocket-Protocol", value);
    vec![
        case(
            "one WebSocket protocol with a prefix and the token",
            dotted.clone(),
            [
                protocol(format!("chat, bearer.{good}")),
                protocol(format!("bearer.{good},chat")),
                protocol(format!("chat ,\tbearer.{good} ,chat2")),
                protocol("chat".into()).with("Sec-WebSocket-Protocol", format!("bearer.{good}")),
            ],
            from("websocket"),
        ),
        case(
            "two WebSocket protocols with the prefix",
            dotted.clone(),
            [
                protocol(format!("bearer.{good}, bearer.{good}")),
                protocol(format!("bearer.{good}, bearer.")),
                protocol(format!("bearer.{good}"))
                    .with("Sec-WebSocket-Protocol", format!("bearer.{good}")),
            ],
            two_credentials(),
        ),
        case(
            "a WebSocket protocol with the prefix alone, or without a token",
            dotted.clone(),
            [
                protocol("bearer.".into()),
                protocol("chat, bearer., x".into()),
                protocol(format!("bearer.{good} x")),
                protocol("bearer.\"x\"".into()),
            ],
            malformed_credential(),
        ),
        case(
            "no WebSocket protocol with exactly the prefix",
            dotted.clone(),
            [
                protocol(format!("Bearer.{good}")),
                protocol(format!("bearer, {good}")),
                protocol(format!("xbearer.{good}")),
                get(),
            ],
            no_credential(),
        ),
        case(
            "a WebSocket protocol with an expired token",
            dotted,
            protocol(format!("bearer.{}", token().expires_in(-3600).build())),
            expired(),
        ),
        case(
            "a WebSocket protocol with the prefix and the token in base64url",
            encoded.clone(),
            [
                protocol(format!("v4.channel.k8s.io, {KUBERNETES}{inner}")),
                protocol(format!("{KUBERNETES}{inner} , v4.channel.k8s.io")),
            ],
            from("websocket"),
        ),
        case(
            "a WebSocket protocol with the prefix and no token in base64url",
            encoded.clone(),
            [
                protocol(KUBERNETES.into()),
                protocol(format!("{KUBERNETES}{good}")),
                protocol(format!("{KUBERNETES}{inner}=")),
                protocol(format!("{KUBERNETES}{inner}.")),
                protocol(format!("{KUBERNETES}{}", base64url("a b"))),
                protocol(format!("{KUBERNETES}{}", base64url([0xff, 0]))),
                protocol(format!(
                    "{KUBERNETES}{}",
                    base64url(format!("Bearer {good}"))
                )),
                protocol(format!("{KUBERNETES}Zh")),
            ],
            malformed_credential(),
        ),
        case(
            "a WebSocket protocol with a token in base64url that is too large",
            encoded.clone(),
            protocol(format!("{KUBERNETES}{}", base64url("a".repeat(8193)))),
            too_large(),
        ),
        case(
            "two WebSocket protocols with the prefix and base64url",
            encoded,
            protocol(format!("{KUBERNETES}{inner}, {KUBERNETES}{inner}")),
            two_credentials(),
        ),
        case(
            "two prefixes of WebSocket protocols",
            looking_at([
                Source::bearer(),
                Source::websocket_prefix("bearer."),
                Source::websocket_base64url(KUBERNETES),
            ]),
            protocol(format!("bearer.{good}, {KUBERNETES}{inner}")),
            two_credentials(),
        ),
        case(
            "one of two prefixes of WebSocket protocols",
            looking_at([
                Source::bearer(),
                Source::websocket_prefix("bearer."),
                Source::websocket_base64url(KUBERNETES),
            ]),
            [
                protocol(format!("bearer.{good}")),
                protocol(format!("chat, {KUBERNETES}{inner}")),
            ],
            from("websocket"),
        ),
    ]
}

fn other_places() -> Vec<Case> {
    let field = looking_at([Source::header("X-Access-Token")]);
    let query = looking_at([Source::dangerous_query_parameter("access_token")]);
    let socket = looking_at([Source::websocket_protocol("bearer")]);
    let good = token().build();
    let custom = |value: &str| get().with("x-access-token", value);
    let protocol = |value: String| get().with("Sec-WebSocket-Protocol", value);
    let target = |query: String| Request::new("GET", &format!("/resource?{query}"));
    let malformed = |gate: &Gate, name: &str, requests: Vec<Request>| -> Case {
        let expect: Refused = malformed_credential();
        case(name, gate.clone(), requests, expect)
    };
    vec![
        case(
            "a custom field",
            field.clone(),
            custom(&good),
            from("header"),
        ),
        malformed(
            &field,
            "a custom field contains the bare token",
            vec![
                custom(&format!("Bearer {good}")),
                custom(""),
                custom("a, b"),
            ],
        ),
        case(
            "a custom field twice",
            field,
            custom(&good).with("X-Access-Token", &good),
            two_credentials(),
        ),
        case(
            "`Sec-WebSocket-Protocol`",
            socket.clone(),
            [
                protocol(format!("bearer, {good}")),
                protocol(format!("chat,bearer,{good},chat2")),
                protocol("bearer".into()).with("Sec-WebSocket-Protocol", &good),
            ],
            from("websocket"),
        ),
        malformed(
            &socket,
            "the WebSocket marker without a token",
            vec![
                protocol("bearer".into()),
                protocol("chat, bearer".into()),
                protocol("bearer,".into()),
            ],
        ),
        case(
            "the WebSocket marker twice",
            socket.clone(),
            protocol(format!("bearer, {good}, bearer, {good}")),
            two_credentials(),
        ),
        case(
            "a WebSocket protocol without the exact marker",
            socket,
            [
                protocol(good.clone()),
                protocol(format!("chat, {good}")),
                protocol(format!("Bearer, {good}")),
            ],
            no_credential(),
        ),
        case(
            "a query parameter",
            query.clone(),
            [
                target(format!("access_token={good}")),
                target(format!("a=1&access_token={good}&b=2")),
            ],
            from("query"),
        ),
        case(
            "a query parameter twice",
            query.clone(),
            [
                target(format!("access_token={good}&access_token={good}")),
                target(format!("access_token=&access_token={good}")),
            ],
            two_credentials(),
        ),
        malformed(
            &query,
            "a query parameter with anything but a token",
            vec![
                target("access_token=".into()),
                target("access_token".into()),
                target(format!("access_token={}", good.replacen('.', "%2E", 1))),
            ],
        ),
        case(
            "the name of a query parameter is exact",
            query.clone(),
            [
                target(format!("Access_Token={good}")),
                target(format!("xaccess_token={good}")),
                target(format!("access_token2={good}")),
            ],
            no_credential(),
        ),
        case(
            "a query without the parameter, and no query",
            query,
            [target("a=1".into()), get()],
            no_credential(),
        ),
        case(
            "a query parameter is not read unless configured",
            usual_gate(),
            target(format!("access_token={good}")),
            no_credential(),
        ),
    ]
}
