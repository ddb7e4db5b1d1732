//! Requests that wait for a fetch.

use crate::fixture::{Answer, JWKS, World, key, seconds};
use crate::time::{pass, settled, tasks};

#[tokio::test(start_paused = true)]
async fn a_dropped_request_does_not_stop_the_fetch() {
    let world = World::new();
    let new = key("2");
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.hang(JWKS);
    let request = tokio::spawn({
        let (service, new) = (service.clone(), new.clone());
        async move { service.request(&new).await }
    });
    settled().await;
    assert_eq!(world.fetches(), 2);
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(world.provider.given_up(), 0);
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    settled().await;
    assert_eq!(service.at_once(&new), Some(Answer::Ok));
    assert_eq!(world.fetches(), 2);
    assert_eq!(tasks(), 1, "only the fetching task");
}

#[tokio::test(start_paused = true)]
async fn waiting_requests_are_bounded_and_others_get_a_503() {
    let world = World::new();
    let new = key("2");
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.hang(JWKS);
    let spawn = |count: usize| -> Vec<_> {
        (0..count)
            .map(|_| {
                let (service, new) = (service.clone(), new.clone());
                tokio::spawn(async move { service.request(&new).await })
            })
            .collect()
    };
    let waiting = spawn(1024);
    settled().await;
    for request in spawn(50) {
        assert_eq!(request.await.unwrap(), Answer::Unavailable(1));
    }
    // A request that is dropped makes room.
    waiting
        .iter()
        .take(10)
        .for_each(tokio::task::JoinHandle::abort);
    settled().await;
    let late = spawn(20);
    settled().await;
    assert_eq!(
        late.iter().filter(|request| request.is_finished()).count(),
        10
    );
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    settled().await;
    let mut passed = 0;
    for request in waiting.into_iter().chain(late) {
        passed += usize::from(request.await.ok() == Some(Answer::Ok));
    }
    assert_eq!(passed, 1024);
    assert_eq!(world.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unpolled_decision_frees_its_place() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.hang(JWKS);
    for number in 0..5000 {
        assert_eq!(service.at_once(&key("2")), None, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_cannot_wait_still_causes_the_fetch() {
    let world = World::new();
    let new = key("2");
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.publish(JWKS, std::slice::from_ref(&new));
    let token = service.token(&new);
    let rejection = service.gate.verifier().verify(&token).unwrap_err();
    assert_eq!(rejection.kind(), tollgate_core::RejectionKind::Unavailable);
    settled().await;
    assert!(service.gate.verifier().verify(&token).is_ok());
}
