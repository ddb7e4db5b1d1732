//! Where the credential sits (RFC 6750 section 2, RFC 9110 section 11, RFC 6265 section 4.2).

use tollgate_core::{Gate, Source};

use super::case::{Case, Request, bearer, case, get};
use super::expect::{
    Refused, Seen, expired, malformed_credential, malformed_token, no_credential, seen, two_credentials,
};
use super::fixtures::{gate, token, usual, usual_gate};

const COOKIE: &str = "__Host-access";

fn looking_at(sources: impl IntoIterator<Item = Source>) -> Gate {
    gate(usual(), |gate| {
        sources.into_iter().fold(gate, tollgate_core::GateBuilder::source)
    })
}

fn strictly(sources: impl IntoIterator<Item = Source>) -> Gate {
    gate(usual(), |gate| {
        sources
            .into_iter()
            .fold(gate, tollgate_core::GateBuilder::source)
            .strict_sources()
    })
}

fn optional() -> Gate {
    gate(usual(), tollgate_core::GateBuilder::optional)
}

fn cookie(value: &str) -> Request {
    get().with("Cookie", format!("{COOKIE}={value}"))
}

fn from(source: &str) -> Seen {
    seen().but("source", source)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = authorization();
    cases.extend(cookies());
    cases.extend(several());
    cases.extend(other_places());
    cases
}

fn authorization() -> Vec<Case> {
    let usual = usual_gate();
    let good = token().build();
    let authorization = |value: &str| get().with("Authorization", value);
    let each =
        |values: &[&str]| -> Vec<Request> { values.iter().map(|value| authorization(value)).collect() };
    let around = |before: &str, after: &str| authorization(&format!("{before}{good}{after}"));
    vec![
        case("`Authorization: Bearer`", usual.clone(), bearer(&good), seen()),
        case(
            "the scheme is read in any case",
            usual.clone(),
            [
                around("bearer ", ""),
                around("BEARER ", ""),
                around("bEaReR ", ""),
            ],
            seen(),
        ),
        case(
            "several spaces follow the scheme",
            usual.clone(),
            around("Bearer   ", ""),
            seen(),
        ),
        case(
            "the name of the field is read in any case",
            usual.clone(),
            get().with("AUTHORIZATION", format!("Bearer {good}")),
            seen(),
        ),
        case("no credential", usual.clone(), get(), no_credential()),
        case(
            "another scheme is no credential",
            usual.clone(),
            each(&[
                "Basic dXNlcjpwYXNz",
                "DPoP a.b.c",
                "Negotiate YII=",
                "Bearers a.b.c",
                "Bear a.b.c",
            ]),
            no_credential(),
        ),
        case(
            "a scheme without a token",
            usual.clone(),
            each(&["Bearer", "bearer"]),
            malformed_credential(),
        ),
        case(
            "what is not one b64token is malformed",
            usual.clone(),
            each(&[
                "Bearer a b",
                "Bearer a,b",
                "Bearer \"a.b.c\"",
                "Bearer <a.b.c>",
                "Bearer a.b.c;",
                "Bearer a=b.c",
                "Bearer {\"payload\":\"e30\"}",
                "Bearer =",
                "Bearer token=a.b.c",
                "Bearer a.b.c%00",
                "Bearer a.b.c\\n",
            ]),
            malformed_credential(),
        ),
        case(
            "a comma does not hide a second token",
            usual.clone(),
            around("Bearer a.b.c, Bearer ", ""),
            malformed_credential(),
        ),
        case(
            "octets that are not ASCII are malformed",
            usual.clone(),
            [
                get().with("Authorization", b"Bearer \xFF\xFE"),
                get().with("Authorization", "Bearer ä.b.c"),
                get().with(
                    "Authorization",
                    [format!("Bearer {good}").as_bytes(), b"\xA0"].concat(),
                ),
            ],
            malformed_credential(),
        ),
        case(
            "nothing but spaces stands between scheme and token (RFC 9110 section 11.4)",
            usual.clone(),
            [
                around("Bearer\t", ""),
                around("Bearer \t", ""),
                around("Bearer:", ""),
                around("Bearer\u{a0}", ""),
            ],
            malformed_credential(),
        ),
        case(
            "optional: a scheme that is none is malformed, not absent",
            optional(),
            [around("Bearer\t", ""), around("Bearer:", "")],
            malformed_credential(),
        ),
        case(
            "two `Authorization` fields",
            usual.clone(),
            [
                bearer(&good).with("Authorization", format!("Bearer {good}")),
                bearer(&good).with("Authorization", "Basic dXNlcjpwYXNz"),
                get()
                    .with("Authorization", "Basic dXNlcjpwYXNz")
                    .with("Authorization", format!("Bearer {good}")),
                bearer(&good).with("authorization", ""),
            ],
            two_credentials(),
        ),
        case(
            "a b64token that no JWT can be",
            usual.clone(),
            each(&[
                "Bearer a~b.c.d",
                "Bearer a+b/c.d.e",
                "Bearer a.b.c=",
                "Bearer a.b.c==",
                "Bearer opaque-token",
            ]),
            malformed_token(),
        ),
        case(
            "a credential in a field that is not looked at",
            usual,
            get()
                .with("X-Access-Token", &good)
                .with("Proxy-Authorization", format!("Bearer {good}")),
            no_credential(),
        ),
    ]
}

fn cookies() -> Vec<Case> {
    let cookies = looking_at([Source::cookie(COOKIE)]);
    let good = token().build();
    let line = |value: String| get().with("Cookie", value);
    vec![
        case("a cookie", cookies.clone(), cookie(&good), from("cookie")),
        case(
            "a cookie among others, and over several lines",
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
                line(format!("x{COOKIE}={good}; {COOKIE}2={good}; {COOKIE}.={good}")),
                line(format!("a={COOKIE}={good}")),
            ],
            no_credential(),
        ),
        case(
            "a cookie is not looked at unless it is named",
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
            [cookie(""), line(COOKIE.into()), line(format!("{COOKIE}; a=1"))],
            malformed_credential(),
        ),
        case(
            "a cookie with anything but a token in it",
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
            "`Authorization` is not looked at where only a cookie is",
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
            "the header wins over a cookie",
            looking_at(both()),
            [
                bearer(&good).with("Cookie", format!("{COOKIE}={other}")),
                bearer(&good).with("Cookie", format!("{COOKIE}={old}")),
                bearer(&good).with("Cookie", format!("{COOKIE}=not a token")),
            ],
            from("bearer"),
        ),
        case(
            "the cookie is used where there is no header",
            looking_at(both()),
            cookie(&good),
            from("cookie"),
        ),
        case(
            "the order of the list decides",
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
            "strict: one credential is fine",
            strictly(both()),
            cookie(&good).with("Cookie", "a=1"),
            from("cookie"),
        ),
        case(
            "strict: another scheme beside a cookie is no second token",
            strictly(both()),
            cookie(&good).with("Authorization", "Basic dXNlcjpwYXNz"),
            from("cookie"),
        ),
        case(
            "an expired header does not fall back to a good cookie",
            looking_at(both()),
            bearer(&old).with("Cookie", format!("{COOKIE}={good}")),
            expired(),
        ),
        case(
            "a malformed header does not fall back to a good cookie",
            looking_at(both()),
            cookie(&good).with("Authorization", "Bearer \"\""),
            malformed_credential(),
        ),
        case(
            "two methods at once",
            looking_at([
                Source::bearer(),
                Source::header("X-Access-Token"),
                Source::dangerous_query_parameter("access_token"),
            ]),
            [
                bearer(&good).with("X-Access-Token", &good),
                Request::new("GET", &format!("/resource?access_token={good}"))
                    .with("Authorization", format!("Bearer {good}")),
                Request::new("GET", &format!("/resource?access_token={good}")).with("X-Access-Token", &good),
            ],
            two_credentials(),
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
            "a field of the service's own",
            field.clone(),
            custom(&good),
            from("header"),
        ),
        malformed(
            &field,
            "a field of the service's own holds the bare token",
            vec![custom(&format!("Bearer {good}")), custom(""), custom("a, b")],
        ),
        case(
            "a field of the service's own twice",
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
            "a query parameter with anything but a token in it",
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
            "a query without the parameter, and none",
            query,
            [target("a=1".into()), get()],
            no_credential(),
        ),
        case(
            "a query parameter is not looked at unless it is named",
            usual_gate(),
            target(format!("access_token={good}")),
            no_credential(),
        ),
    ]
}

/// Octets that a field value cannot have.
pub(super) fn raw_cases() -> Vec<Case> {
    let usual = looking_at([
        Source::bearer(),
        Source::cookie(COOKIE),
        Source::header("X-Access-Token"),
    ]);
    let good = token().build();
    let around = |before: &str, after: &str| get().with("Authorization", format!("{before}{good}{after}"));
    let control: Vec<Request> = (0..=0x1F_u8)
        .chain([0x7F])
        .filter(|byte| *byte != b'\t')
        .map(|byte| get().with("Authorization", [b"Bearer a.b", &[byte][..], b".c"].concat()))
        .collect();
    vec![
        case(
            "control characters in a credential",
            usual.clone(),
            control,
            malformed_credential(),
        ),
        case(
            "line breaks around a credential",
            usual.clone(),
            [
                around("Bearer ", "\r\n"),
                around("Bearer ", "\n"),
                around("Bearer \n", ""),
                around("Bearer ", "\r\nX-Admin: 1"),
                around("Bearer ", "\0"),
                around("Bearer ", "\x0C"),
            ],
            malformed_credential(),
        ),
        case(
            "line breaks around a cookie's value and a field's",
            usual,
            [
                get().with("Cookie", format!("{COOKIE}={good}\r\n")),
                get().with("X-Access-Token", format!("\r\n{good}")),
            ],
            malformed_credential(),
        ),
    ]
}
