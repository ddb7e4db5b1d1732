//! An issuer that withdraws its last key.

use std::time::Duration;

use tollgate_core::SigningKey;
use tollgate_oidc::{Event, FetchResponse, OidcErrorKind, Readiness};

use crate::fixture::{Answer, COOL_DOWN, JWKS, Service, World, key, seconds};
use crate::time::{pass, settled};

const EMPTY: &str = r#"{"keys":[]}"#;

fn empty() -> FetchResponse {
    FetchResponse::new(200, EMPTY)
}

/// A service whose provider has published this key, and has the answer from now on.
async fn after(answer: FetchResponse) -> (World, Service, SigningKey) {
    let world = World::new();
    let only = key("1");
    let service = world.service(std::slice::from_ref(&only)).await;
    world.provider.answer(JWKS, answer);
    (world, service, only)
}

/// The time until requests by the key are answered with 503, up to half an hour.
async fn end(service: &Service, only: &SigningKey) -> Option<Duration> {
    for second in 0..1800 {
        if service.request(only).await != Answer::Ok {
            return Some(seconds(second));
        }
        pass(seconds(1)).await;
    }
    None
}

fn withdrawn(world: &World) -> usize {
    let events = world.events.lock().unwrap();
    let withdrawn = |event: &&Event| matches!(event, Event::Withdrawn { .. });
    events.iter().filter(withdrawn).count()
}

#[tokio::test(start_paused = true)]
async fn an_empty_set_that_is_confirmed_ends_the_keys() {
    let (world, service, only) = after(empty()).await;
    // The refresh at 80 % of ten minutes, an uncached fetch after 10 s, and 300 s.
    let end = end(&service, &only).await.unwrap();
    assert!((seconds(790)..seconds(800)).contains(&end), "{end:?}");
    assert!(matches!(
        service.request(&only).await,
        Answer::Unavailable(_)
    ));
    let status = service.source.status();
    assert_eq!(status.readiness, Readiness::Unavailable);
    assert!(status.keys.is_empty());
    let error = status.last_error.unwrap();
    assert_eq!(error.kind(), OidcErrorKind::NoUsableKey);
    // Every fetch after the first empty set asks caches to revalidate.
    let requests = world.provider.requests();
    let no_cache = |index: usize| {
        let headers = &requests[index].request.headers;
        headers.contains(&("cache-control", "no-cache".to_owned()))
    };
    assert!(!no_cache(0) && !no_cache(1));
    assert!((2..requests.len()).all(no_cache));
    pass(seconds(7200)).await;
    assert!(!service.has_keys());
    assert_eq!(withdrawn(&world), 1);
    let expired = |event: &Event| matches!(event, Event::Expired { .. });
    assert!(!world.events.lock().unwrap().iter().any(expired));

    // Until keys appear again, also the same ones.
    world.provider.publish(JWKS, std::slice::from_ref(&only));
    pass(COOL_DOWN).await;
    assert_eq!(service.request(&only).await, Answer::Unavailable(1));
    settled().await;
    assert_eq!(service.request(&only).await, Answer::Ok);
    assert_eq!(service.source.readiness(), Readiness::Ready);
}

#[tokio::test(start_paused = true)]
async fn space_in_an_empty_set_means_nothing() {
    let (_world, service, only) = after(FetchResponse::new(200, "\n{ \"keys\" : [ ] }\r\n")).await;
    assert!(end(&service, &only).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn any_other_odd_answer_ends_nothing() {
    for content in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":[{}]}"#,
        r#"{"keys":[null]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[],"error":"overloaded"}"#,
        r#"{"Keys":[]}"#,
        r#"{"keys":[]} {}"#,
        "\u{feff}{\"keys\":[]}",
    ] {
        let (world, service, only) = after(FetchResponse::new(200, content)).await;
        assert_eq!(end(&service, &only).await, None, "{content}");
        assert_eq!(withdrawn(&world), 0);
    }
    for answer in [
        FetchResponse::new(404, EMPTY),
        FetchResponse::new(203, EMPTY),
        empty().with_header("content-encoding", "gzip"),
        empty().with_header("age", "1"),
        empty().with_header("age", "never"),
    ] {
        let (_world, service, only) = after(answer.clone()).await;
        assert_eq!(end(&service, &only).await, None, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_between_two_empty_sets_start_the_count_anew() {
    let (world, service, only) = after(empty()).await;
    pass(seconds(700)).await;
    // The empty set has been seen, uncached, for more than three minutes.
    assert!(service.source.status().consecutive_failures > 3);
    world.provider.publish(JWKS, std::slice::from_ref(&only));
    pass(seconds(200)).await;
    assert_eq!(service.source.status().consecutive_failures, 0);
    world.provider.answer(JWKS, empty());
    let end = end(&service, &only).await.unwrap();
    assert!(end > seconds(310), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_do_not_shorten_the_five_minutes() {
    let (world, service, only) = after(empty()).await;
    for second in 0..300_u64 {
        let _ = service.request(&key(&format!("made up {second}"))).await;
        assert_eq!(service.request(&only).await, Answer::Ok, "{second}");
        pass(seconds(1)).await;
    }
    assert_eq!(withdrawn(&world), 0);
    let end = end(&service, &only).await.unwrap();
    assert!(end <= seconds(310), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_between_two_empty_sets_does_not_matter() {
    let (world, service, only) = after(empty()).await;
    pass(seconds(500)).await;
    world.provider.answer(JWKS, FetchResponse::new(500, ""));
    pass(seconds(200)).await;
    world.provider.answer(JWKS, empty());
    let end = end(&service, &only).await.unwrap();
    assert!(end < seconds(300), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_without_keys_does_not_start_with_an_empty_set() {
    let world = World::new();
    world.provider.answer(JWKS, empty());
    let error = world.jwks().connect().await.unwrap_err();
    assert_eq!(error.kind(), OidcErrorKind::NoUsableKey);
    let _source = world.jwks().lazy().unwrap();
    pass(seconds(3600)).await;
    assert_eq!(withdrawn(&world), 0);
}
