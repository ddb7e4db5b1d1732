//! Events and their display.

use std::sync::Arc;

use tollgate_oidc::{
    Event, FetchErrorKind, FetchResponse, Oidc, OidcErrorKind, Readiness, RemoteJwks,
};
use tollgate_testkit::FakeProvider;

use crate::fixture::{Answer, JWKS, World, key, seconds};
use crate::time::pass;

fn names(world: &World) -> Vec<&'static str> {
    let mut events = world.events.lock().unwrap();
    let events = std::mem::take(&mut *events);
    events
        .iter()
        .map(|event| {
            assert_eq!(event.source(), JWKS);
            assert!(event.to_string().contains(JWKS));
            match event {
                Event::Refreshed { .. } => "refreshed",
                Event::Unchanged { .. } => "unchanged",
                Event::Failed { .. } => "failed",
                Event::Expired { .. } => "expired",
                Event::UnknownKey { .. } => "unknown key",
                other => panic!("{other}"),
            }
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_change_is_an_event() {
    let world = World::new();
    let service = world.service(&[key("1"), key("2")]).await;
    assert_eq!(names(&world), ["refreshed"]);
    pass(seconds(480)).await;
    assert_eq!(names(&world), ["unchanged"]);
    pass(seconds(60)).await;
    assert_eq!(service.request(&key("3")).await, Answer::Refused);
    assert_eq!(names(&world), ["unchanged", "unknown key"]);

    let set = FakeProvider::jwk_set(&[key("2"), key("4")]);
    let set = set.replacen("[{", r#"[{"kid": "odd\n", "kty": "AKP"}, {"#, 1);
    world.provider.answer(JWKS, FetchResponse::new(200, set));
    pass(seconds(480)).await;
    {
        let events = world.events.lock().unwrap();
        let [
            Event::Refreshed {
                keys: 2,
                added,
                withdrawn,
                skipped,
                life,
                ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(
            (&added[..], &withdrawn[..]),
            (&["4".to_owned()][..], &["1".to_owned()][..])
        );
        assert_eq!(*life, seconds(600));
        assert_eq!(skipped.len(), 1);
        assert!(skipped[0].starts_with("key 0 (\"odd\\n\")"), "{skipped:?}");
        assert!(!events[0].to_string().contains('\n'));
    }
    let status = service.source.status();
    assert_eq!((status.keys.len(), status.skipped.len()), (2, 1));
    names(&world);

    world.provider.fail(JWKS, FetchErrorKind::TimedOut);
    pass(seconds(480)).await;
    {
        let events = world.events.lock().unwrap();
        let [
            Event::Failed {
                error,
                consecutive: 1,
                usable_for,
                ..
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(error.kind(), OidcErrorKind::TimedOut);
        assert_eq!(*usable_for, seconds(120 + 3600));
    }
    names(&world);
    pass(seconds(3719)).await;
    assert!(names(&world).iter().all(|name| *name == "failed"));
    pass(seconds(1)).await;
    assert!(names(&world).contains(&"expired"));
    pass(seconds(3600)).await;
    assert!(
        names(&world).iter().all(|name| *name == "failed"),
        "it is told once"
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_reflects_the_keys() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    let start = world.clock.seconds();
    pass(seconds(100)).await;
    let status = service.source.status();
    assert_eq!(status.source, JWKS);
    assert_eq!(status.readiness, Readiness::Ready);
    assert_eq!(status.last_success, Some(start));
    assert_eq!(status.age, Some(seconds(100)));
    assert_eq!(status.next_refresh, Some(seconds(380)));
    assert_eq!(status.expires_in, Some(seconds(4100)));
    assert_eq!((status.consecutive_failures, status.fetches), (0, 1));
    assert_eq!(status.last_error, None);

    world.provider.fail(JWKS, FetchErrorKind::Unreachable);
    pass(seconds(600)).await;
    let status = service.source.status();
    assert_eq!(status.readiness, Readiness::Stale);
    assert_eq!(status.last_success, Some(start));
    assert!(status.consecutive_failures > 1);
    assert_eq!(
        status.last_error.unwrap().kind(),
        OidcErrorKind::Unreachable
    );

    pass(seconds(3600)).await;
    let status = service.source.status();
    assert_eq!(
        (status.readiness, status.expires_in),
        (Readiness::Unavailable, None)
    );
    assert_eq!(status.keys.len(), 1, "the expired keys are listed");

    world.provider.publish(JWKS, &[key("1")]);
    pass(seconds(400)).await;
    let status = service.source.status();
    assert_eq!((status.consecutive_failures, status.last_error), (0, None));
}

#[tokio::test(start_paused = true)]
async fn neither_keys_nor_tokens_are_shown() {
    let world = World::new();
    let service = world.service(&[key("1")]).await;
    let shown = format!("{:?} {:?}", service.source, service.source.status());
    let set = FakeProvider::jwk_set(&[key("1")]);
    assert!(!shown.contains("\"x\"") && !shown.contains(&set));
    let long = "k".repeat(200);
    pass(seconds(60)).await;
    service.request(&key(&long)).await;
    let events = world.events.lock().unwrap();
    let Some(Event::UnknownKey { kid, count: 1, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(kid.len(), 64);
}

/// A URL may contain a secret, as `?key=` or before an `@`. A refused URL is not displayed either.
#[tokio::test(start_paused = true)]
async fn secrets_in_a_url_are_not_displayed() {
    const URL: &str = "https://id.example.com/jwks.json?key=sesame";
    let world = World::new();
    world.provider.publish(URL, &[key("1")]);
    let events = Arc::clone(&world.events);
    let jwks = RemoteJwks::new(URL)
        .fetch(world.provider.clone())
        .on_event(move |event| events.lock().unwrap().push(event.clone()));
    let builder = format!("{jwks:?}");
    let source = jwks.connect().await.unwrap();
    assert_eq!(world.provider.count(URL), 1);
    assert_eq!(source.source(), "https://id.example.com/jwks.json");
    let event = world.events.lock().unwrap()[0].clone();
    let refused = "https://eve:sesame@id.example.com/jwks.json#sesame";
    let metadata = "https://id.example.com/openid?key=sesame";
    for shown in [
        builder,
        format!("{source:?} {:?}", source.status()),
        format!("{event} {event:?}"),
        format!("{:?}", RemoteJwks::new(refused)),
        format!("{:?}", Oidc::discover(refused).metadata_url(metadata)),
    ] {
        assert!(shown.contains("id.example.com"), "{shown}");
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
