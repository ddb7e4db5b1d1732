//! Tests of `sufficiency`.

use serde_json::json;

use crate::policy::{Facts, Held, Hierarchy, Policy, all, any, claim, not, role, scope};

fn sufficient(policy: &Policy, caller: &impl Facts) -> Option<Vec<String>> {
    let evaluation = policy.evaluate(caller);
    evaluation
        .sufficient_scopes()
        .map(|scopes| scopes.into_iter().map(str::to_owned).collect())
}

fn assert_sufficient(policy: &Policy, caller: &Held, expected: &[&str]) {
    assert_eq!(sufficient(policy, caller).unwrap(), expected, "{policy}");
}

#[test]
fn the_smaller_alternative_is_preferred() {
    let policy = (scope("a") & scope("b")) | scope("c");
    assert_sufficient(&policy, &Held::new(), &["c"]);
    assert_sufficient(&policy, &Held::new().scope("a"), &["c"]);
}

#[test]
fn equal_sizes_prefer_the_fewest_missing_scopes() {
    let policy = (scope("a") & scope("b")) | (scope("c") & scope("d"));
    assert_sufficient(&policy, &Held::new(), &["a", "b"]);
    assert_sufficient(&policy, &Held::new().scope("d"), &["c", "d"]);
}

#[test]
fn shared_scopes_are_listed_once() {
    let policy = (scope("a") | scope("b")) & (scope("b") | scope("c")) & (scope("c") | scope("b"));
    assert_sufficient(&policy, &Held::new(), &["b"]);
    assert_sufficient(&(scope("a") & scope("a")), &Held::new(), &["a"]);
}

#[test]
fn roles_and_claims_yield_no_scopes() {
    let policy = (role("admin") & scope("a")) | (claim("tier", "gold") & scope("b"));
    assert_eq!(sufficient(&policy, &Held::new()), None);
    assert_sufficient(&policy, &Held::new().role("admin"), &["a"]);
    assert_sufficient(
        &policy,
        &Held::new().claims(json!({"tier": "gold"})),
        &["b"],
    );
    assert_eq!(
        sufficient(&role("admin"), &Held::new().scope("admin")),
        None
    );
    assert_eq!(sufficient(&Policy::deny(), &Held::new()), None);
}

#[test]
fn a_held_forbidden_scope_yields_none() {
    let policy = scope("a") & not(scope("trial"));
    assert_sufficient(&policy, &Held::new(), &["a"]);
    assert_eq!(sufficient(&policy, &Held::new().scope("trial")), None);
    assert_sufficient(&(policy | scope("b")), &Held::new().scope("trial"), &["b"]);
}

#[test]
fn a_scope_forbidden_by_not_is_not_granted() {
    assert_eq!(
        sufficient(&(scope("a") & not(scope("a"))), &Held::new()),
        None
    );
    // The second part forbids the shorter alternative, `a`.
    let policy =
        (scope("a") | (scope("b") & scope("c"))) & (not(scope("a")) | scope("z") & role("r"));
    assert_sufficient(&policy, &Held::new(), &["b", "c"]);
    // `not(a)` alone would be smaller without the second part.
    assert_sufficient(
        &((not(scope("a")) | scope("b")) & scope("a")),
        &Held::new(),
        &["a", "b"],
    );
    // Exclusive or: one of the two, not both.
    let one = (scope("a") & !scope("b")) | (scope("b") & !scope("a"));
    assert_sufficient(&one, &Held::new(), &["a"]);
    assert_eq!(sufficient(&one, &Held::new().scope("a").scope("b")), None);
}

#[test]
fn not_of_not_and_of_groups_is_resolved() {
    assert_sufficient(
        &not(not(scope("a")) | not(scope("b"))),
        &Held::new(),
        &["a", "b"],
    );
    assert_sufficient(
        &not(not(scope("a")) & not(scope("b"))),
        &Held::new().scope("b"),
        &["b"],
    );
    assert_sufficient(
        &not(any([role("r"), not(scope("a"))])),
        &Held::new(),
        &["a"],
    );
    assert_eq!(
        sufficient(
            &not(any([role("r"), not(scope("a"))])),
            &Held::new().role("r")
        ),
        None
    );
}

#[test]
fn a_scope_that_implies_a_forbidden_one_is_forbidden() {
    let hierarchy = Hierarchy::new().implies("admin", "trial");
    let policy =
        (scope("admin") | scope("b")) & not(scope("trial")).with_scope_hierarchy(&hierarchy);
    assert_sufficient(&policy, &Held::new(), &["b"]);
    assert_eq!(sufficient(&policy, &Held::new().scope("admin")), None);
}

#[test]
fn more_scopes_than_bits_in_a_word_are_supported() {
    let names: Vec<_> = (0..300).map(|n| format!("s{n}")).collect();
    let every = all(names.iter().map(|name| scope(name)));
    assert_eq!(sufficient(&every, &Held::new().scope("s7")).unwrap(), names);
    let last = any(names.iter().map(|name| scope(name))) & scope("s299");
    assert_sufficient(&last, &Held::new(), &["s299"]);
    let spread = not(scope("s0")) & every;
    assert_eq!(sufficient(&spread, &Held::new()), None);
}

/// Expanded, this policy has 2^300 branches.
#[test]
fn combinations_stay_bounded() {
    let pairs = (0..300).map(|n| scope(format!("a{n}")) | scope(format!("b{n}")));
    let policy = all(pairs);
    let scopes = sufficient(&policy, &Held::new()).unwrap();
    assert_eq!(scopes.len(), 300);
    assert!(policy.permits(&scopes.into_iter().fold(Held::new(), Held::scope)));

    let triples = (0..120).map(|n| {
        all([
            scope(format!("a{n}")),
            scope(format!("b{n}")),
            !scope(format!("a{}", n + 1)),
        ])
    });
    assert_eq!(sufficient(&all(triples), &Held::new()), None);
}

/// A client can ask again and again for the refusal of a policy whose branches share scopes.
#[test]
fn the_work_of_a_search_is_bounded() {
    let shared = |n: usize| any((0..14).map(|m| scope(format!("s{}", n * m))));
    let policy = all((1..60).map(|n| shared(n) | role(&format!("r{n}"))));
    let evaluation = policy.evaluate(&Held::new());
    let mut asked = super::Asked::default();
    asked.collect(&evaluation);
    let found = asked.branches(&evaluation, true, &super::Set::default());
    let looked_at = asked.looked_at.get();
    assert!(looked_at < super::LOOKED_AT + 60 * 32, "{looked_at}");
    assert!(!found.is_empty());
    let scopes = sufficient(&policy, &Held::new()).unwrap();
    assert!(policy.permits(&scopes.into_iter().fold(Held::new(), Held::scope)));
}

/// Groups of leaves need no search. Its result is the same.
#[test]
fn leaves_give_the_result_of_the_search() {
    let leaves = || [scope("a"), scope("b"), role("r"), claim("c", 1), scope("a")];
    let callers = [
        Held::new(),
        Held::new().scope("b"),
        Held::new().role("r").scope("a"),
        Held::new().role("r").claims(json!({"c": 1})),
    ];
    for chosen in 1..32_usize {
        let parts = || {
            let chosen = move |place: &usize| chosen >> place & 1 == 1;
            leaves()
                .into_iter()
                .enumerate()
                .filter(move |(place, _)| chosen(place))
        };
        for policy in [
            any(parts().map(|(_, leaf)| leaf)),
            all(parts().map(|(_, leaf)| leaf)),
        ] {
            for caller in &callers {
                let evaluation = policy.evaluate(caller);
                if !super::is_of_leaves(&evaluation) {
                    assert!(evaluation.satisfied());
                    continue;
                }
                let found = super::of_leaves(&evaluation);
                assert_eq!(found, super::searched(&evaluation), "{policy}");
            }
        }
    }
}
