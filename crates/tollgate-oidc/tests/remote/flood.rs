//! Tokens with `kid`s of keys that do not exist.

use tollgate_oidc::{Event, FetchErrorKind};

use crate::fixture::{Answer, JWKS, World, key, seconds};
use crate::time::pass;

#[tokio::test(start_paused = true)]
async fn ten_thousand_invented_kids_cost_one_fetch_per_cool_down() {
    let world = World::new();
    let known = key("1");
    let service = world.service(std::slice::from_ref(&known)).await;
    pass(seconds(60)).await;
    let forger = key("");
    for number in 0..10_000 {
        let answer = service
            .request(&forger.clone().with_kid(format!("made up {number}")))
            .await;
        assert_eq!(answer, Answer::Refused, "{number}");
        if number % 100 == 0 {
            pass(seconds(1)).await;
            assert_eq!(service.request(&known).await, Answer::Ok);
        }
    }
    assert!(world.fetches() <= 12, "{}", world.fetches());
    world.assert_paced();
    let events = world.events.lock().unwrap();
    let unknown = events
        .iter()
        .filter(|event| matches!(event, Event::UnknownKey { .. }));
    assert!(unknown.count() < world.fetches(), "at most one per fetch");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_invented_kids_during_an_outage_get_503() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    world.provider.fail(JWKS, FetchErrorKind::TimedOut);
    let forger = key("");
    for number in 0..10_000 {
        let answer = service
            .request(&forger.clone().with_kid(format!("made up {number}")))
            .await;
        assert!(
            matches!(answer, Answer::Unavailable(1..=10)),
            "{number}: {answer:?}"
        );
        if number % 100 == 0 {
            pass(seconds(1)).await;
        }
    }
    assert!(world.fetches() <= 13, "{}", world.fetches());
    world.assert_paced();
}

#[tokio::test(start_paused = true)]
async fn a_missing_kid_is_fetched_once_a_minute() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    let missing = key("2");
    assert_eq!(service.request(&missing).await, Answer::Refused);
    assert_eq!(world.fetches(), 2);
    pass(seconds(59)).await;
    assert_eq!(service.at_once(&missing), Some(Answer::Refused));
    assert_eq!(world.fetches(), 2);
    pass(seconds(1)).await;
    assert_eq!(service.request(&missing).await, Answer::Refused);
    assert_eq!(world.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn tokens_without_a_kid_cost_one_fetch_per_cool_down() {
    let world = World::new();
    let known = key("1");
    let service = world.service(std::slice::from_ref(&known)).await;
    let forger = key("");
    let mint = tollgate_testkit::Mint::new(forger, &world.clock);
    for _ in 0..100 {
        assert_eq!(
            service
                .send(mint.token().without_header("kid").build())
                .await,
            Answer::Refused
        );
        pass(seconds(1)).await;
    }
    assert!(world.fetches() <= 12);
    world.assert_paced();
}
