//! Keys that come between a reader's look at them and its question for others: the reader is told to look again.

use std::time::Duration;

use tollgate_core::{Algorithm, KeySource, MissingKey, Refresh};
use tollgate_oidc::RemoteJwks;
use tollgate_testkit::{FakeProvider, FakeTimer, keys};

const JWKS: &str = "https://id.example.com/jwks.json";

fn source(timer: &FakeTimer, provider: &FakeProvider) -> RemoteJwks {
    RemoteJwks::new(JWKS)
        .fetch(provider.clone())
        .timer(timer.clone())
        .jitter(|| 0.0)
}

async fn looks_again(refresh: Refresh) -> bool {
    match refresh {
        Refresh::Pending(answer) => answer.await.is_ok(),
        _ => false,
    }
}

#[tokio::test]
async fn the_first_keys_that_come_meanwhile_are_looked_at() {
    let timer = FakeTimer::new();
    let provider = FakeProvider::new(&timer);
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("1")]);
    let source = source(&timer, &provider).lazy().unwrap();
    assert!(source.keys().is_err());
    timer.settled().await;
    let missing = MissingKey::new(Some("1"), Algorithm::ES256);
    assert!(looks_again(source.refresh(&missing)).await);
}

#[tokio::test]
async fn a_rotated_key_that_comes_meanwhile_is_looked_at() {
    let timer = FakeTimer::new();
    let provider = FakeProvider::new(&timer);
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("1")]);
    let source = source(&timer, &provider).connect().await.unwrap();
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2")]);
    let before = source.keys().unwrap();
    timer.pass(Duration::from_secs(480)).await; // the next fetch
    assert_ne!(before.keys()[0].kid(), source.keys().unwrap().keys()[0].kid());
    let missing = MissingKey::new(Some("2"), Algorithm::ES256);
    assert!(looks_again(source.refresh(&missing)).await);
    // and no fetch is made for it
    assert_eq!(provider.count(JWKS), 2);
}

#[tokio::test]
async fn a_key_of_the_name_and_another_algorithm_is_not_the_one() {
    let timer = FakeTimer::new();
    let provider = FakeProvider::new(&timer);
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("1")]);
    let source = source(&timer, &provider).connect().await.unwrap();
    timer.settled().await;
    let missing = MissingKey::new(Some("1"), Algorithm::RS256);
    assert!(looks_again(source.refresh(&missing)).await);
    assert_eq!(provider.count(JWKS), 2);
}
