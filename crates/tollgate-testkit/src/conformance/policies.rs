//! Scopes, roles and claims that a route requires (RFC 6749 section 3.3, RFC 6750 section 3.1).

use serde_json::json;
use tollgate_core::policy::{all, any, claim, claim_present, impersonated, not, role, scope};
use tollgate_core::{Gate, Hierarchy, Policy};

use super::case::{Case, bearer, case, get};
use super::expect::{Expect, Seen, expired, insufficient, no_credential, seen};
use super::fixtures::{gate, plain, token, usual, usual_gate};
use crate::mint::TokenBuilder;

fn roles() -> Gate {
    plain(usual().role_claim("roles"))
}

fn required(
    name: &str,
    policy: Policy,
    token: &TokenBuilder,
    expect: impl Into<Vec<Expect>>,
) -> Case {
    case(name, roles(), bearer(token.build()), expect).policy(policy)
}

fn holding(scopes: &str) -> TokenBuilder {
    token().scope(scopes)
}

fn shown(scopes: &str) -> Seen {
    seen().but("scopes", scopes)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = scopes();
    cases.extend(combinations());
    cases.extend(gates());
    cases
}

fn scopes() -> Vec<Case> {
    let read = || scope("orders:read");
    let refused = || insufficient(Some("orders:read"));
    vec![
        required(
            "a held scope",
            read(),
            &holding("profile orders:read"),
            shown("profile orders:read"),
        ),
        required(
            "a scope held in `scp`",
            read(),
            &token().claim("scp", ["orders:read"]),
            shown("orders:read"),
        ),
        required(
            "a scope that is not held",
            read(),
            &holding("profile"),
            refused(),
        ),
        required("no scope at all", read(), &token(), refused()),
        case(
            "scopes are compared exactly",
            roles(),
            [
                "Orders:read",
                "orders:READ",
                "orders:rea",
                "orders:reads",
                "orders",
                "orders:*",
                "*",
                "orders:read/x",
                "orders:write,orders:read",
                "xorders:read",
            ]
            .map(|held| bearer(holding(held).build()))
            .to_vec(),
            refused(),
        )
        .policy(read()),
        required(
            "a scope is not a role",
            read(),
            &token().claim("roles", ["orders:read"]),
            refused(),
        ),
        required(
            "an invalid token is refused before the policy is checked",
            read(),
            &holding("orders:read").expires_in(-10),
            expired(),
        ),
        case(
            "a missing credential is refused before the policy is checked",
            roles(),
            get(),
            no_credential(),
        )
        .policy(read()),
    ]
}

fn combinations() -> Vec<Case> {
    let (a, b, c) = (|| scope("a"), || scope("b"), || scope("c"));
    let staff = |name: &str| token().claim("roles", [name]);
    let hierarchy = || {
        Hierarchy::new()
            .implies("orders:admin", "orders:write")
            .implies("orders:write", "orders:read")
    };
    vec![
        required(
            "all: both are held",
            a() & b(),
            &holding("b a"),
            shown("b a"),
        ),
        required(
            "all: one is held, both are named",
            a() & b(),
            &holding("b"),
            insufficient(Some("a b")),
        ),
        required(
            "all of a list",
            all([a(), b(), c()]),
            &holding("a c"),
            insufficient(Some("a b c")),
        ),
        required(
            "any: the second is held",
            a() | b(),
            &holding("b"),
            shown("b"),
        ),
        required(
            "any: none is held, the first is named",
            a() | b(),
            &token(),
            insufficient(Some("a")),
        ),
        required(
            "any of a list: the smallest set is named",
            any([a() & b(), c()]),
            &token(),
            insufficient(Some("c")),
        ),
        required(
            "any of a list: of equal sets, that with the fewest missing",
            (a() & b()) | (c() & scope("d")),
            &holding("c"),
            insufficient(Some("c d")),
        ),
        required(
            "any inside all: the possible alternative",
            (a() | role("clerk")) & b(),
            &staff("clerk"),
            insufficient(Some("b")),
        ),
        required(
            "not: the scope is held",
            not(scope("guest")),
            &holding("guest"),
            insufficient(None),
        ),
        required(
            "not: the scope is not held",
            not(scope("guest")),
            &holding("a"),
            shown("a"),
        ),
        required(
            "not, of a group",
            not(any([a(), b()])),
            &holding("b"),
            insufficient(None),
        ),
        required(
            "not: a missing scope beside it is named",
            a() & !scope("guest"),
            &token(),
            insufficient(Some("a")),
        ),
        required(
            "not: further scopes do not help",
            a() & !scope("guest"),
            &holding("guest"),
            insufficient(None),
        ),
        required(
            "a held role",
            role("clerk"),
            &staff("clerk"),
            seen().but("roles", "clerk"),
        ),
        required(
            "a missing role: no scope would help",
            role("clerk"),
            &staff("Clerk"),
            insufficient(None),
        ),
        required(
            "a role is not a scope",
            role("clerk"),
            &holding("clerk"),
            insufficient(None),
        ),
        required(
            "a role or a scope: the scope is named",
            role("clerk") | a(),
            &token(),
            insufficient(Some("a")),
        ),
        required(
            "a role and a scope: without the role no scope helps",
            role("clerk") & a(),
            &token(),
            insufficient(None),
        ),
        required(
            "a claim",
            claim("org.tier", "gold"),
            &token().claim("org", json!({"tier": "gold"})),
            seen(),
        ),
        required(
            "a claim with an array",
            claim("amr", "otp"),
            &token().claim("amr", ["pwd", "otp"]),
            seen(),
        ),
        required(
            "a claim with another value",
            claim("org.tier", "gold"),
            &token().claim("org", json!({"tier": "Gold"})),
            insufficient(None),
        ),
        required(
            "a claim with another type",
            claim("level", 1),
            &token().claim("level", "1"),
            insufficient(None),
        ),
        required(
            "a present claim",
            claim_present("tenant"),
            &token().claim("tenant", 0),
            seen(),
        ),
        required(
            "an absent claim, or null",
            claim_present("tenant"),
            &token().claim("tenant", json!(null)),
            insufficient(None),
        ),
        required(
            "an actor",
            impersonated(),
            &token().claim("act", json!({"sub": "admin-1"})),
            seen(),
        ),
        required(
            "an actor with history",
            claim("act.sub", "admin-1") & impersonated(),
            &token().claim("act", json!({"sub": "admin-1", "act": {"sub": 7}})),
            seen(),
        ),
        required(
            "an actor where only the user may act",
            not(impersonated()),
            &token().claim("act", json!({"sub": "admin-1"})),
            insufficient(None),
        ),
        required(
            "the user where only the user may act",
            not(impersonated()),
            &token(),
            seen(),
        ),
        required(
            "no actor, as `act` is null",
            not(impersonated()),
            &token().claim("act", json!(null)),
            seen(),
        ),
        required(
            "no actor where one is required",
            impersonated(),
            &token(),
            insufficient(None),
        ),
        required(
            "an actor that is no object is neither present nor absent",
            any([impersonated(), not(impersonated())]),
            &token().claim("act", "admin-1"),
            insufficient(None),
        ),
        required(
            "an actor in an array is neither present nor absent",
            any([impersonated(), not(impersonated())]),
            &token().claim("act", json!([{"sub": "admin-1"}])),
            insufficient(None),
        ),
        required(
            "an actor without a subject is neither present nor absent",
            any([impersonated(), not(impersonated())]),
            &token().claim("act", json!({"client_id": "admin-1"})),
            insufficient(None),
        ),
        required(
            "an actor with an empty subject is neither present nor absent",
            any([impersonated(), not(impersonated())]),
            &token().claim("act", json!({"sub": ""})),
            insufficient(None),
        ),
        required(
            "an actor with a number as its subject is neither present nor absent",
            any([impersonated(), not(impersonated())]),
            &token().claim("act", json!({"sub": 7})),
            insufficient(None),
        ),
        required(
            "any authenticated caller",
            Policy::allow(),
            &token(),
            seen(),
        ),
        required(
            "no caller",
            Policy::deny(),
            &holding("a b c"),
            insufficient(None),
        ),
        required(
            "a hierarchy: the higher scope suffices",
            scope("orders:read").with_scope_hierarchy(&hierarchy()),
            &holding("orders:admin"),
            shown("orders:admin"),
        ),
        required(
            "a hierarchy: the lower scope does not suffice",
            scope("orders:write").with_scope_hierarchy(&hierarchy()),
            &holding("orders:read"),
            insufficient(Some("orders:write")),
        ),
        required(
            "without a hierarchy there is no implication",
            scope("orders:read"),
            &holding("orders:admin"),
            insufficient(Some("orders:read")),
        ),
        required(
            "a hierarchy of roles",
            role("viewer").with_role_hierarchy(&Hierarchy::new().implies("owner", "viewer")),
            &staff("owner"),
            seen().but("roles", "owner"),
        ),
    ]
}

fn gates() -> Vec<Case> {
    let guarded = || gate(usual(), |gate| gate.require(scope("a")));
    let with = |scopes: &str| bearer(holding(scopes).build());
    vec![
        case(
            "a policy of the gate that is satisfied",
            guarded(),
            with("a"),
            shown("a"),
        ),
        case(
            "a policy of the gate that is not satisfied",
            guarded(),
            with("b"),
            insufficient(Some("a")),
        ),
        case(
            "policies of the gate and the route: both are satisfied",
            guarded(),
            with("a b"),
            shown("a b"),
        )
        .policy(scope("b")),
        case(
            "policies of the gate and the route: the route's is not satisfied",
            guarded(),
            with("a"),
            insufficient(Some("b")),
        )
        .policy(scope("b")),
        case(
            "two policies of the gate are combined",
            gate(usual(), |gate| gate.require(scope("a")).require(scope("b"))),
            with("a"),
            insufficient(Some("a b")),
        ),
        case("no policy", usual_gate(), with("a"), shown("a")),
    ]
}
