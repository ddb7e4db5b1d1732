//! The claims but for the times (RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 8693 section 4.2).

use serde_json::json;
use tollgate_core::{Gate, VerifierBuilder};

use super::case::{Case, bearer, bearers, case};
use super::expect::{
    expired, malformed_claims, malformed_header, missing_claim, seen, untrusted_issuer, wrong_audience,
    wrong_type,
};
use super::fixtures::{claiming, claiming_each, plain, rules, token, usual, usual_gate};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::{Mint, TokenBuilder};
use tollgate_core::{Algorithm, Verifier};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = issuer_and_audience();
    cases.extend(others());
    cases.extend(access_token_profile());
    cases.extend(scopes_and_roles());
    cases
}

/// Every JSON type but a string, in place of `name`.
fn not_strings(name: &str) -> Vec<String> {
    claiming_each(
        [
            "1",
            "0",
            "1.5",
            "true",
            "false",
            "null",
            "{}",
            "[]",
            "[\"u-7\"]",
            "{\"a\":\"b\"}",
        ]
        .map(|value| format!("\"{name}\":{value}")),
    )
}

/// Whoever holds the key is believed, for whatever service.
fn anybody() -> VerifierBuilder {
    Verifier::builder()
        .any_issuer()
        .any_audience()
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
            "an issuer that is no string",
            gate.clone(),
            bearers(
                not_strings("iss")
                    .into_iter()
                    .chain([claiming(r#""iss":["https://id.example.com"]"#)]),
            ),
            malformed_claims(),
        ),
        case(
            "any issuer will do where that is said",
            plain(anybody()),
            bearer(issued("https://x.example")),
            seen().but("issuer", "https://x.example"),
        ),
        case(
            "none will do where that is said",
            plain(anybody()),
            bearer(token().without_claim("iss").without_claim("aud").build()),
            seen().but("issuer", "-").but("audiences", "-"),
        ),
        case(
            "what is not asked for is still not malformed",
            plain(anybody()),
            bearers(not_strings("iss").into_iter().chain(claiming_each([
                r#""aud":1"#,
                r#""aud":[1]"#,
                r#""aud":null"#,
            ]))),
            malformed_claims(),
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
            "an audience that is neither a string nor strings",
            gate,
            bearers(claiming_each([
                r#""aud":1"#,
                r#""aud":null"#,
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
            "any of the audiences that are named",
            two(),
            bearer(token().claim("aud", "billing-api").build()),
            seen().but("audiences", "billing-api"),
        ),
        case(
            "any audience will do where that is said",
            plain(
                Verifier::builder()
                    .issuer(Mint::ISSUER)
                    .any_audience()
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
            "a subject that is no string",
            gate.clone(),
            bearers(not_strings("sub")),
            malformed_claims(),
        ),
        case(
            "`jti` and `client_id`",
            gate.clone(),
            bearer(token().claim("jti", "t-1").claim("client_id", "shop").build()),
            seen().but("id", "t-1").but("client", "shop"),
        ),
        case(
            "a `jti` that is no string",
            gate.clone(),
            bearers(not_strings("jti")),
            malformed_claims(),
        ),
        case(
            "a `client_id` that is no string",
            gate.clone(),
            bearers(not_strings("client_id")),
            malformed_claims(),
        ),
        case(
            "a claim of the issuer's own that is required",
            tenant(),
            bearers(
                [json!("acme"), json!(0), json!(false), json!({}), json!([])]
                    .map(|tenant| token().claim("tenant", tenant).build()),
            ),
            seen(),
        ),
        case(
            "a claim that is required and absent",
            tenant(),
            bearers([
                token().build(),
                token().claim("Tenant", "acme").build(),
                token().claim("org", json!({"tenant": "acme"})).build(),
            ]),
            missing_claim(),
        ),
        case(
            "a claim that is required and null",
            tenant(),
            bearer(token().claim("tenant", json!(null)).build()),
            missing_claim(),
        ),
        case(
            "a claim inside another that is required",
            nested(),
            bearer(token().claim("org", json!({"id": 7})).build()),
            seen(),
        ),
        case(
            "a claim inside another that is required and absent",
            nested(),
            bearers(
                [json!({}), json!("id"), json!(["id"]), json!({"ID": 7})]
                    .map(|org| token().claim("org", org).build()),
            ),
            missing_claim(),
        ),
        case(
            "claims of any other name and type are the user's business",
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

fn access_token_profile() -> Vec<Case> {
    let gate = || plain(usual().access_token_profile());
    let full = || {
        token()
            .typ("at+jwt")
            .claim("client_id", "shop")
            .claim("jti", "t-1")
    };
    let shown = || {
        seen()
            .but("type", "at+jwt")
            .but("client", "shop")
            .but("id", "t-1")
    };
    let without = |name: &str| {
        case(
            &format!("RFC 9068: no `{name}`"),
            gate(),
            bearer(full().without_claim(name).build()),
            missing_claim(),
        )
    };
    let mut cases = vec![
        case(
            "RFC 9068: all that it asks for",
            gate(),
            bearer(full().build()),
            shown(),
        ),
        case(
            "RFC 9068: `typ` with application/ in front",
            gate(),
            bearer(full().typ("application/at+jwt").build()),
            shown().but("type", "application/at+jwt"),
        ),
        case(
            "RFC 9068: another `typ`, or none",
            gate(),
            bearers([
                full().typ("JWT").build(),
                full().without_header("typ").build(),
                full().typ("application/jwt").build(),
                full().typ("id+jwt").build(),
            ]),
            wrong_type(),
        ),
        case(
            "RFC 9068: an ID token is no access token",
            gate(),
            bearer(token().claim("nonce", "n").build()),
            wrong_type(),
        ),
        case(
            "RFC 9068: claims of another type",
            gate(),
            bearers([
                full().claim("client_id", 1).build(),
                full().claim("jti", json!(null)).build(),
                full().claim("sub", 7).build(),
            ]),
            malformed_claims(),
        ),
        case(
            "RFC 9068: a `typ` that is no string",
            gate(),
            bearer(full().header("typ", 1).build()),
            malformed_header(),
        ),
        case(
            "RFC 9068: an expired token",
            gate(),
            bearer(full().expires_in(-10).build()),
            expired(),
        ),
    ];
    cases.extend(["iss", "exp", "aud", "sub", "client_id", "iat", "jti"].map(without));
    cases
}

fn scopes_and_roles() -> Vec<Case> {
    let gate = usual_gate();
    let held = |token: TokenBuilder| bearer(token.build());
    let scopes = |scopes: &str| seen().but("scopes", scopes);
    let roles =
        |paths: &[&str]| -> Gate { plain(paths.iter().fold(usual(), |rules, path| rules.role_claim(*path))) };
    let having = |roles: &str| seen().but("roles", roles);
    vec![
        case(
            "`scope` is a list with spaces",
            gate.clone(),
            held(token().scope("orders:read orders:write")),
            scopes("orders:read orders:write"),
        ),
        case(
            "`scp` is a string or an array",
            gate.clone(),
            [
                held(token().claim("scp", "a b")),
                held(token().claim("scp", ["a", "b"])),
                held(token().claim("scp", ["a b"])),
            ],
            scopes("a b"),
        ),
        case(
            "`scope` and `scp` add up",
            gate.clone(),
            held(token().scope("a").claim("scp", ["b"])),
            scopes("a b"),
        ),
        case(
            "an empty `scope` is none",
            gate.clone(),
            [
                held(token().scope("")),
                held(token().claim("scp", "")),
                held(token().claim("scp", json!([]))),
            ],
            seen(),
        ),
        case(
            "a `scope` that is no string",
            gate.clone(),
            bearers(claiming_each([
                r#""scope":["a"]"#,
                r#""scope":1"#,
                r#""scope":null"#,
                r#""scope":{}"#,
                r#""scope":true"#,
            ])),
            malformed_claims(),
        ),
        case(
            "an `scp` that is neither a string nor strings",
            gate.clone(),
            bearers(claiming_each([
                r#""scp":1"#,
                r#""scp":null"#,
                r#""scp":{}"#,
                r#""scp":["a",1]"#,
                r#""scp":["a",["b"]]"#,
                r#""scp":[null]"#,
            ])),
            malformed_claims(),
        ),
        case(
            "what no scope-token can be (RFC 6749 section 3.3)",
            gate.clone(),
            bearers(
                [
                    "a  b",
                    " a",
                    "a ",
                    " ",
                    "a\tb",
                    "a\nb",
                    "a\"b",
                    "a\\b",
                    "ä",
                    "a\u{a0}b",
                    "a\0",
                    "a\r\nX: y",
                ]
                .map(|scope| token().scope(scope).build()),
            ),
            malformed_claims(),
        ),
        case(
            "roles from a claim",
            roles(&["roles"]),
            [held(token().claim("roles", ["admin", "clerk"]))],
            having("admin clerk"),
        ),
        case(
            "a role that is a string is one role",
            roles(&["role"]),
            held(token().claim("role", "shop clerk")),
            having("shop clerk"),
        ),
        case(
            "roles from a nested path",
            roles(&["realm_access.roles"]),
            held(token().claim("realm_access", json!({"roles": ["admin"]}))),
            having("admin"),
        ),
        case(
            "roles from several paths",
            roles(&["roles", "resource_access.orders.roles"]),
            held(token().claim("roles", ["a"]).claim(
                "resource_access",
                json!({"orders": {"roles": ["b"]}, "x": {"roles": ["c"]}}),
            )),
            having("a b"),
        ),
        case(
            "roles from a claim with dots in its name",
            roles(&["https://example.com/roles"]),
            held(token().claim("https://example.com/roles", ["admin"])),
            having("admin"),
        ),
        case(
            "roles are not read unless a claim is named",
            gate,
            held(
                token()
                    .claim("roles", ["admin"])
                    .claim("realm_access", json!({"roles": ["admin"]})),
            ),
            seen(),
        ),
        case(
            "no role claim",
            roles(&["roles", "realm_access.roles"]),
            held(token().claim("realm_access", json!({}))),
            seen(),
        ),
        case(
            "a role claim that is neither a string nor strings",
            roles(&["realm_access.roles"]),
            bearers(
                [
                    json!(1),
                    json!(null),
                    json!({"admin": true}),
                    json!(["admin", 1]),
                    json!([["admin"]]),
                    json!(true),
                ]
                .map(|roles| token().claim("realm_access", json!({"roles": roles})).build()),
            ),
            malformed_claims(),
        ),
        case(
            "rules without a role claim ignore its type",
            plain(rules().key(keys::verifying(Algorithm::HS256))),
            held(token().claim("roles", 1)),
            seen(),
        ),
    ]
}
