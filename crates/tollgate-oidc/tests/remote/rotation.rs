//! Key rotation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tollgate_core::{Algorithm, KeySource as _, SigningKey};
use tollgate_oidc::{Event, FetchResponse};
use tollgate_testkit::{FakeProvider, Mint};

use crate::fixture::{Answer, COOL_DOWN, JWKS, World, key, seconds};
use crate::time::{jump, pass, settled};

#[tokio::test(start_paused = true)]
async fn the_next_request_after_a_rotation_passes() {
    let world = World::new();
    let (old, new) = (key("2031-01"), key("2031-02"));
    let service = world.service(std::slice::from_ref(&old)).await;
    pass(seconds(60)).await;
    world.provider.publish(JWKS, &[old.clone(), new.clone()]);
    assert_eq!(
        service.at_once(&new),
        None,
        "it waits for the fetch that it has caused"
    );
    settled().await;
    assert_eq!(service.request(&new).await, Answer::Ok);
    assert_eq!(service.request(&old).await, Answer::Ok);
    assert_eq!(world.fetches(), 2);
    world.assert_paced();
    // The new key is not in the negative cache.
    let events = world.events.lock().unwrap();
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::UnknownKey { .. }))
    );
}

/// A set without `alg` for a verifier that accepts PS256: no fetch for a key that is there, and a
/// rotated one is found and not reported as unknown.
#[tokio::test(start_paused = true)]
async fn keys_without_alg_serve_the_algorithms_of_the_verifier() {
    let world = World::new();
    let key = |kid: &str| {
        let key = SigningKey::generate(Algorithm::PS256).unwrap();
        key.with_kid(kid)
    };
    let publish = |keys: &[SigningKey]| {
        let set = FakeProvider::jwk_set(keys).replace(r#""alg":"PS256","#, "");
        assert!(!set.contains("alg"), "{set}");
        world.provider.answer(JWKS, FetchResponse::new(200, set));
    };
    let (old, new) = (key("2031-01"), key("2031-02"));
    publish(std::slice::from_ref(&old));
    let source = world.jwks().connect().await.unwrap();
    let silent = world.serve(source.clone());
    let service = world.serve_with(source, |builder| builder.algorithms([Algorithm::PS256]));
    settled().await;
    assert_eq!(service.request(&old).await, Answer::Ok);
    assert_eq!(silent.request(&old).await, Answer::Refused);
    let forged = key("2031-01");
    assert_eq!(service.request(&forged).await, Answer::Refused);
    assert_eq!(world.fetches(), 1);
    pass(seconds(60)).await;
    publish(&[old.clone(), new.clone()]);
    assert_eq!(service.request(&new).await, Answer::Ok);
    assert_eq!(world.fetches(), 2);
    let events = world.events.lock().unwrap();
    let unknown = |event: &Event| matches!(event, Event::UnknownKey { .. });
    assert!(!events.iter().any(unknown));
}

#[tokio::test(start_paused = true)]
async fn two_hundred_requests_after_a_rotation_cause_one_fetch() {
    let world = World::new();
    let new = key("2031-02");
    let service = world.service(&[key("2031-01")]).await;
    pass(seconds(60)).await;
    world.provider.hang(JWKS);
    let requests: Vec<_> = (0..200)
        .map(|_| {
            let (service, new) = (service.clone(), new.clone());
            tokio::spawn(async move { service.request(&new).await })
        })
        .collect();
    settled().await;
    assert!(requests.iter().all(|request| !request.is_finished()));
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    for request in requests {
        assert_eq!(request.await.unwrap(), Answer::Ok);
    }
    assert_eq!(world.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_stops_at_the_next_refresh() {
    let world = World::new();
    let (stays, goes) = (key("stays"), key("goes"));
    let service = world.service(&[stays.clone(), goes.clone()]).await;
    world.provider.publish(JWKS, std::slice::from_ref(&stays));
    pass(seconds(479)).await;
    assert_eq!(service.request(&goes).await, Answer::Ok);
    pass(seconds(1)).await;
    assert_eq!(
        world.fetches(),
        2,
        "in the background, at 80 % of ten minutes"
    );
    assert_eq!(service.request(&stays).await, Answer::Ok);
    assert_eq!(service.request(&goes).await, Answer::Refused);
}

#[tokio::test(start_paused = true)]
async fn jitter_only_makes_the_refresh_earlier() {
    for (jitter, at) in [(0.0, 480), (0.999, 433)] {
        let world = World::new();
        world.provider.publish(JWKS, &[key("1")]);
        let _source = world.jwks().jitter(move || jitter).connect().await.unwrap();
        pass(seconds(at - 2)).await;
        assert_eq!(world.fetches(), 1, "{jitter}");
        pass(seconds(2)).await;
        assert_eq!(world.fetches(), 2, "{jitter}");
    }
}

#[tokio::test(start_paused = true)]
async fn equal_bytes_keep_the_epoch() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    let before = service.source.keys().unwrap();
    pass(seconds(480)).await;
    assert_eq!(world.fetches(), 2);
    assert!(Arc::ptr_eq(&before, &service.source.keys().unwrap()));
    assert_eq!(service.source.status().age, Some(seconds(0)));
}

#[tokio::test(start_paused = true)]
async fn a_304_keeps_the_epoch() {
    let world = World::new();
    let set = FakeProvider::jwk_set(&[key("1")]);
    let response = FetchResponse::new(200, set).with_header("etag", "\"v1\"");
    let source = {
        world.provider.answer(JWKS, response.clone());
        world.jwks().connect().await.unwrap()
    };
    let before = source.keys().unwrap();
    for _ in 0..20 {
        pass(seconds(480)).await;
    }
    assert!(Arc::ptr_eq(&before, &source.keys().unwrap()));
    let requests = world.provider.requests();
    assert_eq!(requests.len(), 21);
    let asks = |index: usize| {
        let headers = &requests[index].request.headers;
        headers
            .iter()
            .any(|(name, value)| *name == "if-none-match" && value == "\"v1\"")
    };
    assert!(!asks(0) && (1..21).all(asks));
}

#[tokio::test(start_paused = true)]
async fn the_stated_life_counts_within_bounds() {
    for (cache_control, due) in [
        ("max-age=300", 240),
        ("max-age=1", 48),
        ("max-age=999999", 2880),
        ("no-store", 48),
        ("public", 480),
    ] {
        let world = World::new();
        let response = FetchResponse::new(200, FakeProvider::jwk_set(&[key("1")]));
        world
            .provider
            .answer(JWKS, response.with_header("cache-control", cache_control));
        let source = world.jwks().connect().await.unwrap();
        assert_eq!(
            source.status().next_refresh,
            Some(seconds(due)),
            "{cache_control}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_change_after_the_start_is_found_at_once() {
    let world = World::new();
    let new = key("2031-02");
    let service = world.service(&[key("2031-01")]).await;
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    assert_eq!(service.request(&new).await, Answer::Ok);
    assert_eq!(world.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_change_within_the_cool_down_waits_for_its_end() {
    let world = World::new();
    let new = key("2031-02");
    let service = world.service(&[key("2031-01")]).await;
    assert_eq!(service.request(&key("a stranger's")).await, Answer::Refused);
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    pass(COOL_DOWN - seconds(1)).await;
    assert_eq!(service.request(&new).await, Answer::Refused);
    pass(seconds(1)).await;
    assert_eq!(service.request(&new).await, Answer::Ok);
    world.assert_paced();
}

#[tokio::test(start_paused = true)]
async fn a_forged_signature_with_a_known_kid_causes_no_fetch() {
    let world = World::new();
    let service = world.service(&[key("2031-01")]).await;
    pass(seconds(60)).await;
    for _ in 0..100 {
        assert_eq!(service.at_once(&key("2031-01")), Some(Answer::Refused));
    }
    assert_eq!(world.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_hmac_token_causes_no_fetch() {
    let world = World::new();
    let service = world.service(&[key("2031-01")]).await;
    pass(seconds(60)).await;
    let hmac = tollgate_testkit::keys::signing(Algorithm::HS256);
    assert_eq!(service.at_once(&hmac), Some(Answer::Refused));
    assert_eq!(world.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_use_of_a_key_is_recorded() {
    let world = World::new();
    let (old, new) = (key("old"), key("new"));
    let service = world.service(&[old.clone(), new.clone()]).await;
    let used = || -> Vec<_> {
        let keys = service.source.status().keys;
        keys.into_iter()
            .map(|key| (key.kid.unwrap(), key.last_used))
            .collect()
    };
    assert_eq!(used(), [("old".to_owned(), None), ("new".to_owned(), None)]);
    assert_eq!(service.request(&old).await, Answer::Ok);
    let first = world.clock.seconds();
    pass(seconds(100)).await;
    assert_eq!(service.request(&new).await, Answer::Ok);
    let second = world.clock.seconds();
    assert_eq!(
        used(),
        [
            ("old".to_owned(), Some(first)),
            ("new".to_owned(), Some(second))
        ]
    );
    // The same keys among others, in another order.
    world
        .provider
        .publish(JWKS, &[key("newest"), new.clone(), old.clone()]);
    pass(seconds(480)).await;
    assert_eq!(
        used(),
        [
            ("newest".to_owned(), None),
            ("new".to_owned(), Some(second)),
            ("old".to_owned(), Some(first))
        ]
    );
    // A token with a good signature and refused claims does not count as use.
    let expired = Mint::new(old.clone(), &world.clock)
        .token()
        .expires_in(-600)
        .build();
    assert_eq!(service.send(expired).await, Answer::Refused);
    assert_eq!(used()[2].1, Some(first));
}

#[tokio::test(start_paused = true)]
async fn readers_see_a_consistent_set_during_a_swap() {
    let world = World::new();
    let both = [key("stays"), key("comes")];
    let service = world.service(&both[..1]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (service, stop, reads) = (service.clone(), Arc::clone(&stop), Arc::clone(&reads));
            let token = service.token(&both[0]);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    assert!(matches!(service.source.keys().unwrap().len(), 1 | 2));
                    assert!(service.gate.verifier().verify(&token).is_ok());
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for round in 0..50_usize {
        world.provider.publish(JWKS, &both[..=(round + 1) % 2]);
        let before = world.fetches();
        // Time is paused for the readers, which run outside of the runtime.
        jump(seconds(480));
        while world.fetches() == before || service.source.status().age != Some(seconds(0)) {
            tokio::task::yield_now().await;
        }
        settled().await;
        let seen = reads.load(Ordering::Relaxed);
        while reads.load(Ordering::Relaxed) == seen {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
}
