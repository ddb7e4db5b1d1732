//! Cached tokens while the keys change.

use tollgate_core::SigningKey;
use tollgate_oidc::FetchResponse;
use tollgate_testkit::FakeProvider;

use crate::fixture::{Answer, COOL_DOWN, JWKS, Service, World, key, seconds};
use crate::time::{pass, settled};

impl Service {
    /// The number of cache hits.
    fn hits(&self) -> u64 {
        self.gate.verifier().token_cache_status().unwrap().hits
    }

    /// Returns a token that is in the cache.
    async fn known(&self, key: &SigningKey) -> String {
        let token = self.token(key);
        assert_eq!(self.send(token.clone()).await, Answer::Ok);
        self.hit(&token).await;
        token
    }

    async fn hit(&self, token: &str) {
        let before = self.hits();
        for _ in 0..2 {
            assert_eq!(self.send(token.to_owned()).await, Answer::Ok);
        }
        assert_eq!(self.hits(), before + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_invalidates_its_cached_tokens() {
    let world = World::new();
    let (stays, goes) = (key("stays"), key("goes"));
    let service = world.service(&[stays.clone(), goes.clone()]).await;
    pass(seconds(400)).await;
    let (by_stays, by_goes) = (service.known(&stays).await, service.known(&goes).await);
    world.provider.publish(JWKS, std::slice::from_ref(&stays));
    pass(seconds(79)).await;
    service.hit(&by_goes).await;
    pass(seconds(1)).await;
    assert_eq!(world.fetches(), 2);
    assert_eq!(service.send(by_goes).await, Answer::Refused);
    assert_eq!(service.send(by_stays.clone()).await, Answer::Ok);
    service.hit(&by_stays).await;
}

/// A stolen key is withdrawn. The first token of the new key causes a fetch, and tokens of the
/// stolen key are refused.
#[tokio::test(start_paused = true)]
async fn a_fetch_caused_by_one_token_applies_to_all() {
    let world = World::new();
    let (stolen, new) = (key("stolen"), key("new"));
    let service = world.service(std::slice::from_ref(&stolen)).await;
    pass(COOL_DOWN).await;
    let by_stolen = service.known(&stolen).await;
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    assert_eq!(service.at_once(&new), None);
    settled().await;
    assert_eq!(service.send(by_stolen).await, Answer::Refused);
    service.known(&new).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_replaced_under_its_kid_invalidates_its_tokens() {
    let world = World::new();
    let (old, new) = (key("1"), key("1"));
    let service = world.service(std::slice::from_ref(&old)).await;
    pass(seconds(400)).await;
    let by_old = service.known(&old).await;
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    pass(seconds(80)).await;
    assert_eq!(service.send(by_old).await, Answer::Refused);
    service.known(&new).await;
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_set_keeps_cached_tokens() {
    for etag in [false, true] {
        let world = World::new();
        let key = key("1");
        let mut response =
            FetchResponse::new(200, FakeProvider::jwk_set(std::slice::from_ref(&key)));
        if etag {
            response = response.with_header("etag", "\"v1\"");
        }
        world.provider.answer(JWKS, response);
        let service = world.serve(world.jwks().connect().await.unwrap());
        settled().await;
        pass(seconds(400)).await;
        let token = service.known(&key).await;
        pass(seconds(100)).await;
        assert_eq!(world.fetches(), 2);
        service.hit(&token).await;
    }
}

/// The keys age without fetches. After their expiry there are no cache hits.
#[tokio::test(start_paused = true)]
async fn expired_keys_invalidate_all_cached_tokens() {
    let world = World::new();
    let key = key("1");
    let service = world.service(std::slice::from_ref(&key)).await;
    world.provider.hang(JWKS);
    let (mut answered, mut silent) = (0, 0);
    let mut token = service.known(&key).await;
    for second in 0_u64..5_000 {
        pass(seconds(1)).await;
        if second % 200 == 0 && service.has_keys() {
            token = service.known(&key).await;
        }
        let has_keys = service.has_keys();
        match service.send(token.clone()).await {
            Answer::Ok if has_keys => answered += 1,
            Answer::Unavailable(_) if !has_keys => silent += 1,
            other => panic!("{other:?} where there are keys: {has_keys}, after {second} s"),
        }
        if silent > 200 {
            break;
        }
    }
    assert!(answered > 500 && silent > 200, "{answered} {silent}");
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_source_share_their_keys() {
    let world = World::new();
    let (old, new) = (key("old"), key("new"));
    let service = world.service(std::slice::from_ref(&old)).await;
    let other = world.serve(service.source.clone());
    pass(seconds(400)).await;
    let token = service.known(&old).await;
    other.hit_after_one(&token).await;
    world.provider.publish(JWKS, &[new]);
    pass(seconds(80)).await;
    assert_eq!(service.send(token.clone()).await, Answer::Refused);
    assert_eq!(other.send(token).await, Answer::Refused);
}

impl Service {
    async fn hit_after_one(&self, token: &str) {
        assert_eq!(self.send(token.to_owned()).await, Answer::Ok);
        self.hit(token).await;
    }
}
