use proptest::prelude::*;
use tollgate_core::Algorithm;
use tollgate_testkit::keys;

use super::*;

const RETENTION: u64 = 960;

fn key(kid: &str) -> SigningKey {
    SigningKey::hs256(keys::SECRET).unwrap().with_kid(kid)
}

fn schedule(keys: &[(&str, u64)]) -> Schedule {
    let mut schedule = Schedule::new(RETENTION);
    for (kid, from) in keys {
        schedule.add(key(kid), *from).unwrap();
    }
    schedule
}

fn phases(schedule: &Schedule, now: u64) -> Vec<(String, KeyPhase)> {
    let states = schedule.states(now).into_iter();
    states.map(|state| (state.kid, state.phase)).collect()
}

fn signs(schedule: &Schedule, now: u64) -> Option<&str> {
    schedule.signing(now).and_then(SigningKey::kid)
}

#[test]
fn a_key_is_next_then_active_then_retired_then_removed() {
    let schedule = schedule(&[("a", 0), ("b", 1_000)]);
    let at = |now| phases(&schedule, now);
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let before = vec![(a.clone(), KeyPhase::Active), (b.clone(), KeyPhase::Next)];
    assert_eq!(at(0), before);
    assert_eq!(at(999), before);
    let after = vec![(a, KeyPhase::Retired), (b.clone(), KeyPhase::Active)];
    assert_eq!(at(1_000), after);
    assert_eq!(at(1_959), after);
    assert_eq!(at(1_960), vec![(b.clone(), KeyPhase::Active)]);
    assert_eq!(at(u64::MAX), vec![(b, KeyPhase::Active)]);
}

#[test]
fn the_order_of_adding_does_not_matter() {
    let schedule = schedule(&[("c", 2_000), ("a", 0), ("b", 1_000)]);
    assert_eq!(signs(&schedule, 1_500), Some("b"));
    assert_eq!(signs(&schedule, 2_000), Some("c"));
}

#[test]
fn ambiguous_keys_are_refused() {
    let mut schedule = schedule(&[("a", 0)]);
    let mut refused = |key, from| schedule.add(key, from).unwrap_err().kind();
    assert_eq!(refused(key("a"), 5), ConfigErrorKind::Duplicate);
    assert_eq!(refused(key("b"), 0), ConfigErrorKind::Contradiction);
    assert_eq!(
        refused(SigningKey::hs256(keys::SECRET).unwrap(), 5),
        ConfigErrorKind::InvalidText
    );
    for kid in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(
            refused(key(kid), 5),
            ConfigErrorKind::InvalidText,
            "{kid:?}"
        );
    }
    assert_eq!(
        refused(keys::signing(Algorithm::ES256), 5),
        ConfigErrorKind::MixedKeys
    );
}

#[test]
fn keys_are_bounded() {
    let mut schedule = Schedule::new(RETENTION);
    for at in 0..128 {
        schedule.add(key(&at.to_string()), at).unwrap();
    }
    let error = schedule.add(key("128"), 128).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    schedule.prune(127 + RETENTION);
    assert_eq!(schedule.slots.len(), 1);
    assert!(schedule.add(key("128"), 10_000).is_ok());
}

#[test]
fn a_withdrawn_key_is_removed_permanently() {
    let mut schedule = schedule(&[("a", 0), ("b", 1_000), ("c", 2_000)]);
    assert!(schedule.withdraw("a", 1_100));
    assert!(!schedule.withdraw("a", 1_100));
    assert!(!schedule.withdraw("x", 1_100));
    assert_eq!(schedule.published(1_100).count(), 2);
    assert_eq!(
        schedule.add(key("a"), 5_000).unwrap_err().kind(),
        ConfigErrorKind::Duplicate
    );
}

#[test]
fn after_a_withdrawal_the_next_key_signs_and_no_old_one() {
    let mut schedule = schedule(&[("a", 0), ("b", 1_000), ("c", 9_000)]);
    assert!(schedule.withdraw("b", 1_100));
    assert_eq!(signs(&schedule, 1_100), Some("c"));
    assert_eq!(signs(&schedule, 1_099), Some("c"), "the clock was set back");
    assert_eq!(
        phases(&schedule, 1_100)[0],
        ("a".to_owned(), KeyPhase::Retired)
    );
    assert!(schedule.withdraw("c", 1_200));
    assert_eq!(
        signs(&schedule, 1_200),
        None,
        "a retired key does not sign again"
    );
    assert_eq!(
        phases(&schedule, 1_960),
        [],
        "the superseded keys are removed"
    );
    schedule.add(key("d"), 1_300).unwrap();
    assert_eq!(signs(&schedule, 1_300), Some("d"));
}

#[test]
fn a_scheduled_key_can_be_withdrawn_before_its_time() {
    let mut schedule = schedule(&[("a", 0), ("b", 1_000)]);
    assert!(schedule.withdraw("b", 500));
    assert_eq!(signs(&schedule, 5_000), Some("a"));
    assert_eq!(schedule.states(5_000)[0].until, None);
}

proptest! {
    /// For every schedule, the key of a token verifies as long as the token lives, and nothing
    /// changes within a span.
    #[test]
    fn a_key_outlives_its_tokens(
        mut starts in proptest::collection::btree_set(1_u64..5_000, 0..6),
        signed in 0_u64..8_000,
        later in 0_u64..RETENTION,
    ) {
        starts.insert(0);
        let mut schedule = Schedule::new(RETENTION);
        for (name, from) in starts.iter().enumerate() {
            schedule.add(key(&name.to_string()), *from).unwrap();
        }
        let kid = signs(&schedule, signed).unwrap().to_owned();
        let published = |now| schedule.published(now)
            .map(|key| key.kid().unwrap().to_owned()).collect::<Vec<_>>();
        prop_assert!(published(signed + later).contains(&kid));
        let (from, until) = schedule.span(signed);
        prop_assert!(from <= signed && signed < until);
        for now in [from, until - 1] {
            prop_assert_eq!(signs(&schedule, now), Some(&*kid));
            prop_assert_eq!(published(now), published(signed));
        }
        let mut pruned = schedule.clone();
        pruned.prune(signed);
        prop_assert_eq!(phases(&pruned, signed), phases(&schedule, signed));
        prop_assert_eq!(phases(&pruned, signed + later), phases(&schedule, signed + later));
    }
}
