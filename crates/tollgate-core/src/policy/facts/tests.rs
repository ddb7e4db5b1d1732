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
        (json!(null), json!(null)),
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
        "null", "o.null", "o.out", "O", "o.", ".o", "o..in", ".", "none.0", "empty.x", "null.x",
    ] {
        assert!(!claim_present(absent).permits(&caller), "{absent}");
    }
}

#[test]
fn a_name_with_dots_takes_precedence_over_a_path() {
    let claims = json!({"a.b": 1, "a": {"b": 2, "c.d": 3}, "": {"": 4}});
    assert_eq!(claim_at(&claims, "a.b"), Some(&json!(1)));
    assert_eq!(
        claim_at(&claims, "a.c.d"),
        None,
        "only a whole path can be a name with dots"
    );
    assert_eq!(claim_at(&claims, "."), Some(&json!(4)));
    assert_eq!(claim_at(&json!("a"), "a"), None);
    assert_eq!(claim_at(&json!(["a"]), "0"), None);
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
        fn claim(&self, path: &str) -> Option<Value> {
            (path == "c").then(|| json!([null, 1]))
        }
    }
    let policy = scope("s") & role("r") & claim("c", 1) & claim_present("c") & !claim("d", 1);
    assert!(policy.permits(&Odd) && policy.permits(&&Odd));
    assert!(policy.permits::<dyn Facts>(&Odd) && policy.evaluate::<dyn Facts>(&Odd).satisfied());
    assert_eq!((&&Odd).claim("c"), Some(json!([null, 1])));
}
