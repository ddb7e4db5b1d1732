//! Scopes, roles, and the profile of access tokens (RFC 6749 section 3.3, RFC 8693 section 4.2, RFC
//! 9068 section 2.2).

use serde_json::json;
use tollgate_core::Gate;

use super::case::{Case, bearer, bearers, case};
use super::expect::{expired, malformed_claims, malformed_header, missing_claim, seen, wrong_type};
use super::fixtures::{claiming_each, plain, rules, token, usual, usual_gate};
use crate::keys;
use crate::mint::TokenBuilder;
use tollgate_core::Algorithm;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = access_token_profile();
    cases.extend(scopes_and_roles());
    cases
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
            "RFC 9068: all required claims",
            gate(),
            bearer(full().build()),
            shown(),
        ),
        case(
            "RFC 9068: `typ` with the prefix application/",
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
            "RFC 9068: an ID token is not an access token",
            gate(),
            bearer(token().claim("nonce", "n").build()),
            wrong_type(),
        ),
        case(
            "RFC 9068: claims of another type",
            gate(),
            bearers([
                full().claim("client_id", 1).build(),
                full().claim("jti", 1).build(),
                full().claim("sub", 7).build(),
            ]),
            malformed_claims(),
        ),
        case(
            "RFC 9068: a `typ` that is not a string",
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
    let roles = |paths: &[&str]| -> Gate {
        plain(
            paths
                .iter()
                .fold(usual(), |rules, path| rules.role_claim(*path)),
        )
    };
    let having = |roles: &str| seen().but("roles", roles);
    vec![
        case(
            "`scope` is a space-separated list",
            gate.clone(),
            held(token().scope("orders:read orders:write")),
            scopes("orders:read orders:write"),
        ),
        case(
            "`scope` and `scp` are strings or arrays",
            gate.clone(),
            [
                held(token().claim("scp", "a b")),
                held(token().claim("scp", ["a", "b"])),
                held(token().claim("scope", ["a", "b"])),
                held(token().claim("scope", ["a"]).claim("scp", "b")),
            ],
            scopes("a b"),
        ),
        case(
            "`scope` and `scp` are combined",
            gate.clone(),
            held(token().scope("a").claim("scp", ["b"])),
            scopes("a b"),
        ),
        case(
            "an empty `scope` grants nothing",
            gate.clone(),
            [
                held(token().scope("")),
                held(token().claim("scp", "")),
                held(token().claim("scp", json!([]))),
                held(token().claim("scope", json!([]))),
                held(token().scope(" ")),
            ],
            seen(),
        ),
        case(
            "a `scope` that is neither a string nor an array of strings",
            gate.clone(),
            bearers(claiming_each([
                r#""scope":1"#,
                r#""scope":{}"#,
                r#""scope":true"#,
                r#""scope":["a",1]"#,
                r#""scope":["a",["b"]]"#,
                r#""scope":[null]"#,
                r#""scope":{"a":true}"#,
            ])),
            malformed_claims(),
        ),
        case(
            "an element that is not exactly one scope-token",
            gate.clone(),
            bearers(claiming_each([
                r#""scope":["orders:read orders:write"]"#,
                r#""scp":["orders:read orders:write"]"#,
                r#""scope":["a",""]"#,
                r#""scp":["a",""]"#,
                r#""scope":["a "]"#,
                r#""scp":["a\u0020b"]"#,
                r#""scope":["a\tb"]"#,
            ])),
            malformed_claims(),
        ),
        case(
            "doubled spaces, and spaces at the ends",
            gate.clone(),
            ["a  b ", " a b", "   a    b   "].map(|list| held(token().scope(list))),
            scopes("a b"),
        ),
        case(
            "an `scp` that is neither a string nor an array of strings",
            gate.clone(),
            bearers(claiming_each([
                r#""scp":1"#,
                r#""scp":{}"#,
                r#""scp":["a",1]"#,
                r#""scp":["a",["b"]]"#,
                r#""scp":[null]"#,
            ])),
            malformed_claims(),
        ),
        case(
            "invalid scope-tokens (RFC 6749 section 3.3)",
            gate.clone(),
            bearers(
                [
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
            "a role claim with a string is one role",
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
            "roles are not read unless a claim is configured",
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
            "a role claim that is neither a string nor an array of strings",
            roles(&["realm_access.roles"]),
            bearers(
                [
                    json!(1),
                    json!({"admin": true}),
                    json!(["admin", 1]),
                    json!([["admin"]]),
                    json!(true),
                ]
                .map(|roles| {
                    token()
                        .claim("realm_access", json!({"roles": roles}))
                        .build()
                }),
            ),
            malformed_claims(),
        ),
        case(
            "without a configured role claim its type is ignored",
            plain(rules().key(keys::verifying(Algorithm::HS256))),
            held(token().claim("roles", 1)),
            seen(),
        ),
    ]
}
