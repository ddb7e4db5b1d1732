//! Keys that arrive after a reader has loaded the snapshot and before it requests a refresh: the
//! reader loads the snapshot again.

use std::time::Duration;

use tollgate_core::{Algorithm, KeySource, MissingKey, Step, Unavailable};
use tollgate_oidc::RemoteJwks;
use tollgate_testkit::{FakeProvider, keys};

use crate::time::{pass, settled};

const JWKS: &str = "https://id.example.com/jwks.json";

fn source(provider: &FakeProvider) -> RemoteJwks {
    RemoteJwks::new(JWKS).fetch(provider.clone()).jitter(|| 0.0)
}

async fn looks_again(refresh: Step<Result<(), Unavailable>>) -> bool {
    match refresh {
        Step::Pending(answer) => answer.await.is_ok(),
        Step::Ready(_) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_keys_that_arrive_meanwhile_are_used() {
    let provider = FakeProvider::new();
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("1")]);
    let source = source(&provider).lazy().unwrap();
    assert!(source.keys().is_err());
    settled().await;
    let missing = MissingKey::new(Some("1"), Algorithm::ES256);
    assert!(looks_again(source.refresh(&missing)).await);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_that_arrives_meanwhile_is_used() {
    let provider = FakeProvider::new();
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("1")]);
    let source = source(&provider).connect().await.unwrap();
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("2")]);
    let before = source.keys().unwrap();
    pass(Duration::from_secs(480)).await; // the next fetch
    assert_ne!(
        before.keys()[0].kid(),
        source.keys().unwrap().keys()[0].kid()
    );
    let missing = MissingKey::new(Some("2"), Algorithm::ES256);
    assert!(looks_again(source.refresh(&missing)).await);
    // No fetch is made for it.
    assert_eq!(provider.count(JWKS), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_with_the_kid_and_another_algorithm_does_not_match() {
    let provider = FakeProvider::new();
    provider.publish(JWKS, &[keys::signing(Algorithm::ES256).with_kid("1")]);
    let source = source(&provider).connect().await.unwrap();
    settled().await;
    let missing = MissingKey::new(Some("1"), Algorithm::RS256);
    assert!(looks_again(source.refresh(&missing)).await);
    assert_eq!(provider.count(JWKS), 2);
}
