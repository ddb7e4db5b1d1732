//! Tests of `admission`.

use super::*;

const COOL_DOWN: Duration = Duration::from_secs(10);

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_burst_is_admitted_and_then_one_per_interval() {
    let mut admission = Admission::new(10, COOL_DOWN);
    for n in 0..10 {
        assert!(
            admission.admit(&n.to_string(), false, at(100)).is_ok(),
            "{n}"
        );
    }
    assert_eq!(admission.admit("10", false, at(100)).unwrap_err(), at(1));
    assert!(admission.admit("10", false, at(101)).is_ok());
    assert_eq!(admission.admit("11", false, at(101)).unwrap_err(), at(1));
    for n in 0..10 {
        assert!(
            admission.admit(&n.to_string(), false, at(1_000)).is_ok(),
            "{n}"
        );
    }
    assert!(admission.admit("12", false, at(1_000)).is_err());
}

#[test]
fn concurrent_fetches_are_bounded_with_a_full_bucket() {
    let mut admission = Admission::new(1_000, COOL_DOWN);
    let mut running: Vec<_> = (0..MOST_RUNNING)
        .map(|n| admission.admit(&n.to_string(), false, at(1)).unwrap())
        .collect();
    assert_eq!(
        admission.admit("one more", false, at(1)).unwrap_err(),
        at(1)
    );
    running.pop();
    assert!(admission.admit("one more", false, at(1)).is_ok());
}

#[test]
fn a_removed_issuer_rests_for_a_cool_down() {
    let mut admission = Admission::new(10, COOL_DOWN);
    admission.given_up(["a".into()], at(100));
    assert_eq!(admission.admit("a", false, at(103)).unwrap_err(), at(7));
    assert!(admission.admit("b", false, at(103)).is_ok());
    // Removed again in the meantime: the later rest counts.
    admission.given_up(["a".into()], at(105));
    assert_eq!(admission.admit("a", false, at(110)).unwrap_err(), at(5));
    assert!(admission.admit("a", false, at(115)).is_ok());
    assert_eq!(admission.resting(at(115)), 0);
}

#[test]
fn unknown_issuers_take_nothing_from_known_ones() {
    let mut admission = Admission::new(1, COOL_DOWN);
    let _running = admission.admit("unknown", false, at(1)).unwrap();
    for n in 0..1_000 {
        assert!(admission.admit(&n.to_string(), false, at(1)).is_err());
        assert!(admission.admit(&n.to_string(), true, at(1)).is_ok());
    }
    // The cool-down of a removed issuer holds for both.
    admission.given_up(["a".into()], at(1));
    assert_eq!(admission.admit("a", true, at(2)).unwrap_err(), at(9));
}

#[test]
fn a_refusal_takes_nothing_from_the_bucket() {
    let mut admission = Admission::new(1, COOL_DOWN);
    admission.given_up(["a".into()], at(100));
    assert!(admission.admit("a", false, at(101)).is_err());
    assert!(admission.admit("b", false, at(101)).is_ok());
}
