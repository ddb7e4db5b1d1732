//! Tests of `facts`.

use serde_json::json;

use super::*;
use crate::policy::{claim, claim_present, not, role, scope};

#[test]
fn a_scope_matches_only_itself() {
    let lookalikes = [
        "",
        " ",
        "orders",
        "orders:",
        "orders:rea",
        "orders:readx",
        "orders:read ",
        " orders:read",
        "Orders:read",
        "ORDERS:READ",
        "orders:read orders:write",
        "orders:read\0",
        "orders:re\u{200b}ad",
        "\u{43e}rders:read",
        "orders:*",
        "*",
    ];
    let caller = lookalikes
        .into_iter()
        .fold(Held::new(), |caller, name| caller.scope(name).role(name));
    assert!(!scope("orders:read").permits(&caller));
    assert!(!role("orders:read").permits(&caller));
    assert!(scope("orders:read").permits(&caller.scope("orders:read").scope("orders:read")));
}

#[test]
fn a_scope_is_not_a_role_or_a_claim() {
    let caller = Held::new()
        .scope("admin")
        .claims(json!({"scope": "root", "roles": ["root"]}));
    assert!(!role("admin").permits(&caller));
    assert!(!claim_present("admin").permits(&caller));
    assert!(!scope("root").permits(&caller) && !role("root").permits(&caller));
}

#[test]
fn unicode_roles_are_compared_by_octets() {
    let composed = "caf\u{e9}";
    assert!(role(composed).permits(&Held::new().role(composed)));
    assert!(!role(composed).permits(&Held::new().role("cafe\u{301}")));
    assert!(!role("stra\u{df}e").permits(&Held::new().role("strasse")));
}

#[test]
fn claims_match_by_type_and_notation() {
    let matches = [
        (json!("a"), json!("a")),
        (json!(["a", "b"]), json!("b")),
        (json!(["a", "b"]), json!(["a", "b"])),
        (json!([["a"], "b"]), json!(["a"])),
        (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})),
        (json!([{"a": 1}]), json!({"a": 1})),
        (json!(true), json!(true)),
        (
            json!(18_446_744_073_709_551_615_u64),
            json!(18_446_744_073_709_551_615_u64),
        ),
    ];
    for (held, expected) in matches {
        assert!(
            claim("x", expected.clone()).permits(&Held::new().claims(json!({"x": held}))),
            "{held} {expected}"
        );
    }
    let differ = [
        (json!("a"), json!("A")),
        (json!("a"), json!("ab")),
        (json!("ab"), json!("a")),
        (json!("a b"), json!("a")),
        (json!("a"), json!(["a"])),
        (json!(["a", "b"]), json!(["b", "a"])),
        (json!(["a", "b"]), json!(["a"])),
        (json!([["a"]]), json!("a")),
        (json!([]), json!(null)),
        (json!({"a": 1, "b": 2}), json!({"a": 1})),
        (json!("true"), json!(true)),
        (json!(1), json!(true)),
        (json!(1), json!("1")),
        (json!(1), json!(1.0)),
        (json!(-1), json!(18_446_744_073_709_551_615_u64)),
        (json!(""), json!(null)),
        (json!(null), json!("null")),
        (json!(null), json!(null)),
    ];
    for (held, expected) in differ {
        assert!(
            !claim("x", expected.clone()).permits(&Held::new().claims(json!({"x": held}))),
            "{held} {expected}"
        );
    }
}

#[test]
fn an_absent_claim_matches_nothing() {
    for expected in [json!(null), json!(""), json!(false), json!([]), json!({})] {
        assert!(!claim("x", expected).permits(&Held::new().claims(json!({"y": 1}))));
    }
    assert!(not(claim("x", 1)).permits(&Held::new()));
}

#[test]
fn a_present_claim_need_not_be_true() {
    let claims = json!({"null": null, "false": false, "empty": "", "none": [],
        "o": {"null": null, "in": 0}});
    let caller = Held::new().claims(claims);
    for present in ["false", "empty", "none", "o", "o.in"] {
        assert!(claim_present(present).permits(&caller), "{present}");
    }
    for absent in [
        "null", "o.null", "o.out", "O", "o.", ".o", "o..in", ".", "null.x",
    ] {
        assert!(!claim_present(absent).permits(&caller), "{absent}");
        assert!(not(claim_present(absent)).permits(&caller), "{absent}");
    }
    for unreadable in ["none.0", "empty.x", "false.x", "o.in.x"] {
        let policy = claim_present(unreadable);
        assert!(!policy.permits(&caller), "{unreadable}");
        assert!(!not(policy).permits(&caller), "{unreadable}");
    }
}

#[test]
fn what_cannot_be_read_satisfies_neither_a_condition_nor_its_negation() {
    let claims = json!({"profile": "text", "a.b": "exact", "a": {"b": "nested"}, "plan": "free"});
    let caller = Held::new().scope("s").claims(claims);
    for unreadable in [
        claim("profile.suspended", true),
        claim_present("profile.suspended"),
        claim(["profile", "suspended"], true),
        claim("a.b", "exact"),
        claim("a.b", "nested"),
        claim("a.b", "other"),
        claim_present("a.b"),
    ] {
        for refused in [
            unreadable.clone(),
            not(unreadable.clone()),
            not(not(unreadable.clone())),
            unreadable.clone() & scope("s"),
            not(unreadable.clone() & scope("s")),
            unreadable.clone() | scope("other"),
            not(unreadable.clone() | scope("other")),
            not(unreadable.clone()) & not(scope("other")),
        ] {
            assert!(!refused.permits(&caller), "{refused}");
            let evaluation = refused.evaluate(&caller);
            assert!(
                !evaluation.satisfied() && evaluation.is_unreadable(),
                "{refused}"
            );
            assert!(
                evaluation.to_string().starts_with("unreadable: "),
                "{refused}"
            );
            assert!(evaluation.failed().count() > 0, "{refused}");
        }
        for policy in [unreadable.clone(), not(unreadable.clone())] {
            assert_eq!(policy.evaluate(&caller).sufficient_scopes(), None);
        }
        // A part that decides alone does not need the claim.
        assert!((unreadable.clone() | scope("s")).permits(&caller));
        assert!(not(unreadable.clone() & scope("other")).permits(&caller));
        assert!((not(unreadable) | claim("plan", "free")).permits(&caller));
    }
}

#[test]
fn a_name_with_dots_takes_precedence_over_a_path() {
    let claims = json!({"a.b": 1, "a": {"c.d": 3}, "": {"": 4}});
    let find = |path: &str| claim_at(&claims, &path.into());
    assert_eq!(find("a.b"), Ok(Some(&json!(1))));
    assert_eq!(find("a.c.d"), Ok(Some(&json!(3))));
    assert_eq!(find("."), Ok(Some(&json!(4))));
    assert_eq!(claim_at(&json!("a"), &"a".into()), Ok(None));
    assert_eq!(claim_at(&json!(["a"]), &"0".into()), Ok(None));
}

#[test]
fn a_reference_answers_like_its_referent() {
    struct Odd;
    impl Facts for Odd {
        fn has_scope(&self, scope: &str) -> bool {
            scope == "s"
        }
        fn has_role(&self, role: &str) -> bool {
            role == "r"
        }
        fn claim(&self, path: &ClaimPath) -> Result<Option<Value>, UnreadableClaim> {
            Ok(path.is("c").then(|| json!([null, 1])))
        }
    }
    let policy = scope("s") & role("r") & claim("c", 1) & claim_present("c") & !claim("d", 1);
    assert!(policy.permits(&Odd) && policy.permits(&&Odd));
    assert!(policy.permits::<dyn Facts>(&Odd) && policy.evaluate::<dyn Facts>(&Odd).satisfied());
    assert_eq!((&&Odd).claim(&"c".into()), Ok(Some(json!([null, 1]))));
}
