//! Outages of the provider.

use tollgate_core::{BoxFuture, KeySource as _};
use tollgate_oidc::{
    Fetch, FetchError, FetchErrorKind, FetchRequest, FetchResponse, OidcErrorKind, Readiness,
};

use crate::fixture::{Answer, COOL_DOWN, JWKS, World, key, seconds};
use crate::time::{jump, pass, settled, tasks};

#[tokio::test(start_paused = true)]
async fn keys_are_used_until_they_expire_and_then_the_answer_is_503() {
    let world = World::new();
    let known = key("1");
    let service = world.service(std::slice::from_ref(&known)).await;
    world.provider.fail(JWKS, FetchErrorKind::Unreachable);
    // Ten minutes of life, and one more hour.
    for (at, readiness) in [
        (599, Readiness::Ready),
        (600, Readiness::Stale),
        (4199, Readiness::Stale),
    ] {
        let now = world.elapsed();
        pass(seconds(at) - now).await;
        assert_eq!(service.source.readiness(), readiness, "{at}");
        assert_eq!(service.request(&known).await, Answer::Ok, "{at}");
    }
    pass(seconds(1)).await;
    assert_eq!(service.source.readiness(), Readiness::Unavailable);
    for _ in 0..200 {
        let Answer::Unavailable(after) = service.request(&known).await else {
            panic!("neither a 401 nor a success")
        };
        assert!((1..=60).contains(&after));
        pass(seconds(1)).await;
    }
    world.assert_paced();

    // After the outage, the first request after the cool-down causes a fetch; the next one passes.
    world.provider.publish(JWKS, std::slice::from_ref(&known));
    pass(COOL_DOWN).await;
    service.request(&known).await;
    settled().await;
    assert_eq!(service.request(&known).await, Answer::Ok);
    assert_eq!(service.source.readiness(), Readiness::Ready);
    world.assert_paced();
}

#[tokio::test(start_paused = true)]
async fn the_retry_after_of_a_503_is_accurate() {
    let world = World::new();
    let known = key("1");
    world.provider.fail(JWKS, FetchErrorKind::Unreachable);
    let service = world.serve(world.jwks().lazy().unwrap());
    settled().await;
    pass(seconds(3)).await;
    assert_eq!(service.request(&known).await, Answer::Unavailable(7));
    let token = service.token(&tollgate_testkit::keys::signing(
        tollgate_core::Algorithm::HS256,
    ));
    assert_eq!(
        service.send(token).await,
        Answer::Unavailable(7),
        "a secret is never asked for"
    );
    world.provider.publish(JWKS, std::slice::from_ref(&known));
    pass(seconds(7)).await;
    service.request(&known).await;
    settled().await;
    assert_eq!(service.request(&known).await, Answer::Ok);
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_an_unknown_key_is_a_503() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.fail(JWKS, FetchErrorKind::Unreachable);
    assert_eq!(service.request(&key("2")).await, Answer::Unavailable(10));
    pass(seconds(4)).await;
    assert_eq!(service.at_once(&key("3")), Some(Answer::Unavailable(6)));
    pass(seconds(6)).await;
    assert_eq!(service.request(&key("2")).await, Answer::Unavailable(10));
    world.assert_paced();
}

#[tokio::test(start_paused = true)]
async fn a_hanging_provider_costs_a_request_its_timeout() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.hang(JWKS);
    let request = tokio::spawn({
        let service = service.clone();
        async move { service.request(&key("2")).await }
    });
    pass(seconds(4)).await;
    assert!(!request.is_finished());
    pass(seconds(1)).await;
    assert!(matches!(request.await.unwrap(), Answer::Unavailable(1..=5)));
    pass(seconds(3600)).await;
    world.assert_paced();
    assert_eq!(
        world.provider.given_up(),
        world.fetches() - 1,
        "none is left behind"
    );
}

/// A client that ignores its timeout.
struct Deaf;

impl Fetch for Deaf {
    fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        Box::pin(std::future::pending())
    }
}

struct Panics;

impl Fetch for Panics {
    fn get(&self, _: FetchRequest) -> BoxFuture<Result<FetchResponse, FetchError>> {
        Box::pin(async { panic!("a bug in the client") })
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_client_does_not_stop_fetching() {
    let world = World::new();
    let source = world.jwks().fetch(Deaf).lazy().unwrap();
    pass(seconds(3600)).await;
    let status = source.status();
    assert!(status.consecutive_failures > 10, "{status:?}");
    assert_eq!(status.last_error.unwrap().kind(), OidcErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_client_does_not_stop_fetching() {
    let world = World::new();
    let source = world.jwks().fetch(Panics).lazy().unwrap();
    pass(seconds(3600)).await;
    let status = source.status();
    assert!(status.consecutive_failures > 10, "{status:?}");
    assert!(status.next_refresh.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_panicking_hook_does_not_stop_fetching() {
    let world = World::new();
    let source = world
        .jwks()
        .on_event(|_| panic!("a bug in the service"))
        .lazy()
        .unwrap();
    pass(seconds(60)).await;
    world.provider.publish(JWKS, &[key("1")]);
    pass(seconds(60)).await;
    assert_eq!(source.readiness(), Readiness::Ready);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_response_replaces_nothing() {
    let world = World::new();
    let known = key("1");
    let service = world.service(std::slice::from_ref(&known)).await;
    let before = service.source.keys().unwrap();
    for (status, content) in [
        (200, r#"{"keys": []}"#),
        (
            200,
            r#"{"keys": [{"kty": "RSA", "use": "enc", "n": "AA", "e": "AQAB"}]}"#,
        ),
        (200, "<html>Sign in to the network</html>"),
        (200, ""),
        (200, "{}"),
        (
            200,
            r#"{"keys": [{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#,
        ),
        (204, ""),
        (304, ""),
        (404, ""),
        (500, "{}"),
        (500, &tollgate_testkit::FakeProvider::jwk_set(&[key("2")])),
    ] {
        world
            .provider
            .answer(JWKS, FetchResponse::new(status, content));
        let fetches = world.fetches();
        while world.fetches() == fetches {
            pass(seconds(10)).await;
        }
        assert!(
            service.source.status().consecutive_failures > 0,
            "{status} {content}"
        );
        assert!(std::sync::Arc::ptr_eq(
            &before,
            &service.source.keys().unwrap()
        ));
        assert_eq!(service.request(&known).await, Answer::Ok);
    }
    world.assert_paced();
}

#[tokio::test(start_paused = true)]
async fn a_lazy_start_answers_503_until_keys_arrive() {
    let world = World::new();
    let known = key("1");
    world.provider.hang(JWKS);
    let service = world.serve(world.jwks().lazy().unwrap());
    assert_eq!(service.at_once(&known), Some(Answer::Unavailable(1)));
    settled().await;
    assert_eq!(service.at_once(&known), Some(Answer::Unavailable(1)));
    world.provider.publish(JWKS, std::slice::from_ref(&known));
    settled().await;
    assert_eq!(service.request(&known).await, Answer::Ok);
    assert_eq!(world.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn connect_fails_after_one_failed_fetch() {
    let world = World::new();
    world.provider.fail(JWKS, FetchErrorKind::Unreachable);
    let error = world.jwks().connect().await.unwrap_err();
    assert_eq!(error.kind(), OidcErrorKind::Unreachable);
    pass(seconds(3600)).await;
    assert_eq!((world.fetches(), tasks()), (1, 0), "no task remains");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_connect_times_out() {
    let world = World::new();
    world.provider.hang(JWKS);
    let start = tokio::spawn(world.jwks().connect());
    pass(seconds(15)).await;
    assert_eq!(
        start.await.unwrap().unwrap_err().kind(),
        OidcErrorKind::TimedOut
    );
}

#[tokio::test(start_paused = true)]
async fn expired_keys_are_not_used_after_a_suspend() {
    let world = World::new();
    let known = key("1");
    let service = world.service(std::slice::from_ref(&known)).await;
    jump(seconds(100_000));
    assert!(!service.has_keys());
    assert!(matches!(
        service.at_once(&known),
        Some(Answer::Unavailable(1))
    ));
    settled().await;
    assert_eq!(service.request(&known).await, Answer::Ok);
}
