use proptest::prelude::*;
use serde_json::Map;
use zeroize::Zeroizing;

use super::super::key::RefreshKey;
use super::super::record::{Bytes, Unreadable};
use super::*;
use crate::id::SessionId;

const START: u64 = 1_700_000_000;

fn rules() -> Rules {
    Rules {
        idle: 1_000,
        absolute: 5_000,
        access: 100,
        grace: 10,
        late: 0,
        leeway: 5,
        keys: RefreshKeys::new(vec![RefreshKey::new(1, [1; 32])]).unwrap(),
    }
}

fn fresh(rules: &Rules) -> Record {
    let (id, salt) = (SessionId::new([4; 16]), [8; 32]);
    let key = rules.keys.newest();
    Record {
        id,
        subject: "u-7".to_owned(),
        revision: 1,
        body: Box::new(Body {
            version: Body::VERSION,
            created_at: START,
            cap: START + rules.absolute,
            idle_until: START + rules.idle,
            last_seen: START,
            auth_time: START,
            ended_at: None,
            salt: Bytes(salt),
            generation: 1,
            current: Sealed::new(key.derive(&id, 1, &salt), key.id()),
            previous: None,
            rotated_at: START,
            late: None,
            earlier: Vec::new(),
            step_up: None,
            access: Access {
                jti: "jti-1".to_owned(),
                issued_at: START,
                expires_at: START + rules.access,
                scope: "a b".to_owned(),
                auth_time: Some(START),
            },
            former: None,
            issued: None,
            scope: "a b".to_owned(),
            login_scope: None,
            idle: None,
            browser_session: false,
            client_id: None,
            csrf: None,
            roles: Vec::new(),
            claims: Map::new(),
            device: Device::default(),
            binding: None,
            data: None,
            actor: None,
        }),
    }
}

fn refresh_at(record: &Record, token: &RefreshToken, at: u64, rules: &Rules) -> Outcome {
    refresh(record, token, (at, at), None, rules)
}

fn refresh(
    record: &Record,
    token: &RefreshToken,
    (arrived_at, now): (u64, u64),
    scope: Option<&str>,
    rules: &Rules,
) -> Outcome {
    let device = &Device::default();
    let jti = "jti-n";
    step(
        record,
        &Event::Refresh {
            token,
            binding: None,
            arrived_at,
            by_store: now,
            scope,
            device,
            jti,
        },
        now,
        rules,
    )
}

fn refresh_bound(
    record: &Record,
    token: &RefreshToken,
    binding: Option<&Binding>,
    at: u64,
) -> Outcome {
    let event = Event::Refresh {
        token,
        binding,
        arrived_at: at,
        by_store: at,
        scope: None,
        device: &Device::default(),
        jti: "jti-n",
    };
    step(record, &event, at, &rules())
}

fn replaced(record: &Record, outcome: Outcome) -> Record {
    match outcome {
        Outcome::Replace(body) => record.with(body),
        other => panic!("{other:?}"),
    }
}

fn of(record: &Record, rules: &Rules) -> RefreshToken {
    record.refresh_token(&rules.keys).unwrap()
}

fn presented(record: &Record) -> Presented {
    let access = record.body.access.clone();
    Presented {
        subject: record.subject.clone(),
        jti: access.jti,
        issued_at: access.issued_at,
        expires_at: access.expires_at,
        scope: access.scope,
        auth_time: access.auth_time,
    }
}

fn slide(record: &Record, presented: &Presented, now: u64, rules: &Rules) -> Outcome {
    step(
        record,
        &Event::Slide {
            presented,
            jti: "jti-s",
        },
        now,
        rules,
    )
}

#[test]
fn a_bound_session_is_refreshed_only_with_its_binding() {
    let rules = rules();
    let unbound = fresh(&rules);
    let random = &crate::random::SystemRandom;
    let binding = Binding::generate(unbound.id, random).unwrap();
    let other = Binding::generate(unbound.id, random).unwrap();
    let mut bound = unbound.clone();
    bound.body.binding = Some(binding.hash());
    let (token, mut forged) = (of(&bound, &rules), of(&bound, &rules));
    forged.secret[0] ^= 1;
    let used = replaced(&bound, refresh_bound(&bound, &token, Some(&binding), START));
    assert_eq!(used.body.binding, bound.body.binding);
    assert_eq!(
        refresh_bound(&used, &token, Some(&binding), START + 60),
        Outcome::Reuse
    );

    let refused = Outcome::Refused(Refused::Unbound);
    for wrong in [None, Some(&other)] {
        assert_eq!(refresh_bound(&bound, &token, wrong, START), refused);
        assert_eq!(
            refresh_bound(&used, &token, wrong, START + 60),
            refused,
            "no reuse"
        );
        let unknown = Outcome::Refused(Refused::Unknown);
        assert_eq!(refresh_bound(&bound, &forged, wrong, START), unknown);
    }
    assert_eq!(
        refresh_bound(&unbound, &token, Some(&binding), START),
        refused
    );
    assert!(matches!(
        refresh_bound(&unbound, &token, None, START),
        Outcome::Replace(_)
    ));
}

#[test]
fn the_newest_genuine_token_decides() {
    let rules = rules();
    let first = fresh(&rules);
    let old = of(&first, &rules);
    let second = replaced(&first, refresh_at(&first, &old, START, &rules));
    let previous = of(&second, &rules);
    let third = replaced(&second, refresh_at(&second, &previous, START, &rules));
    let forged = |generation| {
        let mut token = of(&third, &rules);
        token.generation = generation;
        token.secret[0] ^= 1;
        token
    };
    let mut tokens = vec![
        forged(1),
        forged(9),
        forged(3),
        old,
        previous,
        of(&third, &rules),
    ];
    for generation in [3, 2, 1] {
        let chosen = candidate(&third, &tokens, START + 1, &rules).unwrap();
        assert_eq!(chosen.generation, generation);
        assert_ne!(
            refresh_at(&third, chosen, START + 1, &rules),
            Outcome::Refused(Refused::Unknown)
        );
        tokens.pop();
    }
    let refused = refresh_at(
        &third,
        candidate(&third, &tokens, START, &rules).unwrap(),
        START,
        &rules,
    );
    assert_eq!(refused, Outcome::Refused(Refused::Unknown));
    assert!(candidate(&third, &[], START, &rules).is_none());
}

#[test]
fn a_stored_session_without_a_binding_is_read() {
    let record = fresh(&rules());
    let stored = record.write().unwrap();
    assert!(!String::from_utf8_lossy(&stored.data).contains("binding"));
    assert!(Record::read(&stored, &record.id).unwrap().body == record.body);
    let mut bound = record;
    bound.body.binding = Some(Bytes([5; 32]));
    let stored = bound.write().unwrap();
    assert!(Record::read(&stored, &bound.id).unwrap().body == bound.body);
}

#[test]
fn the_secret_of_a_new_token_is_not_stored() {
    let rules = rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    let token = of(&two, &rules);
    let stored = two.write().unwrap();
    let secret = base64_simd::URL_SAFE_NO_PAD.encode_to_string(*token.secret);
    assert!(!String::from_utf8_lossy(&stored.data).contains(&secret));
    assert!(!String::from_utf8_lossy(&stored.data).contains("secret"));
    let read = Record::read(&stored, &two.id).unwrap();
    assert_eq!(of(&read, &rules).write(), token.write());
    let other = RefreshKeys::new(vec![RefreshKey::new(1, [9; 32])]).unwrap();
    assert!(
        read.refresh_token(&other).is_none(),
        "a stored one is checked"
    );
}

#[test]
fn the_current_token_rotates() {
    let rules = rules();
    let one = fresh(&rules);
    let two = replaced(
        &one,
        refresh_at(&one, &of(&one, &rules), START + 20, &rules),
    );
    assert_eq!(
        (two.revision, two.body.generation, two.body.rotated_at),
        (2, 2, START + 20)
    );
    assert_eq!(two.body.previous, Some(one.body.current.clone()));
    assert_ne!(two.body.current, one.body.current);
    assert_eq!(two.body.idle_until, START + 20 + rules.idle);
    assert_eq!(
        (two.body.cap, two.body.created_at, two.body.auth_time),
        (one.body.cap, START, START)
    );
    assert_eq!(two.body.former, Some(one.body.access));
    assert_eq!(
        (&*two.body.access.jti, two.body.access.issued_at),
        ("jti-n", START + 20)
    );
    assert_eq!(two.body.access.expires_at, START + 120);
}

#[test]
fn the_previous_token_repeats_within_grace_and_is_reuse_after_it() {
    let rules = rules();
    let one = fresh(&rules);
    let old = of(&one, &rules);
    let two = replaced(&one, refresh_at(&one, &old, START + 20, &rules));
    for at in [START + 20, START + 29] {
        assert_eq!(
            refresh_at(&two, &old, at, &rules),
            Outcome::Repeat { late: false }
        );
    }
    assert_eq!(refresh_at(&two, &old, START + 30, &rules), Outcome::Reuse);
    // The request arrived in time, only the store was slow.
    assert_eq!(
        refresh(&two, &old, (START + 29, START + 31), None, &rules),
        Outcome::Repeat { late: false }
    );
}

#[test]
fn without_grace_the_previous_token_is_reuse_at_once() {
    let rules = Rules {
        grace: 0,
        ..rules()
    };
    let one = fresh(&rules);
    let old = of(&one, &rules);
    let two = replaced(&one, refresh_at(&one, &old, START + 20, &rules));
    for at in [START + 19, START + 20, START + 21] {
        assert_eq!(refresh_at(&two, &old, at, &rules), Outcome::Reuse);
    }
}

#[test]
fn an_older_token_is_refused_within_grace_and_is_reuse_after_it() {
    let rules = rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START + 1, &rules));
    let three = replaced(&two, refresh_at(&two, &of(&two, &rules), START + 5, &rules));
    let four = replaced(
        &three,
        refresh_at(&three, &of(&three, &rules), START + 6, &rules),
    );
    let outdated = Outcome::Refused(Refused::Outdated);
    assert_eq!(four.body.earlier, [START + 5, START + 1]);
    for (token, until) in [
        (of(&one, &rules), START + 11),
        (of(&two, &rules), START + 15),
    ] {
        for at in [START, START + 6, until - 1] {
            assert_eq!(refresh_at(&four, &token, at, &rules), outdated);
            assert!(is_genuine(&four, &token, at, &rules));
        }
        assert_eq!(refresh_at(&four, &token, until, &rules), Outcome::Reuse);
    }
    assert_eq!(
        refresh_at(&four, &of(&three, &rules), START + 6, &rules),
        Outcome::Repeat { late: false }
    );
    // Beside the previous token, an outdated one does not decide, and neither does an older one
    // beside the outdated one.
    let tokens = [of(&one, &rules), of(&two, &rules), of(&three, &rules)];
    let decides = |tokens: &[RefreshToken]| {
        candidate(&four, tokens, START + 12, &rules)
            .unwrap()
            .generation
    };
    assert_eq!(decides(&tokens), 3);
    assert_eq!(decides(&tokens[..2]), 2);
    // Without a grace period, nothing is in progress.
    let strict = Rules { grace: 0, ..rules };
    assert_eq!(
        refresh_at(&four, &of(&two, &strict), START + 6, &strict),
        Outcome::Reuse
    );
}

#[test]
fn the_times_of_rotations_are_pruned_and_bounded() {
    let rules = rules();
    let mut record = fresh(&rules);
    for _ in 0..200 {
        record = replaced(
            &record,
            refresh_at(&record, &of(&record, &rules), START, &rules),
        );
    }
    assert_eq!(record.body.earlier, [START; Body::EARLIER]);
    // The clock of another instance may be behind by the leeway.
    let at = START + rules.grace + rules.leeway;
    let kept = replaced(
        &record,
        refresh_at(&record, &of(&record, &rules), at - 1, &rules),
    );
    assert_eq!(kept.body.earlier.len(), Body::EARLIER);
    let pruned = replaced(
        &record,
        refresh_at(&record, &of(&record, &rules), at, &rules),
    );
    assert!(pruned.body.earlier.is_empty());
}

fn late_rules() -> Rules {
    Rules {
        late: 100,
        ..rules()
    }
}

fn repeated_late(record: &Record, outcome: Outcome) -> Record {
    match outcome {
        Outcome::RepeatLate(body) => record.with(body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_late_repeat_returns_the_successor_once_with_a_new_access_token() {
    let rules = late_rules();
    let one = fresh(&rules);
    let old = of(&one, &rules);
    let two = replaced(&one, refresh_at(&one, &old, START + 20, &rules));
    assert_eq!(refresh_at(&two, &old, START + 120, &rules), Outcome::Reuse);
    let late = repeated_late(&two, refresh_at(&two, &old, START + 119, &rules));
    assert_eq!(of(&late, &rules).write(), of(&two, &rules).write());
    assert_eq!(late.body.former, Some(two.body.access.clone()));
    assert_eq!(
        (
            &*late.body.access.jti,
            late.body.access.issued_at,
            late.body.access.expires_at
        ),
        ("jti-n", START + 119, START + 219)
    );
    assert_eq!(
        (
            late.body.idle_until,
            late.body.last_seen,
            late.body.rotated_at
        ),
        (two.body.idle_until, two.body.last_seen, two.body.rotated_at)
    );
    // The answer may be lost as well.
    for at in [START + 119, START + 128] {
        assert_eq!(
            refresh_at(&late, &old, at, &rules),
            Outcome::Repeat { late: true }
        );
    }
    assert_eq!(refresh_at(&late, &old, START + 129, &rules), Outcome::Reuse);
    // After the next rotation, it is outdated for the grace period of the late repeat.
    let three = replaced(
        &late,
        refresh_at(&late, &of(&late, &rules), START + 120, &rules),
    );
    assert_eq!(three.body.late, None);
    let outdated = Outcome::Refused(Refused::Outdated);
    assert_eq!(refresh_at(&three, &old, START + 128, &rules), outdated);
    assert_eq!(
        refresh_at(&three, &old, START + 129, &rules),
        Outcome::Reuse
    );
    // Its own generation can be repeated late.
    repeated_late(
        &three,
        refresh_at(&three, &of(&two, &rules), START + 140, &rules),
    );
}

#[test]
fn an_access_token_of_a_late_repeat_does_not_outlive_the_idle_timeout() {
    let rules = Rules {
        late: 1_000,
        ..rules()
    };
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    let at = two.body.idle_until - 1;
    let late = repeated_late(&two, refresh_at(&two, &of(&one, &rules), at, &rules));
    let access = &late.body.access;
    assert_eq!((access.issued_at, access.expires_at), (at, at + 1));
    assert_eq!(
        refresh_at(&two, &of(&one, &rules), at + 1, &rules),
        Outcome::Refused(Refused::Expired)
    );
}

#[test]
fn a_late_repeat_needs_the_binding_or_else_the_device() {
    let rules = late_rules();
    let at = START + 50;
    let device = |agent: &str, address: &str| Device {
        user_agent: (!agent.is_empty()).then(|| agent.to_owned()),
        address: Some(address.to_owned()),
        name: None,
    };
    let mut one = fresh(&rules);
    one.body.device = device("phone", "203.0.113.7");
    let mut two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    let old = of(&one, &rules);
    let present = |record: &Record, device: &Device, binding: Option<&Binding>, scope| {
        let event = Event::Refresh {
            token: &old,
            binding,
            arrived_at: at,
            by_store: at,
            scope,
            device,
            jti: "jti-n",
        };
        step(record, &event, at, &rules)
    };
    for same in [
        device("phone", "203.0.113.7"),
        device("phone", "198.51.100.1"),
        device("", "::1"),
    ] {
        repeated_late(&two, present(&two, &same, None, None));
    }
    let thief = device("laptop", "203.0.113.7");
    assert_eq!(present(&two, &thief, None, None), Outcome::Reuse);
    assert_eq!(present(&two, &thief, None, Some("more")), Outcome::Reuse);
    let named = Device {
        name: Some("another".to_owned()),
        ..device("phone", "203.0.113.7")
    };
    repeated_late(&two, present(&two, &named, None, None));
    two.body.device.name = Some("the phone".to_owned());
    assert_eq!(present(&two, &named, None, None), Outcome::Reuse);
    // A browser has the binding, and its update changes the user agent.
    let binding = Binding::generate(two.id, &crate::random::SystemRandom).unwrap();
    two.body.binding = Some(binding.hash());
    repeated_late(&two, present(&two, &thief, Some(&binding), None));
    let unbound = Outcome::Refused(Refused::Unbound);
    assert_eq!(present(&two, &device("phone", "::1"), None, None), unbound);
}

#[test]
fn a_late_repeat_has_the_requested_scope() {
    let rules = late_rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    let ask = |scope| {
        refresh(
            &two,
            &of(&one, &rules),
            (START + 50, START + 50),
            scope,
            &rules,
        )
    };
    let scope = |asked| repeated_late(&two, ask(asked)).body.access.scope;
    assert_eq!((&*scope(Some("b")), &*scope(None)), ("b", "a b"));
    assert_eq!(ask(Some("c")), Outcome::Refused(Refused::Scope));
}

#[test]
fn a_late_repeat_is_never_granted_across_a_re_authentication() {
    let rules = late_rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    let again = |record: &Record, at| {
        let access = presented(record);
        let event = Event::Reauthenticate {
            presented: &access,
            by_store: at,
            jti: "u",
        };
        replaced(record, step(record, &event, at, &rules))
    };
    let three = again(&two, START + 1);
    for token in [of(&one, &rules), of(&two, &rules)] {
        for at in [START + 11, START + 50] {
            assert_eq!(refresh_at(&three, &token, at, &rules), Outcome::Reuse);
        }
    }
    // The token of the re-authentication itself may have lost its answer.
    let four = replaced(
        &three,
        refresh_at(&three, &of(&three, &rules), START + 20, &rules),
    );
    repeated_late(
        &four,
        refresh_at(&four, &of(&three, &rules), START + 50, &rules),
    );
}

#[test]
fn without_the_key_or_the_grace_period_nothing_is_repeated_late() {
    let rules = late_rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    let keys = vec![RefreshKey::new(2, [2; 32]), RefreshKey::new(1, [1; 32])];
    let newer = Rules {
        keys: RefreshKeys::new(keys).unwrap(),
        ..late_rules()
    };
    let three = replaced(&two, refresh_at(&two, &of(&two, &rules), START, &newer));
    assert_eq!(
        refresh_at(&three, &of(&two, &rules), START + 50, &rules),
        Outcome::Refused(Refused::KeyMissing)
    );
    let strict = Rules {
        grace: 0,
        ..late_rules()
    };
    assert_eq!(
        refresh_at(&two, &of(&one, &rules), START + 50, &strict),
        Outcome::Reuse
    );
}

/// The fields that were added later are absent until they are needed, and an instance that does
/// not know them drops them.
#[test]
fn records_are_shared_with_instances_without_late_repeats() {
    let rules = late_rules();
    let one = fresh(&rules);
    let text = |record: &Record| String::from_utf8(record.write().unwrap().data).unwrap();
    assert!(!text(&one).contains("late") && !text(&one).contains("earlier"));
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START, &rules));
    assert!(!text(&two).contains("late") && !text(&two).contains("earlier"));
    let late = repeated_late(
        &two,
        refresh_at(&two, &of(&one, &rules), START + 50, &rules),
    );
    assert!(text(&late).contains(r#""late":{"generation":2,"at":1700000050}"#));
    // An older instance renews the access token: one more late repeat is possible.
    let mut renewed = late;
    renewed.body.late = None;
    repeated_late(
        &renewed,
        refresh_at(&renewed, &of(&one, &rules), START + 70, &rules),
    );
}

#[test]
fn a_damaged_record_is_malformed_and_a_later_version_is_newer() {
    let record = fresh(&rules());
    let stored = record.write().unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut body: serde_json::Value = serde_json::from_slice(&stored.data).unwrap();
        change(&mut body);
        let mut stored = stored.clone();
        stored.data = serde_json::to_vec(&body).unwrap();
        Record::read(&stored, &record.id).err()
    };
    assert_eq!(with(&|_| {}), None);
    let fields = serde_json::from_slice::<Map<String, serde_json::Value>>(&stored.data).unwrap();
    for field in fields.keys().filter(|field| *field != "device") {
        let missing = with(&|body| {
            body.as_object_mut().unwrap().remove(field);
        });
        assert_eq!(missing, Some(Unreadable::Malformed), "{field}");
        let other = with(&|body| body[field] = serde_json::json!([null]));
        assert_eq!(other, Some(Unreadable::Malformed), "{field}");
    }
    for (field, value) in [
        ("generation", 0_u64.into()),
        ("cap", u64::MAX.into()),
        ("idle_until", (1_u64 << 40).into()),
        ("scope", "a  b".into()),
        ("client_id", "".into()),
        ("claims", serde_json::json!({"sub": "admin"})),
    ] {
        let implausible = with(&|body| body[field] = serde_json::Value::clone(&value));
        assert_eq!(implausible, Some(Unreadable::Malformed), "{field}");
    }
    for version in [2_u64, 255, 256, u64::MAX] {
        let newer = with(&|body| *body = serde_json::json!({"v": version}));
        assert_eq!(newer, Some(Unreadable::Newer), "{version}");
    }
    let other = SessionId::new([5; 16]);
    assert_eq!(
        Record::read(&stored, &other).err(),
        Some(Unreadable::Malformed)
    );
    let tombstone = Record::tombstone(&stored, record.id, START + 5);
    let stored = tombstone.write().unwrap();
    let read = Record::read(&stored, &record.id).unwrap();
    assert_eq!((read.revision, read.body.ended_at), (2, Some(START + 5)));
}

#[test]
fn a_forged_token_changes_nothing() {
    let rules = rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START + 1, &rules));
    let three = replaced(&two, refresh_at(&two, &of(&two, &rules), START + 2, &rules));
    let unknown = Outcome::Refused(Refused::Unknown);
    for generation in [0, 1, 2, 3, 4, u64::MAX] {
        let mut forged = of(&three, &rules);
        forged.secret = Zeroizing::new([9; 32]);
        forged.generation = generation;
        assert_eq!(
            refresh_at(&three, &forged, START + 3, &rules),
            unknown,
            "{generation}"
        );
    }
    for good in [&one, &two, &three] {
        for (generation, key) in [(1, 0), (0, 1), (u64::MAX, 0)] {
            let mut tampered = of(good, &rules);
            tampered.generation = tampered.generation.wrapping_add(generation);
            tampered.key += key;
            let outcome = refresh_at(&three, &tampered, START + 3, &rules);
            assert_eq!(outcome, unknown, "{generation} {key} {good:?}");
        }
    }
    // A secret that the server could derive for a generation that never existed is not valid
    // either.
    let mut future = of(&three, &rules);
    for generation in [0, 4, 5] {
        future.generation = generation;
        future.secret = rules
            .keys
            .newest()
            .derive(&three.id, generation, &three.body.salt.0);
        assert_eq!(
            refresh_at(&three, &future, START + 3, &rules),
            unknown,
            "{generation}"
        );
    }
}

#[test]
fn an_ended_session_refuses_everything() {
    let rules = rules();
    let one = fresh(&rules);
    let (token, access) = (of(&one, &rules), presented(&one));
    let ended = replaced(&one, step(&one, &Event::End, START + 5, &rules));
    assert_eq!(ended.body.ended_at, Some(START + 5));
    let again = Event::Reauthenticate {
        presented: &access,
        by_store: START,
        jti: "j",
    };
    for (record, at, why) in [
        (&ended, START + 5, Refused::Ended),
        (&ended, START, Refused::Ended),
        (&one, START + rules.idle, Refused::Expired),
        (&one, START + rules.absolute, Refused::Expired),
    ] {
        assert_eq!(
            refresh_at(record, &token, at, &rules),
            Outcome::Refused(why)
        );
        assert_eq!(slide(record, &access, at, &rules), Outcome::Refused(why));
        assert_eq!(step(record, &again, at, &rules), Outcome::Refused(why));
    }
    assert_eq!(
        step(&ended, &Event::End, START + 6, &rules),
        Outcome::Refused(Refused::Ended)
    );
    // A session can be ended whether it has expired or not.
    replaced(
        &one,
        step(&one, &Event::End, START + rules.absolute, &rules),
    );
}

#[test]
fn scope_shrinks_and_returns_to_the_granted_scope() {
    let rules = rules();
    let one = fresh(&rules);
    let ask = |record: &Record, scope| {
        refresh(
            record,
            &of(record, &rules),
            (START, START),
            Some(scope),
            &rules,
        )
    };
    let less = replaced(&one, ask(&one, "b  b"));
    assert_eq!((&*less.body.access.scope, &*less.body.scope), ("b", "a b"));
    for more in ["c", "a b c", "A", "", " ", "a\tb"] {
        assert_eq!(
            ask(&one, more),
            Outcome::Refused(Refused::Scope),
            "{more:?}"
        );
        assert_eq!(
            ask(&less, more),
            Outcome::Refused(Refused::Scope),
            "{more:?}"
        );
    }
    // RFC 6749 section 6: without a requested scope, the originally granted scope applies.
    let all = replaced(&less, refresh_at(&less, &of(&less, &rules), START, &rules));
    assert_eq!(all.body.access.scope, "a b");
}

#[test]
fn the_cap_bounds_every_deadline() {
    let rules = rules();
    let mut record = fresh(&rules);
    let cap = record.body.cap;
    let mut at = START;
    while at + 900 < cap {
        at += 900;
        record = replaced(
            &record,
            refresh_at(&record, &of(&record, &rules), at, &rules),
        );
    }
    record = replaced(
        &record,
        refresh_at(&record, &of(&record, &rules), cap - 1, &rules),
    );
    assert_eq!(
        (
            record.body.cap,
            record.body.idle_until,
            record.body.access.expires_at
        ),
        (cap, cap, cap)
    );
    assert_eq!(
        refresh_at(&record, &of(&record, &rules), cap, &rules),
        Outcome::Refused(Refused::Expired)
    );
    let access = presented(&record);
    assert_eq!(
        slide(&record, &access, cap - 1, &rules),
        Outcome::Refused(Refused::NothingGained)
    );
}

#[test]
fn concurrent_renewals_get_one_successor() {
    let rules = rules();
    let one = fresh(&rules);
    let access = presented(&one);
    let two = replaced(&one, slide(&one, &access, START + 60, &rules));
    assert_eq!(
        (two.body.generation, &two.body.current),
        (1, &one.body.current),
        "the refresh token does not change"
    );
    assert_eq!(
        (&*two.body.access.jti, two.body.access.expires_at),
        ("jti-s", START + 160)
    );
    assert_eq!(two.body.idle_until, START + 60 + rules.idle);
    assert_eq!(
        slide(&two, &access, START + 61, &rules),
        Outcome::Repeat { late: false }
    );
    // Another scope is another token: a renewal never restores scope that was given up.
    let less = Presented {
        scope: "a".to_owned(),
        ..presented(&one)
    };
    assert_eq!(
        replaced(&two, slide(&two, &less, START + 61, &rules))
            .body
            .access
            .scope,
        "a"
    );
    let stranger = Presented {
        subject: "u-8".to_owned(),
        ..presented(&one)
    };
    assert_eq!(
        slide(&one, &stranger, START + 60, &rules),
        Outcome::Refused(Refused::Unknown)
    );
    assert_eq!(
        slide(&one, &access, START, &rules),
        Outcome::Refused(Refused::NothingGained)
    );
}

#[test]
fn a_step_up_rotates_and_sets_auth_time() {
    let rules = rules();
    let one = fresh(&rules);
    let access = presented(&one);
    let event = Event::Reauthenticate {
        presented: &access,
        by_store: START + 30,
        jti: "j",
    };
    let two = replaced(&one, step(&one, &event, START + 30, &rules));
    assert_eq!(
        (two.body.auth_time, two.body.created_at),
        (START + 30, START)
    );
    assert_eq!((two.body.generation, &*two.body.access.jti), (2, "j"));
    assert_eq!(two.body.access.auth_time, Some(START + 30));
    assert_eq!(two.body.former, None, "a lost answer can be repeated");
    let stranger = Presented {
        subject: "u-8".to_owned(),
        ..presented(&one)
    };
    let event = Event::Reauthenticate {
        presented: &stranger,
        by_store: START,
        jti: "j",
    };
    assert_eq!(
        step(&one, &event, START, &rules),
        Outcome::Refused(Refused::Unknown)
    );
}

#[test]
fn a_refresh_token_from_before_a_step_up_is_refused_within_grace() {
    let rules = rules();
    let one = fresh(&rules);
    let two = replaced(&one, refresh_at(&one, &of(&one, &rules), START + 1, &rules));
    let access = presented(&two);
    let event = Event::Reauthenticate {
        presented: &access,
        by_store: START + 20,
        jti: "j",
    };
    let three = replaced(&two, step(&two, &event, START + 20, &rules));
    let four = replaced(
        &three,
        refresh_at(&three, &of(&three, &rules), START + 21, &rules),
    );
    let stepped_up = Outcome::Refused(Refused::SteppedUp);
    for record in [&three, &four] {
        for old in [of(&one, &rules), of(&two, &rules)] {
            assert_eq!(refresh_at(record, &old, START + 29, &rules), stepped_up);
            // The request arrived in time, only the store was slow.
            let slow = refresh(record, &old, (START + 29, START + 31), None, &rules);
            assert_eq!(slow, stepped_up);
            assert_eq!(refresh_at(record, &old, START + 31, &rules), Outcome::Reuse);
        }
    }
    // The token of the re-authentication itself has the usual grace period.
    let again = refresh_at(&four, &of(&three, &rules), START + 30, &rules);
    assert_eq!(again, Outcome::Repeat { late: false });
    let strict = Rules {
        grace: 0,
        ..self::rules()
    };
    assert_eq!(
        refresh_at(&three, &of(&two, &rules), START + 20, &strict),
        Outcome::Reuse
    );
}

#[test]
fn an_access_token_from_before_a_step_up_is_not_renewed() {
    let rules = rules();
    let one = fresh(&rules);
    let old = presented(&one);
    let event = Event::Reauthenticate {
        presented: &old,
        by_store: START + 30,
        jti: "j",
    };
    let two = replaced(&one, step(&one, &event, START + 30, &rules));
    let no_time = Presented {
        auth_time: None,
        ..presented(&one)
    };
    for at in [START + 60, START + 90] {
        for thief in [&old, &no_time] {
            let outcome = slide(&two, thief, at, &rules);
            assert_eq!(outcome, Outcome::Refused(Refused::SteppedUp));
        }
    }
    let three = replaced(&two, slide(&two, &presented(&two), START + 90, &rules));
    assert_eq!(three.body.access.auth_time, Some(START + 30));
    // The repeat of a renewal has no later time either.
    assert_eq!(
        slide(&three, &old, START + 90, &rules),
        Outcome::Refused(Refused::SteppedUp)
    );
}

#[test]
fn the_record_keeps_the_latest_expiry_of_any_configuration() {
    let long = rules();
    let short = Rules {
        access: 10,
        ..rules()
    };
    let one = fresh(&long);
    let two = replaced(&one, refresh_at(&one, &of(&one, &long), START + 1, &long));
    let three = replaced(&two, refresh_at(&two, &of(&two, &long), START + 2, &short));
    assert_eq!(three.body.access.expires_at, START + 12);
    assert!(three.body.issued().until >= START + 101);
    // A record of an earlier version does not say it.
    let mut old = three.body;
    old.issued = None;
    assert_eq!(old.issued().until, old.cap.min(START + 2 + 24 * 3600));
}

#[test]
fn a_restamp_moves_only_iat_and_at_most_one_second_ahead() {
    let rules = rules();
    let one = fresh(&rules);
    let restamp = |not_before| step(&one, &Event::Restamp { not_before }, START, &rules);
    for not_before in [0, START, START + 2, u64::MAX] {
        let outcome = restamp(not_before);
        assert_eq!(
            outcome,
            Outcome::Refused(Refused::NothingGained),
            "{not_before}"
        );
    }
    let two = replaced(&one, restamp(START + 1));
    assert_eq!(two.body.access.issued_at, START + 1);
    assert_eq!(two.body.issued().last, START + 1);
    let mut back = two.body;
    back.access.issued_at = START;
    back.issued = None;
    assert_eq!(back, one.body);
}

#[test]
fn a_new_key_takes_over_and_a_removed_one_is_refused() {
    let (old, new) = (RefreshKey::new(1, [1; 32]), RefreshKey::new(2, [2; 32]));
    let with = |keys| Rules {
        keys: RefreshKeys::new(keys).unwrap(),
        ..rules()
    };
    let (before, both, after) = (
        with(vec![old.clone()]),
        with(vec![new.clone(), old]),
        with(vec![new]),
    );
    let one = fresh(&before);
    let first = of(&one, &before);
    assert_eq!(
        refresh_at(&one, &first, START + 1, &after),
        Outcome::Refused(Refused::Unknown)
    );
    let two = replaced(&one, refresh_at(&one, &first, START + 1, &both));
    assert_eq!(two.body.current.key, 2);
    assert_eq!(
        refresh_at(&two, &first, START + 2, &both),
        Outcome::Repeat { late: false }
    );
    // An instance that does not have the new key yet cannot derive the successor, and ends nothing.
    assert_eq!(
        refresh_at(&two, &first, START + 2, &before),
        Outcome::Refused(Refused::KeyMissing)
    );
    assert_eq!(
        refresh_at(&two, &of(&two, &both), START + 2, &before),
        Outcome::Refused(Refused::Unknown)
    );
    let three = replaced(&two, refresh_at(&two, &of(&two, &both), START + 3, &after));
    assert_eq!(
        refresh_at(&three, &first, START + 11, &both),
        Outcome::Reuse
    );
}

#[test]
fn a_clock_set_back_extends_nothing_past_the_cap() {
    let rules = rules();
    let one = fresh(&rules);
    let old = of(&one, &rules);
    let two = replaced(&one, refresh_at(&one, &old, START + 500, &rules));
    assert_eq!(
        refresh_at(&two, &old, START + 400, &rules),
        Outcome::Repeat { late: false }
    );
    let three = replaced(
        &two,
        refresh_at(&two, &of(&two, &rules), START + 400, &rules),
    );
    assert_eq!(
        (three.body.cap, three.body.last_seen),
        (one.body.cap, START + 500)
    );
    // Within the leeway a token is not older than its predecessor. A verifier refuses one from
    // further ahead.
    assert_eq!(three.body.access.issued_at, START + 405);
    assert_eq!(three.body.access.expires_at, START + 500);
}

#[derive(Clone, Debug)]
enum Act {
    /// Presents the n-th issued token, counted back from the last.
    Refresh(usize),
    Forge(u64),
    Slide,
    StepUp,
    End,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => prop_oneof![5 => Just(0_usize), 3 => Just(1), 1 => 2..5_usize].prop_map(Act::Refresh),
        1 => (0..6_u64).prop_map(Act::Forge),
        2 => Just(Act::Slide),
        1 => Just(Act::StepUp),
        1 => Just(Act::End),
        4 => prop_oneof![4 => 0..12_u64, 2 => 40..120_u64, 1 => 900..1_100_u64].prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    /// These invariants hold for every history.
    #[test]
    fn invariants_of_any_history(
        acts in acts(),
        grace in 0..15_u64,
        late in prop_oneof![Just(0), 20..200_u64],
    ) {
        let rules = Rules { grace, late, ..rules() };
        let mut record = fresh(&rules);
        let (cap, start) = (record.body.cap, record.body.created_at);
        let mut handed_out = vec![of(&record, &rules).write()];
        let mut now = START;
        let mut over = false;
        // The times when each generation began or was repeated late.
        let mut last_given = std::collections::HashMap::from([(1, START)]);
        for act in acts {
            let before = record.clone();
            let outcome = match &act {
                Act::Wait(seconds) => { now += seconds; continue }
                Act::Refresh(back) => {
                    let at = handed_out.len().saturating_sub(back + 1);
                    let token = RefreshToken::read(&handed_out[at]).unwrap();
                    let outcome = refresh_at(&record, &token, now, &rules);
                    let steps_back = record.body.generation - token.generation;
                    match &outcome {
                        Outcome::Replace(_) => prop_assert_eq!(steps_back, 0),
                        Outcome::Repeat { late } => {
                            prop_assert_eq!(steps_back, 1);
                            let since = match record.body.late {
                                Some(repeated) if *late => repeated.at,
                                _ => record.body.rotated_at,
                            };
                            prop_assert!(now - since < grace);
                            // The same token that was issued before.
                            prop_assert_eq!(of(&record, &rules).write(), handed_out.last().unwrap()
                                .clone());
                        }
                        Outcome::RepeatLate(body) => {
                            prop_assert_eq!(steps_back, 1);
                            prop_assert!((grace..late).contains(&(now - record.body.rotated_at)));
                            prop_assert!(record.body.late.is_none() && body.late.is_some());
                            prop_assert!(record.body.step_up
                                .is_none_or(|step_up| step_up.generation < body.generation));
                            prop_assert_eq!(body.idle_until, record.body.idle_until);
                            prop_assert!(body.access.expires_at <= body.idle_until);
                            prop_assert_ne!(&body.access, &record.body.access);
                        }
                        Outcome::Reuse => {
                            // The last time at which its successor was given out.
                            let last = last_given.get(&(token.generation + 1));
                            prop_assert!(steps_back > 0 && grace <= now - last.unwrap());
                        }
                        Outcome::Refused(Refused::Outdated) => prop_assert!(steps_back > 1
                            && now - last_given[&(token.generation + 1)] < grace),
                        Outcome::Refused(Refused::SteppedUp) => {
                            let step_up = record.body.step_up.unwrap();
                            prop_assert!(token.generation < step_up.generation);
                            prop_assert!(now - step_up.at < grace);
                        }
                        Outcome::Refused(_) => prop_assert!(over || !record.body.is_live(now)),
                    }
                    outcome
                }
                Act::Forge(generation) => {
                    let mut token = of(&record, &rules);
                    token.generation = *generation;
                    token.secret = Zeroizing::new([0xEE; 32]);
                    let outcome = refresh_at(&record, &token, now, &rules);
                    prop_assert!(matches!(outcome, Outcome::Refused(_)));
                    outcome
                }
                Act::Slide => slide(&record, &presented(&record), now, &rules),
                Act::StepUp => {
                    let access = presented(&record);
                    let event = Event::Reauthenticate {
                        presented: &access,
                        by_store: now,
                        jti: "u",
                    };
                    step(&record, &event, now, &rules)

                }
                Act::End => step(&record, &Event::End, now, &rules),
            };
            if over {
                prop_assert!(matches!(outcome, Outcome::Refused(_)), "{:?} after the end", act);
            }
            let rotated = matches!(
                (&act, &outcome),
                (Act::Refresh(_) | Act::StepUp, Outcome::Replace(_))
            );
            match outcome {
                Outcome::Replace(body) | Outcome::RepeatLate(body) => {
                    record = record.with(body);
                    if !matches!(act, Act::Slide) {
                        last_given.insert(record.body.generation, now);
                    }
                }
                Outcome::Reuse => record =
                    replaced(&record, step(&record, &Event::End, now, &rules)),
                Outcome::Repeat { .. } | Outcome::Refused(_) => {}
            }
            over = record.body.ended_at.is_some();
            if rotated {
                handed_out.push(of(&record, &rules).write());
            }
            let body = &record.body;
            prop_assert_eq!((body.cap, body.created_at), (cap, start));
            prop_assert!(body.idle_until <= cap && body.access.expires_at <= cap);
            prop_assert_eq!(body.generation, before.body.generation + u64::from(rotated));
            prop_assert!(body.access.issued_at < body.access.expires_at);
            prop_assert_eq!(body.access.auth_time, Some(body.auth_time));
            prop_assert!(body.issued().until >= body.access.expires_at);
            prop_assert!(body.issued().until >= before.body.issued().until.min(cap)
                || before.body.issued.is_none());
            let stored = record.write().unwrap();
            prop_assert_eq!(&Record::read(&stored, &record.id).unwrap().body, body);
            // No stored byte string contains a secret that was issued.
            for token in &handed_out {
                let secret = RefreshToken::read(token).unwrap().secret;
                let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&secret[..]);
                let holds = |needle: &[u8]| stored.data.windows(needle.len())
                    .any(|at| at == needle);
                prop_assert!(!holds(text.as_bytes()) && !holds(&secret[..])
                    && !holds(token.as_bytes()));
            }
        }
    }
}
