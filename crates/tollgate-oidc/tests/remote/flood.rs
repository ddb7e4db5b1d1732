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
async fn a_repeated_missing_kid_is_fetched_once_per_cool_down() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    pass(seconds(60)).await;
    let missing = key("2");
    for _ in 0..100 {
        assert_eq!(service.request(&missing).await, Answer::Refused);
        pass(seconds(1)).await;
    }
    // The first look, then one in each cool-down.
    assert!((11..=13).contains(&world.fetches()), "{}", world.fetches());
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_strangers_named_before_its_publication_is_found_by_its_first_token() {
    for after in [1, 9, 30, 59, 61] {
        let world = World::new();
        let (old, new) = (key("1"), key("2"));
        let service = world.service(std::slice::from_ref(&old)).await;
        pass(seconds(60)).await;
        assert_eq!(service.request(&key("2")).await, Answer::Refused);
        pass(seconds(after - 1)).await;
        // Other invented names use up the fetch for new names.
        assert_eq!(service.request(&key("other")).await, Answer::Refused);
        pass(seconds(1)).await;
        let before = world.fetches();
        world.provider.publish(JWKS, &[old, new.clone()]);
        assert_eq!(service.request(&new).await, Answer::Ok, "{after} s later");
        assert_eq!(world.fetches(), before + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_that_strangers_repeat_all_the_time_is_found_within_a_cool_down() {
    let world = World::new();
    let (old, new) = (key("1"), key("2"));
    let service = world.service(std::slice::from_ref(&old)).await;
    pass(seconds(60)).await;
    let (forger, begin, before) = (key("2"), world.elapsed(), world.fetches());
    let mut found = None;
    for number in 0..400_u64 {
        let random = forger.clone().with_kid(format!("made up {number}"));
        assert_eq!(service.request(&random).await, Answer::Refused);
        assert_eq!(service.request(&forger).await, Answer::Refused);
        if number == 103 {
            world.provider.publish(JWKS, &[old.clone(), new.clone()]);
        }
        if found.is_none() && service.request(&new).await == Answer::Ok {
            found = Some(number);
        }
        pass(seconds(1) / 4).await;
    }
    let found = found.expect("it is found");
    assert!((103..=103 + 40).contains(&found), "{found}");
    // One fetch for names that are new, and one for names that are repeated.
    let cool_downs = usize::try_from((world.elapsed() - begin).as_secs() / 10).unwrap();
    let caused = world.fetches() - before;
    assert!(caused <= 2 * (cool_downs + 1), "{caused}");
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
