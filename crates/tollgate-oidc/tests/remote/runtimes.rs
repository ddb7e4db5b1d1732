//! The task that fetches, and its runtime.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tollgate_core::{Algorithm, KeySource as _, MissingKey, Step};
use tollgate_oidc::{OidcErrorKind, Readiness, RemoteJwks};
use tollgate_testkit::FakeProvider;

use crate::fixture::{Answer, JWKS, World, key, seconds};
use crate::time::{pass, settled, tasks};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_stops_fetching() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    let clone = service.source.clone();
    drop(service);
    pass(seconds(480)).await;
    assert_eq!(world.fetches(), 2, "a clone keeps it running");
    world.provider.hang(JWKS);
    pass(seconds(480)).await;
    assert_eq!((world.fetches(), world.provider.given_up()), (3, 0));
    drop(clone);
    settled().await;
    assert_eq!(world.provider.given_up(), 1);
    assert_eq!(tasks(), 0);
    pass(seconds(10_000)).await;
    assert_eq!(world.fetches(), 3);
}

#[test]
fn after_the_runtime_ended_keys_are_used_until_they_expire() {
    let world = World::new();
    let known = key("1");
    let first = runtime();
    let service = first.block_on(world.service(std::slice::from_ref(&known)));
    drop(first);
    runtime().block_on(async {
        assert_eq!(service.request(&known).await, Answer::Ok);
        assert_eq!(service.source.status().next_refresh, None);
        assert!(matches!(
            service.request(&key("2")).await,
            Answer::Unavailable(_)
        ));
        pass(seconds(4190)).await;
        assert_eq!(service.request(&known).await, Answer::Ok);
        pass(seconds(10)).await;
        assert!(matches!(
            service.request(&known).await,
            Answer::Unavailable(_)
        ));
        assert_eq!(service.source.readiness(), Readiness::Unavailable);
        assert_eq!(world.fetches(), 1);
    });
}

#[test]
fn a_waiting_request_ends_with_the_runtime() {
    let world = World::new();
    let first = runtime();
    let service = first.block_on(world.service(&[key("1")]));
    let second = runtime();
    first.block_on(pass(seconds(60)));
    second.block_on(pass(seconds(60)));
    world.provider.hang(JWKS);
    let request = second.spawn({
        let service = service.clone();
        async move {
            let before = Instant::now();
            (service.request(&key("2")).await, before.elapsed())
        }
    });
    second.block_on(settled());
    first.block_on(settled());
    assert_eq!(world.fetches(), 2);
    drop(first);
    let (answer, waited) = second.block_on(request).unwrap();
    assert!(matches!(answer, Answer::Unavailable(_)));
    assert!(waited < seconds(5), "told, and not timed out: {waited:?}");
}

#[test]
fn a_stopped_runtime_does_not_block_requests_for_ever() {
    let world = World::new();
    let idle = runtime();
    let service = idle.block_on(world.service(&[key("1")]));
    runtime().block_on(async {
        pass(seconds(60)).await;
        let request = tokio::spawn({
            let service = service.clone();
            async move { service.request(&key("2")).await }
        });
        pass(seconds(5)).await;
        assert!(matches!(request.await.unwrap(), Answer::Unavailable(_)));
        pass(seconds(1)).await;
        assert_eq!(service.at_once(&key("2")), Some(Answer::Unavailable(1)));
    });
}

#[test]
fn waiting_outside_of_a_runtime_does_not_panic() {
    // With real time, which needs a runtime.
    let fetching = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = World::new();
    world.provider.publish(JWKS, &[key("1")]);
    let source = fetching.block_on(async {
        let source = RemoteJwks::new(JWKS).fetch(world.provider.clone());
        source
            .cool_down(Duration::from_secs(1))
            .connect()
            .await
            .unwrap()
    });
    world.provider.publish(JWKS, &[key("2")]);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let waits = loop {
        match source.refresh(&MissingKey::new(Some("2"), Algorithm::ES256)) {
            Step::Pending(waits) => break waits,
            Step::Ready(_) => assert!(std::time::Instant::now() < deadline),
        }
        std::thread::yield_now();
    };
    let woken = std::sync::Arc::new(Unpark(std::thread::current()));
    let waker = std::task::Waker::from(woken);
    let mut context = std::task::Context::from_waker(&waker);
    let mut waits = waits;
    let answer = loop {
        match waits.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answer) => break answer,
            std::task::Poll::Pending => std::thread::park_timeout(Duration::from_secs(60)),
        }
    };
    assert_eq!(answer, Ok(()));
    assert_eq!(source.keys().unwrap().keys()[0].kid(), Some("2"));
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn outside_of_a_runtime_there_is_an_error() {
    let world = World::new();
    assert_eq!(
        world.jwks().lazy().unwrap_err().kind(),
        OidcErrorKind::NoRuntime
    );
    let provider: FakeProvider = world.provider;
    assert!(provider.requests().is_empty());
}
