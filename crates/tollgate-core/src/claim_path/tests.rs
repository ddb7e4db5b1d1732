//! Tests of paths, on JSON values and on indexed text.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::token::json::{Bounds, Indexed, Object};

/// Finds the path in the value and in its text, which must agree.
fn find(claims: &Value, path: &ClaimPath) -> Reading<Value> {
    let of_value = path
        .find(&claims.as_object().unwrap())
        .map(Option::<&Value>::cloned);
    let text = claims.to_string();
    let mut object = Object::default();
    object.parse(&text, Bounds::DOCUMENT).unwrap();
    let of_text = path
        .find(&Indexed::new(&text, &object))
        .map(|found| found.map(|(raw, _)| serde_json::from_str(raw).unwrap()));
    assert_eq!(of_value, of_text, "{claims} {path:?}");
    of_value
}

fn dotted(claims: &Value, path: &str) -> Reading<Value> {
    find(claims, &path.into())
}

const BLOCKED: UnreadableClaim = UnreadableClaim(Reason::Blocked);
const AMBIGUOUS: UnreadableClaim = UnreadableClaim(Reason::Ambiguous);

#[test]
fn a_member_below_a_name_with_dots_is_found() {
    let claims = json!({
        "https://example.com/app_metadata": {"suspended": true, "a.b": {"c.d": 1}},
        "https://hasura.io/jwt/claims": {"x-hasura-allowed-roles": ["editor"]},
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "checkout"}},
        "resource_access": {"shop.web": {"roles": ["clerk"]}},
    });
    for (path, found) in [
        ("https://example.com/app_metadata.suspended", json!(true)),
        ("https://example.com/app_metadata.a.b.c.d", json!(1)),
        (
            "https://hasura.io/jwt/claims.x-hasura-allowed-roles",
            json!(["editor"]),
        ),
        ("kubernetes.io.namespace", json!("shop")),
        ("kubernetes.io.serviceaccount.name", json!("checkout")),
        ("resource_access.shop.web.roles", json!(["clerk"])),
    ] {
        assert_eq!(dotted(&claims, path), Ok(Some(found)), "{path}");
    }
    for absent in [
        "kubernetes.io.pod",
        "kubernetes.io.serviceaccount.uid",
        "kubernetes",
        "kubernetes.io/namespace",
        "https://example.com/app_metadata.a",
        "resource_access.shop.roles",
    ] {
        assert_eq!(dotted(&claims, absent), Ok(None), "{absent}");
    }
}

#[test]
fn the_longest_name_wins_without_backtracking() {
    let claims = json!({"a.b": {"c": 1}, "a": {"b": {"d": 2}}});
    assert_eq!(dotted(&claims, "a.b.c"), Ok(Some(json!(1))));
    // The longest name is `a.b`, which has no `d`. The other reading leads to a claim.
    assert_eq!(dotted(&claims, "a.b.d"), Err(AMBIGUOUS));
    let claims = json!({"a.b": {"c": 1}, "a": "text"});
    assert_eq!(dotted(&claims, "a.b.c"), Ok(Some(json!(1))));
    assert_eq!(dotted(&claims, "a.b.d"), Err(BLOCKED));
    let claims = json!({"a.b": "text", "a": {"x": 1}});
    assert_eq!(dotted(&claims, "a.b.c"), Err(BLOCKED));
}

#[test]
fn several_readings_cannot_be_read() {
    for claims in [
        json!({"a.b": "exact", "a": {"b": "nested"}}),
        json!({"a.b": "same", "a": {"b": "same"}}),
        json!({"a.b": 1, "a": {"b": false}}),
        json!({"a.b": 1, "a": {"b": []}}),
    ] {
        assert_eq!(dotted(&claims, "a.b"), Err(AMBIGUOUS), "{claims}");
        assert_eq!(
            find(&claims, &["a", "b"].into()),
            Ok(Some(claims["a"]["b"].clone()))
        );
        assert_eq!(
            find(&claims, &["a.b"].into()),
            Ok(Some(claims["a.b"].clone()))
        );
    }
    let deep = json!({"o": {"a.b": 1, "a": {"b": 2}}});
    assert_eq!(dotted(&deep, "o.a.b"), Err(AMBIGUOUS));
    let three = json!({"a.b.c": 1, "a.b": {"c": 2}, "a": {"b.c": 3}});
    assert_eq!(dotted(&three, "a.b.c"), Err(AMBIGUOUS));
}

#[test]
fn a_value_on_the_way_that_is_no_object_cannot_be_read() {
    for value in [
        json!("text"),
        json!(1),
        json!(true),
        json!([{"b": 1}]),
        json!([]),
    ] {
        let claims = json!({"a": value});
        assert_eq!(dotted(&claims, "a.b"), Err(BLOCKED), "{claims}");
        assert_eq!(find(&claims, &["a", "b"].into()), Err(BLOCKED), "{claims}");
        assert_eq!(dotted(&json!({"o": claims}), "o.a.b"), Err(BLOCKED));
    }
    assert_eq!(dotted(&json!({"a": {}}), "a.b"), Ok(None));
}

#[test]
fn null_is_absent_at_every_place() {
    let claims = json!({"a": null, "o": {"n": null}, "o.x": null, "x.y": null, "x": {"y": 1}});
    for path in ["a", "a.b", "o.n", "o.n.m", "o.x"] {
        assert_eq!(dotted(&claims, path), Ok(None), "{path}");
    }
    assert_eq!(dotted(&claims, "x.y"), Ok(Some(json!(1))));
    assert_eq!(find(&claims, &["o", "n"].into()), Ok(None));
}

#[test]
fn exact_names_are_not_split() {
    let claims = json!({"realm_access.roles": ["admin"], "realm_access": {"groups": []}});
    assert_eq!(find(&claims, &["realm_access", "roles"].into()), Ok(None));
    assert_eq!(find(&claims, &["realm_access.groups"].into()), Ok(None));
    assert_eq!(
        dotted(&claims, "realm_access.roles"),
        Ok(Some(json!(["admin"])))
    );
}

#[test]
fn escaped_names_are_the_same_names() {
    let text = r#"{"a\u002eb": {"\u0063": 1}, "a": {"\u0062": {"c": 2}}}"#;
    let mut object = Object::default();
    object.parse(text, Bounds::DOCUMENT).unwrap();
    let claims = Indexed::new(text, &object);
    assert_eq!(find_dotted(&claims, "a.b.c"), Err(AMBIGUOUS));
    let exact = ClaimPath::from(["a.b", "c"]);
    assert_eq!(exact.find(&claims).unwrap().unwrap().0, "1");
}

#[test]
fn empty_paths_are_recognised() {
    for path in [
        ClaimPath::from(""),
        ClaimPath::from([""; 0]),
        ClaimPath::from(["a", ""]),
        ClaimPath::from(vec![String::new()]),
    ] {
        assert!(path.is_empty(), "{path:?}");
    }
    assert!(!ClaimPath::from(".").is_empty());
    assert!(ClaimPath::from("sub").is("sub") && ClaimPath::from(["sub"]).is("sub"));
    assert!(!ClaimPath::from(["sub", "a"]).is("sub"));
}

/// Objects with names of `a`, `b` and dots, so that paths have many readings.
fn claims() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => (0..9).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("text")),
    ];
    let object = leaf.prop_recursive(4, 24, 4, |inner| {
        proptest::collection::btree_map("[ab](\\.[ab]){0,2}", inner, 0..5)
            .prop_map(|members| members.into_iter().collect())
    });
    proptest::collection::btree_map("[ab](\\.[ab]){0,2}", object, 0..5)
        .prop_map(|members| members.into_iter().collect())
}

/// Every reading of the path, the longest names first: a value, absent or blocked.
fn readings(value: &Value, path: &[&str]) -> Vec<Reading<Value>> {
    let Some(object) = value.as_object() else {
        return vec![Err(BLOCKED)];
    };
    let mut all = Vec::new();
    for end in (1..=path.len()).rev() {
        match object.get(&path[..end].join(".")) {
            None | Some(Value::Null) => {}
            Some(value) if end == path.len() => all.push(Ok(Some(value.clone()))),
            Some(value) => all.extend(readings(value, &path[end..])),
        }
    }
    if all.is_empty() { vec![Ok(None)] } else { all }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The rule by the list of all readings: the first counts if no other leads to a claim.
    #[test]
    fn a_path_agrees_with_its_readings(claims in claims(), path in "[ab](\\.[ab]){0,4}") {
        let names: Vec<_> = path.split('.').collect();
        let all = readings(&claims, &names);
        let found = dotted(&claims, &path);
        let values = all.iter().filter(|reading| matches!(reading, Ok(Some(_)))).count();
        match &found {
            Ok(Some(value)) => {
                prop_assert_eq!(&all[0], &Ok(Some(value.clone())));
                prop_assert_eq!(values, 1);
            }
            Ok(None) => prop_assert!(all.iter().all(|reading| *reading == Ok(None))),
            Err(_) => prop_assert!(values > 0 || all.contains(&Err(BLOCKED))),
        }
        // Further names never let a path be read as absent if it leads to a claim.
        prop_assert!(values == 0 || found != Ok(None));
    }

    #[test]
    fn a_path_without_dots_is_one_member(claims in claims(), name in "[ab]") {
        let member = claims.get(&name).filter(|value| !value.is_null()).cloned();
        prop_assert_eq!(dotted(&claims, &name), Ok(member.clone()));
        prop_assert_eq!(find(&claims, &[name].into()), Ok(member));
    }

    #[test]
    fn exact_names_are_a_pointer(
        claims in claims(),
        path in proptest::collection::vec("[ab](\\.[ab])?", 1..4),
    ) {
        let at = path.iter().try_fold(&claims, |value, name| value.get(name.as_str()));
        let wanted = at.filter(|value| !value.is_null()).cloned();
        if let Ok(found) = find(&claims, &path.clone().into()) {
            prop_assert_eq!(found, wanted);
        } else {
            prop_assert_eq!(wanted, None);
        }
    }
}
