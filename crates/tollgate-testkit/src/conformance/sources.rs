//! The location of the credential (RFC 6750 section 2, RFC 9110 section 11, RFC 6265 section 4.2).

use tollgate_core::{Gate, Source};

use super::case::{Case, Request, bearer, case, get};
use super::expect::{
    Seen, malformed_credential, malformed_token, no_credential, seen, two_credentials,
};
use super::fixtures::{gate, token, usual, usual_gate};

pub(super) const COOKIE: &str = "__Host-access";

pub(super) fn looking_at(sources: impl IntoIterator<Item = Source>) -> Gate {
    gate(usual(), |gate| {
        sources
            .into_iter()
            .fold(gate, tollgate_core::GateBuilder::source)
    })
}

pub(super) fn strictly(sources: impl IntoIterator<Item = Source>) -> Gate {
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

pub(super) fn cookie(value: &str) -> Request {
    get().with("Cookie", format!("{COOKIE}={value}"))
}

pub(super) fn from(source: &str) -> Seen {
    seen().but("source", source)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = authorization();
    cases.extend(super::places::cases());
    cases
}

fn authorization() -> Vec<Case> {
    let usual = usual_gate();
    let good = token().build();
    let authorization = |value: &str| get().with("Authorization", value);
    let each = |values: &[&str]| -> Vec<Request> {
        values.iter().map(|value| authorization(value)).collect()
    };
    let around = |before: &str, after: &str| authorization(&format!("{before}{good}{after}"));
    vec![
        case(
            "`Authorization: Bearer`",
            usual.clone(),
            bearer(&good),
            seen(),
        ),
        case(
            "the scheme is case-insensitive",
            usual.clone(),
            [
                around("bearer ", ""),
                around("BEARER ", ""),
                around("bEaReR ", ""),
            ],
            seen(),
        ),
        case(
            "several spaces after the scheme",
            usual.clone(),
            around("Bearer   ", ""),
            seen(),
        ),
        case(
            "the field name is case-insensitive",
            usual.clone(),
            get().with("AUTHORIZATION", format!("Bearer {good}")),
            seen(),
        ),
        case("no credential", usual.clone(), get(), no_credential()),
        case(
            "another scheme is not a credential",
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
            "anything but one b64token is malformed",
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
            "non-ASCII octets are malformed",
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
            "only spaces separate scheme and token (RFC 9110 section 11.4)",
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
            "optional: an invalid scheme is malformed, not absent",
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
            "a b64token that cannot be a JWT",
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
            "a credential in a field that is not read",
            usual,
            get()
                .with("X-Access-Token", &good)
                .with("Proxy-Authorization", format!("Bearer {good}")),
            no_credential(),
        ),
    ]
}

/// Creates cases with bytes that are invalid in a field value.
pub(super) fn raw_cases() -> Vec<Case> {
    let usual = looking_at([
        Source::bearer(),
        Source::cookie(COOKIE),
        Source::header("X-Access-Token"),
    ]);
    let good = token().build();
    let around =
        |before: &str, after: &str| get().with("Authorization", format!("{before}{good}{after}"));
    let control: Vec<Request> = (0..=0x1F_u8)
        .chain([0x7F])
        .filter(|byte| *byte != b'\t')
        .map(|byte| {
            get().with(
                "Authorization",
                [b"Bearer a.b", &[byte][..], b".c"].concat(),
            )
        })
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
            "line breaks around values of a cookie and a custom field",
            usual,
            [
                get().with("Cookie", format!("{COOKIE}={good}\r\n")),
                get().with("X-Access-Token", format!("\r\n{good}")),
            ],
            malformed_credential(),
        ),
    ]
}
