//! Tests of `policy`.

use std::panic::catch_unwind;

use super::*;

#[test]
fn empty_groups_are_constant() {
    let root = Held::new().scope("a").role("root");
    assert!(
        !any([]).permits(&root) && !Policy::deny().permits(&root) && !(!all([])).permits(&root)
    );
    assert!(all([]).permits(&Held::new()) && (!any([])).permits(&Held::new()));
    assert_eq!(
        (any([]).to_string(), all([]).to_string()),
        ("deny()".into(), "allow()".into())
    );
    assert_eq!(any([scope("a"), any([])]).to_string(), r#"scope("a")"#);
    assert!(
        !any([scope("a") & any([])]).permits(&root),
        "an empty group inside one of the other kind is kept"
    );
}

#[test]
fn invalid_names_are_refused() {
    for name in ["", " ", "a b", "a\"b", "a\\b", "a\n", "\u{e9}"] {
        assert!(Policy::try_scope(name).is_err(), "{name:?}");
        assert!(catch_unwind(|| scope(name)).is_err(), "{name:?}");
    }
    assert!(catch_unwind(|| role("")).is_err());
    assert!(catch_unwind(|| claim("", 1)).is_err());
    assert!(catch_unwind(|| claim_present("")).is_err());
}

#[test]
fn a_chain_of_one_operator_is_one_level() {
    let chain = (0..500)
        .map(|n| scope(format!("s{n}")))
        .reduce(|chain, next| chain | next)
        .unwrap();
    assert_eq!((chain.0.clauses, chain.0.depth), (501, 2));
    let reversed = (0..500)
        .map(|n| role(&format!("r{n}")))
        .reduce(|chain, next| next & chain)
        .unwrap();
    assert_eq!((reversed.0.clauses, reversed.0.depth), (501, 2));
}

#[test]
fn depth_is_bounded() {
    let deepen = |policy: Policy, levels: usize| {
        (0..levels).fold(policy, |policy, n| {
            if n % 2 == 0 {
                policy | scope("a")
            } else {
                policy & scope("b")
            }
        })
    };
    let deepest = deepen(role("r"), Policy::MAX_DEPTH - 1);
    assert_eq!(deepest.0.depth, Policy::MAX_DEPTH);
    assert!(deepest.permits(&Held::new().scope("a").scope("b")));
    assert!(catch_unwind(|| !deepest.clone()).is_err());
    assert!(catch_unwind(|| deepen(role("r"), Policy::MAX_DEPTH)).is_err());
}

#[test]
fn shared_parts_count_at_each_occurrence() {
    let doubled = || {
        (0..64).fold(scope("a"), |policy, n| {
            if n % 2 == 0 {
                any([policy.clone(), !policy])
            } else {
                all([policy.clone(), !policy])
            }
        })
    };
    assert!(
        catch_unwind(doubled).is_err(),
        "expanded, it has 2^64 clauses"
    );
}

#[test]
fn an_endless_iterator_is_refused() {
    assert!(catch_unwind(|| any(std::iter::repeat_with(|| scope("a")))).is_err());
}

#[test]
fn the_text_is_valid_source_notation() {
    let policy =
        (scope("a") | !(role("b") & claim("x.y", "z"))) & !claim_present("w") & !Policy::allow();
    assert_eq!(
        policy.to_string(),
        r#"(scope("a") | !(role("b") & claim("x.y", "z"))) & !claim_present("w") & !allow()"#
    );
    assert_eq!(
        format!("{:?}", role("a\"\n\u{1b}")),
        r#"Policy(role("a\"\n\u{1b}"))"#
    );
    assert_eq!(
        claim("a\nb", "c\nd").to_string(),
        r#"claim("a\nb", "c\nd")"#
    );
}

#[test]
fn clones_and_threads_share_one_policy() {
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let policy = scope("a") & role("b");
    shareable(&policy);
    assert!(Arc::ptr_eq(&policy.0, &policy.clone().0));
}
