//! Refresh cookies that a sibling domain plants.

use std::sync::atomic::Ordering;

use serde_json::Value;
use tollgate_session::{RefreshRequest, SessionErrorKind};

use crate::jar::Jar;
use crate::log::Log;
use crate::world::World;

const REFRESH: &str = "__Secure-refresh";
const REFRESH_2: &str = "__Secure-refresh-2";
const BINDING: &str = "__Host-session";
/// The places of a planted cookie: before, beside and after the owner's.
const PATHS: [&str; 4] = ["/", "/auth", "/auth/refresh", "/auth/logout"];

#[tokio::test]
async fn a_planted_refresh_cookie_logs_in_to_no_account() {
    let world = World::new();
    let app = world.app();
    let mut attacker = Jar::default();
    assert_eq!(app.log_in(&mut attacker, "mallory").await, 200);
    let stolen = attacker.value(REFRESH);
    for path in PATHS {
        for first in [false, true] {
            let mut victim = Jar::default();
            victim.plant(REFRESH, &stolen, path, first);
            world.store.loads.store(0, Ordering::Relaxed);
            assert_eq!(app.refresh(&mut victim).await, 400, "{path}");
            assert_eq!(
                world.store.loads.load(Ordering::Relaxed),
                0,
                "the store was read"
            );
            assert_eq!(victim.len(), 0, "{path}");

            assert_eq!(app.log_in(&mut victim, "alice").await, 200);
            for _ in 0..3 {
                world.clock.advance(60);
                assert_eq!(app.refresh(&mut victim).await, 200, "{path}");
                assert_eq!(app.user(&victim).await.as_deref(), Some("alice"));
            }
            // Nor when the owner's own cookie is gone.
            victim.remove(REFRESH);
            victim.remove(REFRESH_2);
            assert_eq!(app.refresh(&mut victim).await, 400);
            assert_eq!(
                app.log_out(&mut victim).await,
                403,
                "without the CSRF token"
            );
            victim.remove("__Host-access");
            assert_eq!(app.log_out(&mut victim).await, 204);
            assert_eq!((world.devices("alice").await, victim.len()), (0, 0));
        }
    }
    assert_eq!(
        world.devices("mallory").await,
        1,
        "the victim's logout is not theirs"
    );
}

#[tokio::test]
async fn forged_tokens_of_the_same_session_do_not_lock_out_the_owner() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let first = browser.value(REFRESH);
    for path in PATHS {
        for at in [24, 26, 30, 33, 40, 70] {
            // The session ID stays; generation, key or secret change.
            let mut forged = first.clone();
            let other = if &first[at..=at] == "x" { "y" } else { "x" };
            forged.replace_range(at..=at, other);
            browser.plant(REFRESH, &forged, path, at % 4 == 0);
        }
        // A genuine token that was used long ago must not count as reuse.
        browser.plant(REFRESH, &first, path, true);
        world.clock.advance(60);
        assert_eq!(app.refresh(&mut browser).await, 200, "{path}");
    }
    assert_eq!(app.user(&browser).await.as_deref(), Some("alice"));
    // Without the owner's current token, the old one is reuse, as ever.
    browser.remove(REFRESH);
    browser.remove(REFRESH_2);
    assert_eq!(app.refresh(&mut browser).await, 400);
    assert_eq!(world.devices("alice").await, 0);
}

#[tokio::test]
async fn a_refresh_token_is_useless_without_its_binding() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let (first, binding) = (browser.value(REFRESH), browser.value(BINDING));
    world.clock.advance(60);
    app.refresh(&mut browser).await;

    // Through the JSON transport, current or used, it neither works nor ends the session.
    for token in [&first, &browser.value(REFRESH)] {
        let refreshed = world
            .sessions
            .refresh(token, RefreshRequest::default())
            .await;
        assert_eq!(refreshed.unwrap_err().kind(), SessionErrorKind::Invalid);
    }
    let mut thief = browser.clone();
    for at in [30, 50, 64] {
        let mut forged = binding.clone();
        let other = if &forged[at..=at] == "x" { "y" } else { "x" };
        forged.replace_range(at..=at, other);
        thief.set(BINDING, &forged);
        assert_eq!(app.refresh(&mut thief.clone()).await, 400);
        thief.remove("__Host-access");
        assert_eq!(app.log_out(&mut thief.clone()).await, 204);
        assert_eq!(app.log_in(&mut thief.clone(), "mallory").await, 200);
    }
    for rubbish in ["", "x", &binding[1..], &first] {
        thief.set(BINDING, rubbish);
        assert_eq!(app.refresh(&mut thief.clone()).await, 400);
    }
    assert_eq!(world.devices("alice").await, 1);
    assert_eq!(app.refresh(&mut browser).await, 200);
}

#[tokio::test]
async fn a_session_that_was_not_begun_by_cookie_is_not_refreshed_by_cookie() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let tokens = world
        .sessions
        .login(tollgate_session::Login::new("alice"))
        .await
        .unwrap();
    let bytes = |text: &str| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap();
    let mut binding = bytes(&browser.value(BINDING));
    binding[1..17].copy_from_slice(tokens.session.as_bytes());
    browser.set(
        BINDING,
        &base64_simd::URL_SAFE_NO_PAD.encode_to_string(binding),
    );
    browser.set(REFRESH, &tokens.refresh_token);
    assert_eq!(app.refresh(&mut browser).await, 400);
    let refreshed = world
        .sessions
        .refresh(&tokens.refresh_token, RefreshRequest::default());
    assert!(refreshed.await.is_ok(), "the session itself lives");
}

#[tokio::test]
async fn several_binding_cookies_name_no_session() {
    let world = World::new();
    let app = world.app();
    let (mut browser, mut other) = (Jar::default(), Jar::default());
    app.log_in(&mut browser, "alice").await;
    app.log_in(&mut other, "mallory").await;
    let twice = |first: &Jar, second: &Jar| {
        let mut request = browser.request("POST", "/auth", "/refresh");
        for jar in [first, second] {
            let pair = format!("{BINDING}={}", jar.value(BINDING));
            request
                .headers
                .push(("cookie".to_owned(), pair.into_bytes()));
        }
        request
    };
    let (log, _guard) = Log::start();
    for request in [twice(&browser, &other), twice(&other, &browser)] {
        let refreshed = app
            .cookies
            .refresh(&world.sessions, RefreshRequest::default(), &request);
        assert_eq!(
            refreshed.await.unwrap_err().kind(),
            SessionErrorKind::Invalid
        );
        let logged = log.take();
        assert!(
            logged.contains("WARN message=several binding cookies"),
            "{logged}"
        );
        assert!(logged.contains(r#"cookie="__Host-session""#), "{logged}");
    }
    let request = twice(&browser, &browser);
    let refreshed = app
        .cookies
        .refresh(&world.sessions, RefreshRequest::default(), &request);
    assert!(refreshed.await.is_ok(), "one value, sent again");
}

#[tokio::test]
async fn a_planted_cookie_is_logged_by_its_name() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let (log, _guard) = Log::start();
    app.refresh(&mut browser).await;
    assert_eq!(log.take(), "", "nothing is wrong");
    browser.plant(REFRESH, "planted", "/", true);
    for path in ["/refresh", "/logout"] {
        app.post(&mut browser, path, &Value::Null).await;
        let logged = log.take();
        assert!(logged.starts_with("WARN"), "{logged}");
        assert!(
            logged.contains(r#"cookie="__Secure-refresh" count=2 ignored=1"#),
            "{logged}"
        );
        assert!(!logged.contains("planted\""), "{logged}");
    }
}
