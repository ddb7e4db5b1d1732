//! `exp`, `nbf` and `iat` (RFC 7519 sections 2 and 4.1.4 to 4.1.6), to the second. The time is 1
//! 700 000 000.

use std::time::Duration;

use tollgate_core::{Gate, VerifierBuilder};

use super::case::{Case, bearer, bearers, case};
use super::expect::{Seen, expired, invalid, malformed_claims, missing_claim, not_yet_valid, seen};
use super::fixtures::{claiming, claiming_each, plain, token, usual, usual_gate};
use tollgate_core::RejectionKind as Kind;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = boundaries();
    cases.extend(numbers());
    cases.extend(ages());
    cases
}

/// Creates an accepted case for claims in their exact spelling.
fn accepted(name: &str, gate: Gate, members: &str, seen: Seen) -> Case {
    case(name, gate, bearer(claiming(members)), seen)
}

fn with(configure: impl FnOnce(VerifierBuilder) -> VerifierBuilder) -> Gate {
    plain(configure(usual()))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn boundaries() -> Vec<Case> {
    let gate = usual_gate();
    let exact = || with(|rules| rules.leeway(Duration::ZERO));
    let minute = || with(|rules| rules.leeway(seconds(60)));
    let shown = |fact: &str, value: &str| seen().but(fact, value);
    vec![
        accepted(
            "`exp` nine seconds ago is within the leeway",
            gate.clone(),
            r#""exp":1699999991"#,
            shown("expires", "1699999991"),
        ),
        case(
            "`exp` ten seconds ago",
            gate.clone(),
            bearers(claiming_each([
                r#""exp":1699999990"#,
                r#""exp":1699999989"#,
                r#""exp":1"#,
                r#""exp":0"#,
            ])),
            expired(),
        ),
        accepted(
            "without leeway: `exp` is in one second",
            exact(),
            r#""exp":1700000001"#,
            shown("expires", "1700000001"),
        ),
        case(
            "without leeway: `exp` is now, which is expired",
            exact(),
            bearer(claiming(r#""exp":1700000000"#)),
            expired(),
        ),
        accepted(
            "another leeway: `exp` 59 seconds ago",
            minute(),
            r#""exp":1699999941"#,
            shown("expires", "1699999941"),
        ),
        case(
            "another leeway: `exp` 60 seconds ago",
            minute(),
            bearer(claiming(r#""exp":1699999940"#)),
            expired(),
        ),
        case(
            "no `exp`",
            gate.clone(),
            bearers([
                token().without_claim("exp").build(),
                claiming(r#""exp":null"#),
            ]),
            missing_claim(),
        ),
        case(
            "no `exp`, where configured",
            with(VerifierBuilder::dangerous_allow_missing_exp),
            bearers([
                token().without_claim("exp").build(),
                claiming(r#""exp":null"#),
            ]),
            seen().but("expires", "-"),
        ),
        case(
            "an expired `exp`, where it is optional",
            with(VerifierBuilder::dangerous_allow_missing_exp),
            bearer(token().expires_in(-10).build()),
            expired(),
        ),
        accepted(
            "`nbf` in ten seconds is within the leeway",
            gate.clone(),
            r#""nbf":1700000010"#,
            shown("not before", "1700000010"),
        ),
        case(
            "`nbf` in eleven seconds",
            gate.clone(),
            bearers(claiming_each([
                r#""nbf":1700000011"#,
                r#""nbf":1700000500"#,
                r#""nbf":9223372036854775807"#,
            ])),
            not_yet_valid(),
        ),
        accepted(
            "without leeway: `nbf` is now",
            exact(),
            r#""nbf":1700000000"#,
            shown("not before", "1700000000"),
        ),
        case(
            "without leeway: `nbf` is in one second",
            exact(),
            bearer(claiming(r#""nbf":1700000001"#)),
            not_yet_valid(),
        ),
        accepted(
            "`iat` in ten seconds is within the leeway",
            gate.clone(),
            r#""iat":1700000010"#,
            shown("issued", "1700000010"),
        ),
        case(
            "`iat` in eleven seconds",
            gate.clone(),
            bearers(claiming_each([
                r#""iat":1700000011"#,
                r#""iat":1700000010.1"#,
            ])),
            not_yet_valid(),
        ),
        case(
            "no `iat`",
            gate,
            bearer(token().without_claim("iat").build()),
            seen().but("issued", "-"),
        ),
    ]
}

fn numbers() -> Vec<Case> {
    let gate = usual_gate();
    let shown = |fact: &str, value: &str| seen().but(fact, value);
    let each = |values: &[&str]| -> Vec<String> {
        ["exp", "nbf", "iat"]
            .into_iter()
            .flat_map(|name| {
                values
                    .iter()
                    .map(move |value| claiming(&format!("\"{name}\":{value}")))
            })
            .collect()
    };
    vec![
        accepted(
            "fractions of a second",
            gate.clone(),
            r#""exp":1700000900.75,"nbf":1699999999.5,"iat":1699999999.25"#,
            seen()
                .but("not before", "1700000000")
                .but("issued", "1699999999"),
        ),
        case(
            "a fraction does not extend `exp`",
            gate.clone(),
            bearers(claiming_each([
                r#""exp":1699999990.5"#,
                r#""exp":1699999990.999"#,
            ])),
            expired(),
        ),
        case(
            "a fraction counts for `nbf`",
            gate.clone(),
            bearers(claiming_each([
                r#""nbf":1700000010.5"#,
                r#""nbf":1700000010.001"#,
            ])),
            not_yet_valid(),
        ),
        accepted(
            "an exponent",
            gate.clone(),
            r#""exp":1.7000009e9,"iat":17e8"#,
            seen(),
        ),
        accepted(
            "a fraction of zero",
            gate.clone(),
            r#""exp":1700000900.000"#,
            seen(),
        ),
        accepted(
            "the largest date of 63 bits",
            gate.clone(),
            r#""exp":9223372036854775807"#,
            shown("expires", "9223372036854775807"),
        ),
        case(
            "numbers outside the range of dates",
            gate.clone(),
            bearers(each(&[
                "9223372036854775808",
                "18446744073709551615",
                "18446744073709551616",
                "99999999999999999999999999",
                "1e19",
                "1e308",
                "1e400",
                "9.3e18",
                "1E+400",
            ])),
            malformed_claims(),
        ),
        case(
            "negative numbers",
            gate.clone(),
            bearers(each(&[
                "-1",
                "-1700000900",
                "-0.5",
                "-9223372036854775808",
                "-9223372036854775809",
                "-1e400",
            ])),
            malformed_claims(),
        ),
        case(
            "strings",
            gate.clone(),
            bearers(each(&[
                "\"1700000900\"",
                "\"\"",
                "\"2023-11-14T22:13:20Z\"",
                "\"never\"",
            ])),
            malformed_claims(),
        ),
        case(
            "every other type",
            gate.clone(),
            bearers(each(&["true", "false", "[1700000900]", "{}", "[]"])),
            malformed_claims(),
        ),
        case(
            "a number that underflows to zero",
            gate,
            bearers(claiming_each([r#""exp":1e-400"#, r#""exp":0.0000001"#])),
            expired(),
        ),
    ]
}

fn ages() -> Vec<Case> {
    let aged = || with(|rules| rules.max_age(seconds(300)));
    let short = || with(|rules| rules.max_lifetime(seconds(600)));
    let shown = |fact: &str, value: &str| seen().but(fact, value);
    vec![
        accepted(
            "maximum age: 310 seconds old is within the leeway",
            aged(),
            r#""iat":1699999690"#,
            shown("issued", "1699999690"),
        ),
        case(
            "maximum age: 311 seconds old",
            aged(),
            bearers(claiming_each([r#""iat":1699999689"#, r#""iat":0"#])),
            invalid(Kind::TooOld),
        ),
        case(
            "maximum age: no `iat`",
            aged(),
            bearer(token().without_claim("iat").build()),
            missing_claim(),
        ),
        accepted(
            "maximum lifetime: exactly reached",
            short(),
            r#""iat":1700000000,"exp":1700000600"#,
            shown("expires", "1700000600"),
        ),
        case(
            "maximum lifetime: exceeded by one second",
            short(),
            bearers(claiming_each([
                r#""exp":1700000601"#,
                r#""exp":1700000600.5"#,
                r#""exp":9223372036854775807"#,
                r#""iat":0"#,
            ])),
            invalid(Kind::LifetimeTooLong),
        ),
        case(
            "maximum lifetime: no `iat`",
            short(),
            bearer(token().without_claim("iat").build()),
            missing_claim(),
        ),
        case(
            "maximum lifetime: no `exp`",
            short(),
            bearer(token().without_claim("exp").build()),
            missing_claim(),
        ),
    ]
}
