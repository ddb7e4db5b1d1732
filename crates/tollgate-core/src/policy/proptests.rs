//! Properties that hold for every policy and every caller.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::{
    Clause, Facts, Held, Hierarchy, Policy, all, any, claim_at, claim_matches, is_scope_token, not,
    parse_scopes,
};

const SCOPES: [&str; 3] = ["a", "b", "c"];
const ROLES: [&str; 2] = ["r", "s"];

fn caller() -> impl Strategy<Value = Held> {
    let scopes = subsequence(&SCOPES[..], 0..=SCOPES.len());
    let roles = subsequence(&ROLES[..], 0..=ROLES.len());
    let claims = select(vec![
        json!({}),
        json!({"x": 1}),
        json!({"x": [1, "y"], "o": {"x": "y"}}),
        json!({"x": "y", "o": "text"}),
        json!({"o.x": "y", "o": {"x": "y"}}),
        json!(null),
    ]);
    (scopes, roles, claims).prop_map(|(scopes, roles, claims)| {
        roles
            .into_iter()
            .fold(with_scopes(Held::new(), scopes), Held::role)
            .claims(claims)
    })
}

fn with_scopes<'a>(caller: Held, scopes: impl IntoIterator<Item = &'a str>) -> Held {
    scopes.into_iter().fold(caller, Held::scope)
}

fn without_scopes(caller: &Held) -> Held {
    ROLES
        .into_iter()
        .filter(|role| caller.has_role(role))
        .fold(Held::new(), Held::role)
        .claims(caller.claims_given().clone())
}

fn leaf() -> impl Strategy<Value = Policy> {
    prop_oneof![
        4 => select(&SCOPES[..]).prop_map(Policy::scope),
        2 => select(&ROLES[..]).prop_map(Policy::role),
        1 => select(vec![json!(1), json!("y"), json!([1, "y"])])
            .prop_map(|value| Policy::claim("x", value)),
        1 => select(vec!["x", "o.x", "o.y"]).prop_map(Policy::claim_present),
    ]
}

fn policy_of(
    leaf: impl Strategy<Value = Policy> + 'static,
    with_not: bool,
) -> BoxedStrategy<Policy> {
    leaf.prop_recursive(5, 32, 4, move |inner| {
        let group = vec(inner.clone(), 0..4);
        prop_oneof![
            2 => group.clone().prop_map(any),
            2 => group.prop_map(all),
            2 * u32::from(with_not) => inner.prop_map(not),
        ]
    })
    .boxed()
}

fn policy() -> BoxedStrategy<Policy> {
    prop_oneof![
        policy_of(leaf(), true),
        policy_of(select(&SCOPES[..]).prop_map(Policy::scope), true)
    ]
    .boxed()
}

fn hierarchy() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    vec((select(&SCOPES[..]), select(&SCOPES[..])), 0..5)
}

fn built(implications: &[(&str, &str)]) -> Hierarchy {
    implications
        .iter()
        .fold(Hierarchy::new(), |hierarchy, (higher, lower)| {
            hierarchy.implies(higher, lower)
        })
}

/// Computes the transitive closure of the held names by fixed-point iteration.
fn closure<'a>(
    held: impl IntoIterator<Item = &'a str>,
    implications: &[(&'a str, &'a str)],
) -> BTreeSet<&'a str> {
    let mut held: BTreeSet<_> = held.into_iter().collect();
    for _ in 0..=implications.len() {
        for (higher, lower) in implications {
            if held.contains(higher) {
                held.insert(lower);
            }
        }
    }
    held
}

fn subsets() -> impl Iterator<Item = Vec<&'static str>> {
    (0..1_usize << SCOPES.len()).map(|bits| {
        SCOPES
            .iter()
            .enumerate()
            .filter(|(index, _)| bits >> index & 1 == 1)
            .map(|(_, scope)| *scope)
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn permits_agrees_with_evaluate(policy in policy(), caller in caller()) {
        let evaluation = policy.evaluate(&caller);
        prop_assert_eq!(policy.permits(&caller), evaluation.satisfied());
        prop_assert_eq!(evaluation.failed().count() == 0, evaluation.satisfied());
        prop_assert!(evaluation.failed().all(|clause| !clause.satisfied()));
        let whole = evaluation.to_string();
        prop_assert_eq!(whole.starts_with("held: "), evaluation.satisfied());
        prop_assert!(!policy.to_string().is_empty());
    }

    #[test]
    fn de_morgan(parts in vec(policy(), 0..4), caller in caller()) {
        let negated = || parts.iter().cloned().map(not);
        prop_assert_eq!(not(any(parts.clone())).permits(&caller), all(negated()).permits(&caller));
        prop_assert_eq!(not(all(parts.clone())).permits(&caller), any(negated()).permits(&caller));
    }

    #[test]
    fn boolean_algebra(a in policy(), b in policy(), c in policy(), caller in caller()) {
        let holds = |policy: Policy| policy.permits(&caller);
        prop_assert_eq!(holds(!!a.clone()), holds(a.clone()));
        // Exactly one of both holds, unless a claim cannot be read.
        let unreadable = a.evaluate(&caller).is_unreadable();
        prop_assert!(!holds(a.clone() & !a.clone()));
        prop_assert_eq!(holds(a.clone() | !a.clone()), !unreadable);
        prop_assert_eq!(holds(a.clone() & (b.clone() | c.clone())),
            holds((a.clone() & b.clone()) | (a.clone() & c.clone())));
        prop_assert_eq!(holds((a.clone() | b.clone()) | c.clone()),
            holds(a.clone() | (b.clone() | c)));
        prop_assert_eq!(holds(a.clone() & (a.clone() | b)), holds(a.clone()));
        prop_assert_eq!(holds(a.clone() & Policy::allow()), holds(a.clone() | Policy::deny()));
    }

    #[test]
    fn the_sufficient_scopes_satisfy_the_policy(
        policy in policy(), implications in hierarchy(), mixed in proptest::bool::ANY,
            caller in caller(),
    ) {
        let plain = policy.clone();
        let mut policy = policy.with_scope_hierarchy(&built(&implications));
        if mixed {
            policy = policy & plain;
        }
        let evaluation = policy.evaluate(&caller);
        if let Some(scopes) = evaluation.sufficient_scopes() {
            prop_assert!(policy.permits(&with_scopes(caller.clone(), scopes.iter().copied())),
                "together with the held ones");
            prop_assert!(policy.permits(&with_scopes(without_scopes(&caller), scopes.iter()
                .copied())), "alone");
            prop_assert!(scopes.iter().all(|scope| is_scope_token(scope)));
            prop_assert_eq!(scopes.iter().collect::<BTreeSet<_>>().len(), scopes.len());
            prop_assert!(evaluation.satisfied() || scopes.iter()
                .any(|scope| !caller.has_scope(scope)));
        }
    }

    /// With so few scopes the search drops nothing, so the result is exact.
    #[test]
    fn sufficient_scopes_are_none_only_if_no_set_suffices(policy in policy(), caller in caller()) {
        let found = policy.evaluate(&caller).sufficient_scopes();
        let suffices = |scopes: Vec<&str>| policy.permits(&with_scopes(caller.clone(), scopes));
        prop_assert_eq!(found.is_some(), subsets().any(suffices));
    }

    #[test]
    fn the_sufficient_scopes_are_the_smallest_set(policy in policy_of(leaf(), false),
        caller in caller()) {
        let found = policy.evaluate(&caller).sufficient_scopes();
        let stripped = without_scopes(&caller);
        let smallest = subsets()
            .filter(|scopes| policy.permits(&with_scopes(stripped.clone(), scopes.iter().copied())))
            .map(|scopes| scopes.len())
            .min();
        prop_assert_eq!(found.map(|scopes| scopes.len()), smallest);
    }

    #[test]
    fn a_hierarchy_equals_its_transitive_closure(policy in policy(), implications in hierarchy(),
        caller in caller()) {
        let held = SCOPES.into_iter().filter(|scope| caller.has_scope(scope));
        let expanded = with_scopes(caller.clone(), closure(held, &implications));
        let hierarchy = built(&implications);
        prop_assert_eq!(policy.with_scope_hierarchy(&hierarchy)
            .permits(&caller), policy.permits(&expanded));
        for scope in SCOPES {
            let implying: Vec<_> =
                SCOPES.into_iter()
                    .filter(|other| *other != scope && closure([*other], &implications)
                    .contains(scope)).collect();
            prop_assert_eq!(hierarchy.implying(scope), implying);
        }
        let twice = policy.with_scope_hierarchy(&hierarchy).with_scope_hierarchy(&hierarchy);
        prop_assert_eq!(twice.to_string(), policy.with_scope_hierarchy(&hierarchy).to_string());
    }

    #[test]
    fn scopes_and_roles_are_independent(policy in policy(), implications in hierarchy(),
        caller in caller()) {
        prop_assert_eq!(policy.with_role_hierarchy(&built(&implications))
            .permits(&caller), policy.permits(&caller));
    }

    #[test]
    fn counts_stay_within_bounds(policy in policy()) {
        fn counted(policy: &Policy) -> (usize, usize) {
            let parts = match &policy.0.clause {
                Clause::Group(_, parts) => &parts[..],
                Clause::Not(inner) => std::slice::from_ref(inner),
                _ => &[],
            };
            parts.iter().map(counted)
                .fold((1, 1), |(clauses, depth), part| (clauses + part.0, depth.max(part.1 + 1)))
        }
        prop_assert_eq!((policy.0.clauses, policy.0.depth), counted(&policy));
    }

    #[test]
    fn any_text_is_a_valid_scope_or_refused(text in "\\PC{0,6}|[ -~]{0,6}|(a| ){0,5}|\\p{any}{0,4}") {
        let grammar = |token: &str| {
            !token.is_empty() && token.bytes()
                .all(|octet| octet.is_ascii_graphic() && octet != b'"' && octet != b'\\')
        };
        prop_assert_eq!(is_scope_token(&text), grammar(&text));
        prop_assert_eq!(Policy::try_scope(&text).is_ok(), grammar(&text));
        if let Err(invalid) = Policy::try_scope(&text) {
            prop_assert!(!invalid.to_string().contains(char::is_control), "{}", invalid);
        }
        let list = parse_scopes(&text).map(Iterator::collect::<Vec<_>>);
        prop_assert_eq!(list.is_ok(), text.is_empty() || text.split(' ').all(grammar));
        if let Ok(list) = list {
            prop_assert_eq!(list.join(" "), text);
        }
    }

    #[test]
    fn any_path_is_safe_to_look_up(path in "[a.]{0,8}|\\PC{0,6}", depth in 0..4_usize,
        array in proptest::bool::ANY) {
        let inner = if array { json!(["a"]) } else { json!("a") };
        let claims = (0..depth).fold(inner, |value, _| json!({"a": value}));
        let found = claim_at(&claims, &path.as_str().into());
        let names = || path.split('.');
        let on_the_way = names().take(depth).all(|name| name == "a");
        let there = depth > 0 && names().all(|name| name == "a") && names().count() <= depth;
        prop_assert_eq!(matches!(found, Ok(Some(_))), there);
        prop_assert_eq!(found.is_err(), depth > 0 && on_the_way && names().count() > depth);
    }

    #[test]
    fn an_element_of_an_array_matches(elements in vec(-2..3_i64, 0..4), expected in -2..3_i64) {
        let matched = claim_matches(&Value::from(elements.clone()), &expected.into());
        prop_assert_eq!(matched, elements.contains(&expected));
    }

    #[test]
    fn names_match_exactly(names in btree_set("[aAbB:]{1,2}", 0..6), asked in "[aAbB:]{1,2}") {
        let caller = names.iter().fold(Held::new(), |caller, name| caller.scope(name).role(name));
        prop_assert_eq!(Policy::scope(&asked).permits(&caller), names.contains(&asked));
        prop_assert_eq!(Policy::role(&asked).permits(&caller), names.contains(&asked));
    }
}
