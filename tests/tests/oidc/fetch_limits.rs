//! The limits on fetches that tokens can cause.

use std::sync::atomic::{AtomicUsize, Ordering};

use tollgate_tests::servers::Fault;

use crate::world::{COOL_DOWN, Issuer, LIFE, World, stranger};

/// Sends `count` tokens with distinct `kid`s from several clients, and counts the responses with
/// this status.
fn flood(world: &World, count: usize, name: &str, status: u16) -> usize {
    let (next, counted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= count {
                        return;
                    }
                    let answer = world
                        .services
                        .ask_one(number, &world.stranger(&format!("{name}-{number}")));
                    assert_ne!(answer.status, 200);
                    counted.fetch_add(usize::from(answer.status == status), Ordering::SeqCst);
                }
            });
        }
    });
    counted.into_inner()
}

#[test]
fn ten_thousand_random_kids_cause_one_fetch_per_cool_down() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    let token = world.issuer.token();
    for round in 0..10 {
        world.pass(COOL_DOWN);
        let before = world.issuer.fetches();
        assert_eq!(flood(&world, 1000, &format!("round-{round}"), 401), 1000);
        assert_eq!(world.issuer.fetches(), before + 1, "in round {round}");
        world.services.expect(200, &token);
    }
    // One at the start and one for each of ten cool-down periods.
    assert_eq!(world.issuer.fetches(), 11);
    world.assert_bounded();
}

#[test]
fn a_flood_right_after_the_start_causes_one_fetch() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    assert_eq!(flood(&world, 1000, "early", 401), 1000);
    assert_eq!(world.issuer.fetches(), 2);
    // The scheduled fetch in between does not allow more.
    world.pass(LIFE);
    let before = world.issuer.fetches();
    assert_eq!(flood(&world, 1000, "late", 401), 1000);
    assert_eq!(world.issuer.fetches(), before + 1);
    world.assert_bounded();
}

#[test]
fn a_repeated_kid_causes_one_fetch_per_cool_down() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    world.pass(COOL_DOWN);
    world.services.expect(401, &world.stranger("the same"));
    for round in 0..5 {
        world.pass(COOL_DOWN);
        let before = world.issuer.fetches();
        for _ in 0..10 {
            world.services.expect(401, &world.stranger("the same"));
        }
        assert_eq!(world.issuer.fetches(), before + 1, "in round {round}");
    }
}

#[test]
fn a_flood_during_an_outage_causes_no_extra_fetch_and_no_401() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    let token = world.issuer.token();
    world.issuer.front.set(Fault::Status(500));
    for round in 0..5 {
        world.pass(COOL_DOWN);
        let before = world.attempts();
        assert_eq!(flood(&world, 200, &format!("round-{round}"), 503), 200);
        assert!(world.attempts() <= before + 1, "in round {round}");
        world.services.expect(200, &token);
    }
    world.assert_bounded();
    world.issuer.front.set(Fault::None);
    world.pass(LIFE);
    world.services.expect(401, &world.stranger("afterwards"));
    world.services.expect(200, &token);
}

#[test]
fn tokens_of_another_issuer_cause_no_fetch() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let world = World::connect(issuer);
    let before = world.attempts();
    for number in 0..20 {
        let strayed = stranger("https://staging.example.com", &number.to_string());
        world.services.expect(401, &strayed);
    }
    assert_eq!(world.attempts(), before);
}
