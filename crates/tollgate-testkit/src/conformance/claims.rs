//! The claims other than the times (RFC 7519 section 4.1).

use serde_json::json;
use tollgate_core::VerifierBuilder;

use super::case::{Case, bearer, bearers, case};
use super::expect::{malformed_claims, missing_claim, seen, untrusted_issuer, wrong_audience};
use super::fixtures::{claiming, claiming_each, plain, token, usual, usual_gate};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::Mint;
use tollgate_core::{Algorithm, Verifier};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = issuer_and_audience();
    cases.extend(others());
    cases
}

/// Returns every JSON type except a string and `null` as the value of `name`.
fn not_strings(name: &str) -> Vec<String> {
    claiming_each(
        [
            "1",
            "0",
            "1.5",
            "true",
            "false",
            "{}",
            "[]",
            "[\"u-7\"]",
            "{\"a\":\"b\"}",
        ]
        .map(|value| format!("\"{name}\":{value}")),
    )
}

/// Creates a verifier that accepts any issuer and audience.
fn anybody() -> VerifierBuilder {
    Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(keys::verifying(Algorithm::HS256))
        .clock(FakeClock::new())
}

fn issuer_and_audience() -> Vec<Case> {
    let gate = usual_gate();
    let two = || plain(usual().audience("billing-api"));
    let issued = |issuer: &str| token().claim("iss", issuer).build();
    vec![
        case(
            "another issuer",
            gate.clone(),
            bearers(
                [
                    "https://evil.example",
                    "https://id.example.com/",
                    "https://ID.example.com",
                    "http://id.example.com",
                    "https://id.example.com.evil.example",
                    "https://id.example.com\0",
                    " https://id.example.com",
                    "",
                ]
                .map(issued),
            ),
            untrusted_issuer(),
        ),
        case(
            "no issuer",
            gate.clone(),
            bearer(token().without_claim("iss").build()),
            missing_claim(),
        ),
        case(
            "an issuer that is not a string",
            gate.clone(),
            bearers(
                not_strings("iss")
                    .into_iter()
                    .chain([claiming(r#""iss":["https://id.example.com"]"#)]),
            ),
            malformed_claims(),
        ),
        case(
            "any issuer, where configured",
            plain(anybody()),
            bearer(issued("https://x.example")),
            seen().but("issuer", "https://x.example"),
        ),
        case(
            "no issuer, where configured",
            plain(anybody()),
            bearer(token().without_claim("iss").without_claim("aud").build()),
            seen().but("issuer", "-").but("audiences", "-"),
        ),
        case(
            "an unchecked claim must still be well-formed",
            plain(anybody()),
            bearers(not_strings("iss").into_iter().chain(claiming_each([
                r#""aud":1"#,
                r#""aud":[1]"#,
                r#""aud":[null]"#,
            ]))),
            malformed_claims(),
        ),
        case(
            "null is absent: nothing is required",
            plain(anybody()),
            bearer(claiming(r#""iss":null,"aud":null"#)),
            seen().but("issuer", "-").but("audiences", "-"),
        ),
        case(
            "null is absent: a required issuer",
            gate.clone(),
            bearer(claiming(r#""iss":null"#)),
            missing_claim(),
        ),
        case(
            "null is absent: a required audience",
            gate.clone(),
            bearer(claiming(r#""aud":null"#)),
            missing_claim(),
        ),
        case(
            "one of several audiences",
            gate.clone(),
            bearer(token().claim("aud", ["billing-api", "orders-api"]).build()),
            seen().but("audiences", "billing-api orders-api"),
        ),
        case(
            "an audience in an array of one",
            gate.clone(),
            bearer(token().claim("aud", ["orders-api"]).build()),
            seen(),
        ),
        case(
            "another audience",
            gate.clone(),
            bearers(
                [
                    json!("billing-api"),
                    json!(["billing-api", "x"]),
                    json!("orders-api "),
                    json!("Orders-API"),
                    json!("orders-api,billing-api"),
                    json!("orders"),
                    json!("orders-api/x"),
                    json!(["orders-api billing-api"]),
                    json!(""),
                    json!([""]),
                ]
                .map(|aud| token().claim("aud", aud).build()),
            ),
            wrong_audience(),
        ),
        case(
            "no audience",
            gate.clone(),
            bearer(token().without_claim("aud").build()),
            missing_claim(),
        ),
        case(
            "an empty list of audiences",
            gate.clone(),
            bearer(token().claim("aud", json!([])).build()),
            missing_claim(),
        ),
        case(
            "an audience that is neither a string nor an array of strings",
            gate,
            bearers(claiming_each([
                r#""aud":1"#,
                r#""aud":true"#,
                r#""aud":{}"#,
                r#""aud":{"orders-api":1}"#,
                r#""aud":["orders-api",1]"#,
                r#""aud":[null,"orders-api"]"#,
                r#""aud":["orders-api",["orders-api"]]"#,
                r#""aud":[["orders-api"]]"#,
            ])),
            malformed_claims(),
        ),
        case(
            "any of the configured audiences",
            two(),
            bearer(token().claim("aud", "billing-api").build()),
            seen().but("audiences", "billing-api"),
        ),
        case(
            "any audience, where configured",
            plain(
                Verifier::builder()
                    .issuer(Mint::ISSUER)
                    .dangerous_any_audience()
                    .key(keys::verifying(Algorithm::HS256))
                    .clock(FakeClock::new()),
            ),
            bearer(token().claim("aud", "x").build()),
            seen().but("audiences", "x"),
        ),
    ]
}

fn others() -> Vec<Case> {
    let gate = usual_gate();
    let subject = || plain(usual().require_subject());
    let tenant = || plain(usual().require_claim("tenant"));
    let nested = || plain(usual().require_claim("org.id"));
    vec![
        case(
            "no subject, where none is required",
            gate.clone(),
            bearer(token().without_claim("sub").build()),
            seen().but("subject", "-"),
        ),
        case(
            "no subject, where one is required",
            subject(),
            bearer(token().without_claim("sub").build()),
            missing_claim(),
        ),
        case(
            "a subject, where one is required",
            subject(),
            bearer(token().build()),
            seen(),
        ),
        case(
            "a subject that is not a string",
            gate.clone(),
            bearers(not_strings("sub")),
            malformed_claims(),
        ),
        case(
            "`jti` and `client_id`",
            gate.clone(),
            bearer(
                token()
                    .claim("jti", "t-1")
                    .claim("client_id", "shop")
                    .build(),
            ),
            seen().but("id", "t-1").but("client", "shop"),
        ),
        case(
            "null is absent: `sub`",
            gate.clone(),
            bearer(claiming(r#""sub":null"#)),
            seen().but("subject", "-"),
        ),
        case(
            "null is absent: `jti`, `sid`, `client_id`, `nbf`, `iat` and scopes",
            gate.clone(),
            bearer(claiming(
                r#""jti":null,"sid":null,"client_id":null,"nbf":null,"iat":null,"scope":null,"scp":null"#,
            )),
            seen().but("issued", "-"),
        ),
        case(
            "null is absent: a required subject",
            subject(),
            bearers([
                claiming(r#""sub":null"#),
                claiming(r#""sub":"","common_name":"x.access""#),
            ]),
            missing_claim(),
        ),
        case(
            "an empty subject, where none is required",
            gate.clone(),
            bearer(token().subject("").build()),
            seen().but("subject", "-"),
        ),
        case(
            "a number as the subject, where configured",
            plain(usual().require_subject().allow_numeric_subject()),
            bearer(claiming(r#""sub":42"#)),
            seen().but("subject", "42"),
        ),
        case(
            "another type as the subject, where numbers are configured",
            plain(usual().allow_numeric_subject()),
            bearers(claiming_each(
                ["1.5", "4e1", "true", "{}", "[]", "[42]"].map(|sub| format!(r#""sub":{sub}"#)),
            )),
            malformed_claims(),
        ),
        case(
            "a `jti`, `sid` or `client_id` that is not a string and that nothing reads",
            gate.clone(),
            bearers(
                ["jti", "sid", "client_id"]
                    .into_iter()
                    .flat_map(not_strings),
            ),
            seen(),
        ),
        case(
            "a `client_id` that is not a string and that a rule reads",
            plain(usual().require_claim("client_id")),
            bearers(not_strings("client_id")),
            malformed_claims(),
        ),
        case(
            "a required custom claim",
            tenant(),
            bearers(
                [json!("acme"), json!(0), json!(false), json!({}), json!([])]
                    .map(|tenant| token().claim("tenant", tenant).build()),
            ),
            seen(),
        ),
        case(
            "a required claim that is absent",
            tenant(),
            bearers([
                token().build(),
                token().claim("Tenant", "acme").build(),
                token().claim("org", json!({"tenant": "acme"})).build(),
            ]),
            missing_claim(),
        ),
        case(
            "a required claim that is null",
            tenant(),
            bearer(token().claim("tenant", json!(null)).build()),
            missing_claim(),
        ),
        case(
            "a required nested claim",
            nested(),
            bearer(token().claim("org", json!({"id": 7})).build()),
            seen(),
        ),
        case(
            "a required nested claim that is absent",
            nested(),
            bearers(
                [
                    json!({}),
                    json!({"ID": 7}),
                    json!({"id": null}),
                    json!(null),
                ]
                .map(|org| token().claim("org", org).build()),
            ),
            missing_claim(),
        ),
        case(
            "other claims may have any type",
            gate,
            bearer(
                token()
                    .claim("exp2", "x")
                    .claim("a", json!({"exp": "x"}))
                    .claim("", json!(null))
                    .claim("nonce", 1)
                    .build(),
            ),
            seen(),
        ),
    ]
}
