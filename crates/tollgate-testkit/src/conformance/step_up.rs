//! Routes that require a recent login (RFC 9470).

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::Policy;
use tollgate_core::policy::{max_authentication_age, not, role, scope};

use super::case::{Case, Request, bearer, case, post};
use super::expect::{authentication_too_old, expired, insufficient, seen};
use super::fixtures::{START, claiming_each, gate, token, usual, usual_gate};

fn age(seconds: u64) -> Policy {
    max_authentication_age(Duration::from_secs(seconds))
}

fn at(auth_time: impl Into<Value>) -> Request {
    bearer(token().claim("auth_time", auth_time.into()).build())
}

pub(super) fn cases() -> Vec<Case> {
    let fresh = || {
        gate(usual(), |gate| {
            gate.max_authentication_age(Duration::from_secs(300))
        })
    };
    let old = || at(START - 3600);
    let too_old = || authentication_too_old("300");
    let strict = |name: &str, requests: Vec<Request>| {
        case(name, usual_gate(), requests, too_old()).policy(age(300))
    };
    vec![
        case(
            "a recent login, to the second",
            usual_gate(),
            [at(START), at(START - 299), at(START - 300)],
            seen(),
        )
        .policy(age(300)),
        strict(
            "an old login",
            vec![at(START - 301), at(START - 310), old(), at(0)],
        ),
        strict("no time of login", vec![bearer(token().build())]),
        strict(
            "a time of login that is not a date",
            [
                json!(null),
                json!("1700000000"),
                json!(true),
                json!([START]),
                json!({ "at": START }),
                json!(-1),
            ]
            .map(at)
            .to_vec(),
        ),
        strict(
            "a time of login outside the range of dates",
            claiming_each([
                r#""auth_time":1e400"#,
                r#""auth_time":9223372036854775808"#,
                r#""auth_time":-0"#,
            ])
            .into_iter()
            .map(bearer)
            .collect(),
        ),
        strict(
            "a login in the future is not accepted",
            vec![
                at(START + 11),
                at(START + 10_000),
                at(9_223_372_036_854_775_807_u64),
            ],
        ),
        case(
            "a login in the future, within the leeway",
            usual_gate(),
            at(START + 10),
            seen(),
        )
        .policy(age(300)),
        case(
            "a fraction of a second",
            usual_gate(),
            claiming_each([r#""auth_time":1699999700.5"#, r#""auth_time":1.70000001e9"#])
                .into_iter()
                .map(bearer)
                .collect::<Vec<_>>(),
            seen(),
        )
        .policy(age(300)),
        case(
            "a policy of the gate",
            fresh(),
            [at(START), at(START - 300)],
            seen(),
        ),
        case(
            "a policy of the gate, and an old login",
            fresh(),
            old(),
            too_old(),
        ),
        case(
            "the realm is in the challenge",
            gate(usual(), |gate| {
                gate.realm("pay")
                    .max_authentication_age(Duration::from_secs(300))
            }),
            old(),
            too_old().realm("pay"),
        ),
        case(
            "over gRPC",
            gate(usual(), |gate| {
                gate.grpc_answers()
                    .max_authentication_age(Duration::from_secs(300))
            }),
            post()
                .with("Content-Type", "application/grpc")
                .with("Authorization", format!("Bearer {}", token().build())),
            too_old().grpc("16"),
        ),
        case(
            "the token is verified first",
            fresh(),
            bearer(
                token()
                    .claim("auth_time", START - 3600)
                    .expires_in(-60)
                    .build(),
            ),
            expired(),
        ),
        case(
            "with a scope: only a recent login is missing",
            usual_gate(),
            bearer(
                token()
                    .scope("pay")
                    .claim("auth_time", START - 3600)
                    .build(),
            ),
            too_old(),
        )
        .policy(scope("pay") & age(300)),
        case(
            "with a scope: only the scope is missing",
            usual_gate(),
            at(START),
            insufficient(Some("pay")),
        )
        .policy(scope("pay") & age(300)),
        case(
            "with a scope: both are missing, so a new login does not suffice",
            usual_gate(),
            old(),
            insufficient(None),
        )
        .policy(scope("pay") & age(300)),
        case(
            "or a role: a new login suffices",
            usual_gate(),
            old(),
            too_old(),
        )
        .policy(role("root") | age(300)),
        case(
            "of two required ages, the shorter is in the challenge",
            usual_gate(),
            old(),
            authentication_too_old("60"),
        )
        .policy(age(60) & age(300)),
        case(
            "of two alternative ages, the longer is in the challenge",
            usual_gate(),
            old(),
            too_old(),
        )
        .policy(age(60) | age(300)),
        case(
            "not: no challenge requests an old login",
            usual_gate(),
            at(START),
            insufficient(None),
        )
        .policy(not(age(300))),
    ]
}
