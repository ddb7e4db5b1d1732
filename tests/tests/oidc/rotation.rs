//! The provider changes its keys while the service runs.

use tollgate_oidc::KeyStatus;

use crate::world::{COOL_DOWN, Issuer, LIFE, World};

fn kids(world: &World) -> Vec<String> {
    let keys: Vec<KeyStatus> = world.keys.status().keys;
    keys.into_iter().filter_map(|key| key.key_id).collect()
}

#[test]
fn the_next_request_after_a_rotation_passes() {
    for algs in [
        ["RS256", "RS256"],
        ["PS256", "ES256"],
        ["ES256", "EdDSA"],
        ["EdDSA", "PS256"],
    ] {
        let Some(issuer) = Issuer::start(&[(algs[0], "old")]) else {
            return;
        };
        let mut world = World::connect(issuer);
        let before = world.issuer.token();
        world.services.expect(200, &before);
        world.pass(COOL_DOWN);

        // Both keys are published for a while, as a provider should do.
        world.issuer.rotate(&[(algs[1], "new"), (algs[0], "old")]);
        let after = world.issuer.token();
        let answer = world.services.expect(200, &after);
        assert!(answer.content.contains("by new with"), "{answer:?}");
        world.services.expect(200, &before);
        assert_eq!(world.issuer.fetches(), 2, "one more for all of these");
        assert_eq!(kids(&world), ["new", "old"]);
        world.assert_bounded();
    }
}

#[test]
fn a_withdrawn_key_stops_working_at_the_next_refresh() {
    let Some(issuer) = Issuer::start(&[("ES256", "old")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let before = world.issuer.token();
    world.services.expect(200, &before);

    world.issuer.rotate(&[("ES256", "new")]);
    let after = world.issuer.token();
    // Nobody has told the service yet.
    world.services.expect(200, &before);
    // The refresh is ahead of the end of the keys' life.
    world.pass(LIFE);
    world.services.expect(401, &before);
    world.services.expect(200, &after);
    assert_eq!(kids(&world), ["new"]);
    world.assert_bounded();
}

#[test]
fn an_emergency_rotation_is_seen_with_the_first_token_of_the_new_key() {
    let Some(issuer) = Issuer::start(&[("ES256", "stolen")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let stolen = world.issuer.token();
    world.services.expect(200, &stolen);
    world.issuer.rotate(&[("ES256", "new")]);
    world.pass(COOL_DOWN);
    world.services.expect(200, &world.issuer.token());
    world.services.expect(401, &stolen);
    world.assert_bounded();
}

#[test]
fn a_key_under_a_kid_that_was_used_before_takes_the_place_of_the_other() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let before = world.issuer.token();
    world.services.expect(200, &before);
    // Another type of key, so the provider makes another one for the same `kid`.
    world.issuer.rotate(&[("EdDSA", "1")]);
    world.pass(LIFE);
    world.services.expect(200, &world.issuer.token());
    world.services.expect(401, &before);
    world.assert_bounded();
}

#[test]
fn many_requests_with_a_new_key_share_one_fetch() {
    let Some(issuer) = Issuer::start(&[("ES256", "old")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    world.issuer.rotate(&[("ES256", "new"), ("ES256", "old")]);
    world.pass(COOL_DOWN);
    let tokens: Vec<_> = (0..16).map(|_| world.issuer.token()).collect();
    std::thread::scope(|scope| {
        let services = &world.services;
        let asked: Vec<_> = tokens
            .iter()
            .map(|token| scope.spawn(|| services.expect(200, token)))
            .collect();
        for answer in asked {
            answer.join().unwrap();
        }
    });
    assert_eq!(world.issuer.fetches(), 2);
}

#[test]
fn a_rotation_during_the_cool_down_is_seen_when_it_is_over() {
    let Some(issuer) = Issuer::start(&[("ES256", "old")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    world.issuer.rotate(&[("ES256", "new"), ("ES256", "old")]);
    let after = world.issuer.token();
    // The keys are seconds old: the service takes them for the newest.
    world.services.expect(401, &after);
    assert_eq!(world.issuer.fetches(), 1);
    world.pass(COOL_DOWN);
    world.services.expect(200, &after);
    assert_eq!(world.issuer.fetches(), 2);
}

#[test]
fn who_has_used_a_key_and_when_is_told() {
    let Some(issuer) = Issuer::start(&[("ES256", "new"), ("ES256", "old")]) else {
        return;
    };
    let world = World::connect(issuer);
    world.services.expect(200, &world.issuer.token());
    let status = world.keys.status();
    let used: Vec<_> = status
        .keys
        .iter()
        .map(|key| (key.key_id.as_deref(), key.last_used.is_some()))
        .collect();
    assert_eq!(used, [(Some("new"), true), (Some("old"), false)]);
}
