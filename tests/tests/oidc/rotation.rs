//! Key rotation at the provider while the service runs.

use std::time::Duration;

use tollgate_oidc::KeyStatus;

use crate::world::{COOL_DOWN, Issuer, LIFE, World};

fn kids(world: &World) -> Vec<String> {
    let keys: Vec<KeyStatus> = world.status().keys;
    keys.into_iter().filter_map(|key| key.kid).collect()
}

#[test]
fn the_first_request_after_a_rotation_is_accepted() {
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

        // Both keys are published for a while, as recommended for providers.
        world.issuer.rotate(&[(algs[1], "new"), (algs[0], "old")]);
        let after = world.issuer.token();
        let answer = world.services.expect(200, &after);
        assert!(answer.content.contains("by new with"), "{answer:?}");
        world.services.expect(200, &before);
        assert_eq!(world.issuer.fetches(), 2, "one more fetch for all requests");
        assert_eq!(kids(&world), ["new", "old"]);
        world.assert_bounded();
    }
}

#[test]
fn a_withdrawn_key_is_refused_after_the_next_refresh() {
    let Some(issuer) = Issuer::start(&[("ES256", "old")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let before = world.issuer.token();
    world.services.expect(200, &before);

    world.issuer.rotate(&[("ES256", "new")]);
    let after = world.issuer.token();
    // The service has not fetched the change yet.
    world.services.expect(200, &before);
    // The refresh precedes the expiry of the keys.
    world.pass(LIFE);
    world.services.expect(401, &before);
    world.services.expect(200, &after);
    assert_eq!(kids(&world), ["new"]);
    world.assert_bounded();
}

/// Every request except the first is a cache hit, until the keys change.
#[test]
fn cached_tokens_are_invalidated_with_their_key() {
    for alg in ["RS256", "ES256", "EdDSA"] {
        let Some(issuer) = Issuer::start(&[(alg, "old"), ("PS256", "stays")]) else {
            return;
        };
        let mut world = World::connect(issuer);
        let token = world.issuer.token();
        for _ in 0..3 {
            world.services.expect(200, &token);
        }
        let hits = world.hits();
        assert!(hits > 0);
        // The fetch returns the same keys, so the cache stays valid.
        world.pass(LIFE);
        assert!(world.issuer.fetches() > 1);
        world.services.expect(200, &token);
        assert!(world.hits() > hits);

        world.issuer.rotate(&[("PS256", "new"), ("PS256", "stays")]);
        world.pass(LIFE);
        let hits = world.hits();
        for _ in 0..3 {
            world.services.expect(401, &token);
        }
        assert_eq!(world.hits(), hits);
        world.services.expect(200, &world.issuer.token());
        world.assert_bounded();
    }
}

#[test]
fn an_emergency_rotation_is_seen_with_the_first_new_token() {
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
fn a_new_key_with_a_reused_kid_replaces_the_former() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    let before = world.issuer.token();
    world.services.expect(200, &before);
    // Another key type, so that the provider creates another key with the same `kid`.
    world.issuer.rotate(&[("EdDSA", "1")]);
    world.pass(LIFE);
    world.services.expect(200, &world.issuer.token());
    world.services.expect(401, &before);
    world.assert_bounded();
}

#[test]
fn concurrent_requests_with_a_new_key_share_one_fetch() {
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
fn a_second_rotation_is_seen_after_the_cool_down() {
    let Some(issuer) = Issuer::start(&[("ES256", "1")]) else {
        return;
    };
    let mut world = World::connect(issuer);
    // No request has caused a fetch yet, so the first one may.
    world.issuer.rotate(&[("ES256", "2"), ("ES256", "1")]);
    world.services.expect(200, &world.issuer.token());
    assert_eq!(world.issuer.fetches(), 2);

    world.issuer.rotate(&[("ES256", "3"), ("ES256", "2")]);
    let after = world.issuer.token();
    // A request has just fetched the keys, so the service does not fetch again during the
    // cool-down.
    world.services.expect(401, &after);
    assert_eq!(world.issuer.fetches(), 2);
    world.pass(COOL_DOWN);
    world.services.expect(200, &after);
    assert_eq!(world.issuer.fetches(), 3);
    world.assert_bounded();
}

#[test]
fn the_provider_sets_the_key_lifetime_within_bounds() {
    // The `Cache-Control` field, and the time of the next fetch at 80 % of the lifetime.
    for (said, after) in [
        ("public, max-age=120", 96),
        ("max-age=1000", 800),
        // At most one hour and at least one minute.
        ("max-age=31536000", 2880),
        ("max-age=1", 48),
        ("no-store", 48),
        ("max-age=10, no-cache", 48),
        // No recognised directive.
        ("immutable", 480),
        ("max-age=soon", 48),
    ] {
        let Some(issuer) = Issuer::start_with(&[("ES256", "1")], Some(said)) else {
            return;
        };
        let world = World::connect(issuer);
        let next = world.status().next_refresh;
        assert_eq!(next, Some(Duration::from_secs(after)), "{said}");
        world.pass(Duration::from_secs(after - 1));
        assert_eq!(world.issuer.fetches(), 1, "{said}");
        world.pass(Duration::from_secs(1));
        assert_eq!(world.issuer.fetches(), 2, "{said}");
        world.services.expect(200, &world.issuer.token());
    }
}

#[test]
fn the_last_use_of_each_key_is_reported() {
    let Some(issuer) = Issuer::start(&[("ES256", "new"), ("ES256", "old")]) else {
        return;
    };
    let world = World::connect(issuer);
    world.services.expect(200, &world.issuer.token());
    let status = world.status();
    let used: Vec<_> = status
        .keys
        .iter()
        .map(|key| (key.kid.as_deref(), key.last_used.is_some()))
        .collect();
    assert_eq!(used, [(Some("new"), true), (Some("old"), false)]);
}
