//! Shapes of tokens that real deployments send.

use serde_json::{Value, json};
use tollgate_core::policy::{claim, claim_present, not, role};
use tollgate_core::{Gate, Policy, RejectionKind};

use super::case::{Case, bearer, bearers, case};
use super::expect::{insufficient, invalid, malformed_claims, missing_claim, seen};
use super::fixtures::{plain, token, usual, usual_gate};
use crate::mint::TokenBuilder;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = claim_paths();
    cases.extend(role_paths());
    cases.extend(absent());
    cases
}

/// Creates a token with further claims.
fn with(claims: &Value) -> TokenBuilder {
    let claims = claims.as_object().into_iter().flatten();
    claims.fold(token(), |token, (name, value)| {
        token.claim(name, value.clone())
    })
}

fn required(name: &str, policy: Policy, claims: &[Value]) -> Case {
    let tokens = claims.iter().map(|claims| with(claims).build());
    case(name, usual_gate(), bearers(tokens), seen()).policy(policy)
}

fn refused(name: &str, policy: Policy, claims: &[Value]) -> Case {
    let tokens = claims.iter().map(|claims| with(claims).build());
    case(name, usual_gate(), bearers(tokens), insufficient(None)).policy(policy)
}

fn claim_paths() -> Vec<Case> {
    const SUSPENDED: &str = "https://example.com/app_metadata.suspended";
    let metadata = |metadata: Value| json!({"https://example.com/app_metadata": metadata});
    let unreadable = || {
        [
            json!({"profile": "text"}),
            json!({"profile": 1}),
            json!({"profile": true}),
            json!({"profile": []}),
            json!({"profile": [{"suspended": true}]}),
        ]
    };
    let twice = || {
        [
            json!({"a.b": "exact", "a": {"b": "nested"}}),
            json!({"a.b": "exact", "a": {"b": "exact"}}),
            json!({"a.b": "other", "a": {"b": "exact"}}),
        ]
    };
    let kubernetes = |name: &str| {
        let account = json!({"name": "checkout"});
        json!({"kubernetes.io": {"namespace": name, "serviceaccount": account}})
    };
    let shop = || usual().require_value("kubernetes.io.namespace", ["shop"]);
    vec![
        refused(
            "a negated claim below a URL holds",
            not(claim(SUSPENDED, true)),
            &[
                metadata(json!({"suspended": true})),
                metadata(json!({"suspended": [true]})),
            ],
        ),
        required(
            "a negated claim below a URL does not hold",
            not(claim(SUSPENDED, true)),
            &[
                metadata(json!({"suspended": false})),
                metadata(json!({"suspended": null})),
                metadata(json!({})),
                metadata(Value::Null),
                json!({}),
            ],
        ),
        required(
            "a claim below a URL",
            claim(SUSPENDED, true) & claim(["https://example.com/app_metadata", "suspended"], true),
            &[metadata(json!({"suspended": true}))],
        ),
        refused(
            "a claim on the way to which is no object",
            claim("profile.suspended", true),
            &unreadable(),
        ),
        refused(
            "the negation of a claim on the way to which is no object",
            not(claim("profile.suspended", true)),
            &unreadable(),
        ),
        refused(
            "the negation of a claim by exact names, on the way to which is no object",
            not(claim_present(["profile", "suspended"])),
            &unreadable(),
        ),
        refused("a claim with two readings", claim("a.b", "exact"), &twice()),
        refused(
            "the negation of a claim with two readings",
            not(claim("a.b", "nested")),
            &twice(),
        ),
        refused(
            "a further name does not hide a claim from a negation",
            not(claim("a.b.c", true)),
            &[
                json!({"a.b": {}, "a": {"b": {"c": true}}}),
                json!({"a.b": null, "a": {"b": {"c": true}}}),
                json!({"a.b.c": false, "a": {"b": {"c": true}}}),
                json!({"a.b.c": null, "a": {"b": {"c": true}}}),
                json!({"a": {"b.c": false, "b": {"c": true}}}),
            ],
        ),
        required(
            "exact names are not shadowed",
            claim(["a", "b"], "nested") & not(claim(["a", "b"], "exact")),
            &twice()[..1],
        ),
        case(
            "a required value below a name with dots",
            plain(shop()),
            bearer(with(&kubernetes("shop")).build()),
            seen(),
        ),
        case(
            "another value below a name with dots",
            plain(shop()),
            bearer(with(&kubernetes("kube-system")).build()),
            invalid(RejectionKind::WrongClaim),
        ),
        case(
            "a required value that is absent below a name with dots",
            plain(shop()),
            bearers([
                token().build(),
                with(&json!({"kubernetes.io": {}})).build(),
                with(&json!({"kubernetes.io": {"namespace": null}})).build(),
                with(&json!({"kubernetes": {"io/namespace": "shop"}})).build(),
            ]),
            missing_claim(),
        ),
        case(
            "a required value that cannot be read",
            plain(shop()),
            bearers([
                with(&json!({"kubernetes.io": "shop"})).build(),
                with(&json!({"kubernetes.io": {"namespace": ["shop"]}})).build(),
                with(&json!({
                    "kubernetes.io": {"namespace": "shop"},
                    "kubernetes": {"io": {"namespace": "shop"}},
                }))
                .build(),
            ]),
            malformed_claims(),
        ),
        case(
            "a required claim that cannot be read",
            plain(usual().require_claim("org.id")),
            bearers(
                [json!("id"), json!(["id"]), json!(7)].map(|org| token().claim("org", org).build()),
            ),
            malformed_claims(),
        ),
    ]
}

/// `null` is the same as absent.
fn absent() -> Vec<Case> {
    let nulls = [
        "sub",
        "jti",
        "sid",
        "client_id",
        "nbf",
        "scope",
        "scp",
        "azp",
        "roles",
        "tenant",
    ];
    vec![
        case(
            "a `kid` that is null",
            usual_gate(),
            bearer(token().header("kid", Value::Null).build()),
            seen().but("key id", "-"),
        ),
        case(
            "a claim that is null",
            plain(usual().role_claim("roles")),
            bearers(
                nulls[1..]
                    .iter()
                    .map(|name| token().claim(name, Value::Null).build()),
            ),
            seen(),
        ),
        case(
            "a required claim that is null",
            plain(
                nulls
                    .iter()
                    .fold(usual(), |rules, name| rules.require_claim(*name)),
            ),
            bearers(nulls.iter().map(|absent| {
                let given = nulls.iter().filter(|name| *name != absent);
                given
                    .fold(token().claim(absent, Value::Null), |token, name| {
                        token.claim(name, if *name == "nbf" { json!(1) } else { json!("x") })
                    })
                    .build()
            })),
            missing_claim(),
        ),
    ]
}

fn role_paths() -> Vec<Case> {
    let hasura = |gate: &str| -> Gate { plain(usual().role_claim(gate)) };
    let path = "https://hasura.io/jwt/claims.x-hasura-allowed-roles";
    let roles = || {
        json!({"https://hasura.io/jwt/claims": {
            "x-hasura-allowed-roles": ["editor", "user"], "x-hasura-default-role": "user",
        }})
    };
    let realm = || plain(usual().role_claim(["realm_access", "roles"]));
    let zitadel = || plain(usual().role_claim("urn:zitadel:iam:org:project:roles"));
    let granted = |roles: Value| with(&json!({"urn:zitadel:iam:org:project:roles": roles})).build();
    vec![
        case(
            "roles as the member names of an object",
            zitadel(),
            bearers([
                granted(json!({"editor": {"2812": "org-a.example"}})),
                granted(json!({"editor": {}, "admin": null})),
                granted(json!(["editor"])),
                granted(json!("editor")),
            ]),
            seen().but("roles", "editor"),
        ),
        case(
            "several roles as member names",
            zitadel(),
            bearer(granted(json!({
                "admin": {"1": "a.example", "2": "b.example"},
                "shop editor": {"1": "a.example"},
            }))),
            seen().but("roles", "admin shop editor"),
        ),
        case(
            "no role, as null or empty",
            zitadel(),
            bearers([
                granted(json!({})),
                granted(json!([])),
                granted(json!(null)),
                granted(json!({"admin": null})),
                token().build(),
            ]),
            seen(),
        ),
        case(
            "an object whose members are no objects is not a list of roles",
            zitadel(),
            bearers([
                granted(json!({"admin": false})),
                granted(json!({"admin": true})),
                granted(json!({"admin": "org"})),
                granted(json!({"roles": ["admin"]})),
                granted(json!({"editor": {}, "admin": 1})),
                granted(json!([{"admin": {}}])),
                granted(json!([null])),
            ]),
            malformed_claims(),
        ),
        case(
            "a role of an object is compared exactly",
            zitadel(),
            bearers([
                granted(json!({"Admin": {}})),
                granted(json!({"x": {"admin": {}}})),
                granted(json!({"x": {"admin": "admin"}})),
            ]),
            insufficient(None),
        )
        .policy(role("admin")),
        case(
            "roles below a URL",
            hasura(path),
            bearer(with(&roles()).build()),
            seen().but("roles", "editor user"),
        ),
        case(
            "one role below a URL",
            hasura("https://hasura.io/jwt/claims.x-hasura-default-role"),
            bearer(with(&roles()).build()),
            seen().but("roles", "user"),
        ),
        case(
            "roles that cannot be read",
            hasura("realm_access.roles"),
            bearers([
                with(&json!({"realm_access": ["admin"]})).build(),
                with(&json!({"realm_access.roles": ["admin"], "realm_access": {"roles": []}}))
                    .build(),
            ]),
            malformed_claims(),
        ),
        case(
            "roles by exact names are not shadowed",
            realm(),
            bearers([with(
                &json!({"realm_access.roles": ["admin"], "realm_access": {"roles": ["staff"]}}),
            )
            .build()]),
            seen().but("roles", "staff"),
        ),
        case(
            "no roles at exact names",
            realm(),
            bearers([
                with(&json!({"realm_access.roles": ["admin"]})).build(),
                with(&json!({"realm_access.roles": ["admin"], "realm_access": {}})).build(),
            ]),
            seen(),
        ),
    ]
}
