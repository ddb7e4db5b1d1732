//! Logins in a browser that is logged in already.

use std::sync::atomic::Ordering;

use serde_json::json;
use tollgate_core::Step;
use tollgate_session::{Login, SessionErrorKind};

use crate::jar::Jar;
use crate::world::{App, World};

#[tokio::test]
async fn five_logins_from_one_browser_are_one_device() {
    let world = World::new();
    let app = world.app();
    let (mut phone, mut browser) = (Jar::default(), Jar::default());
    app.log_in(&mut phone, "alice").await;
    for _ in 0..5 {
        world.clock.advance(60);
        assert_eq!(app.log_in(&mut browser, "alice").await, 200);
        assert_eq!(browser.len(), 3);
        // The maximum is two: the replaced session does not push out the phone.
        assert_eq!(world.devices("alice").await, 2);
    }
    assert_eq!(app.refresh(&mut phone).await, 200);
    assert_eq!(app.refresh(&mut browser).await, 200);
}

/// Over the budget of the user, the end of the replaced session revokes the tokens of its second.
#[tokio::test]
async fn a_second_login_in_one_second_gets_a_token_that_is_accepted() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    for number in 0..300 {
        world.clock.advance(if number % 2 == 0 { 2 } else { 0 });
        assert_eq!(app.log_in(&mut browser, "alice").await, 200);
        let user = app.user(&browser).await;
        assert_eq!(user.as_deref(), Some("alice"), "login {number}");
    }
}

#[tokio::test]
async fn either_cookie_identifies_the_session_that_a_login_replaces() {
    let world = World::new();
    let app = world.app();
    for missing in ["__Host-access", "__Host-session"] {
        let mut browser = Jar::default();
        app.log_in(&mut browser, "alice").await;
        let old = browser.clone();
        browser.remove(missing);
        assert_eq!(app.log_in(&mut browser, "bob").await, 200);
        assert_eq!(world.devices("alice").await, 0, "without {missing}");
        assert_eq!(app.user(&old).await, None);
        assert_eq!(app.refresh(&mut old.clone()).await, 400);
    }
    // Of an expired access token, nothing else came along.
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    browser.remove("__Host-session");
    world.clock.advance(3600);
    app.log_in(&mut browser, "bob").await;
    assert_eq!(world.devices("alice").await, 1);
}

#[tokio::test]
async fn a_login_that_fails_ends_no_session() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    assert_eq!(app.log_in(&mut browser, "nobody").await, 401);
    assert_eq!(app.log_in(&mut browser, "large").await, 500);
    assert_eq!(world.devices("large").await, 0);
    let mut cross_site = browser.request("POST", "/auth", "/login");
    cross_site.headers.last_mut().unwrap().1 = b"cross-site".to_vec();
    cross_site.content = json!({ "user": "bob" }).to_string().into_bytes();
    let json = b"application/json".to_vec();
    cross_site.headers.push(("content-type".to_owned(), json));
    assert_eq!(app.respond(cross_site).await.status, 403);
    assert_eq!(app.refresh(&mut browser).await, 200);
    assert_eq!(app.user(&browser).await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_login_that_cannot_end_the_former_session_can_be_repeated() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    world.store.read_only.store(true, Ordering::Relaxed);
    assert_eq!(app.log_in(&mut browser, "bob").await, 503);
    world.store.read_only.store(false, Ordering::Relaxed);
    assert_eq!(app.log_in(&mut browser, "bob").await, 200);
    assert_eq!(world.devices("alice").await, 0);
    assert_eq!(app.user(&browser).await.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_callback_replaces_the_session_of_its_request() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let request = browser.request("GET", "", "/callback");
    let too_large = Login::new("bob").claim("x", "x".repeat(4096));
    let refused = app
        .cookies
        .log_in(&world.sessions, too_large, &request)
        .await;
    assert_eq!(refused.unwrap_err().kind(), SessionErrorKind::TooLarge);
    assert_eq!(
        (world.devices("alice").await, world.devices("bob").await),
        (1, 0)
    );

    let login = app
        .cookies
        .log_in(&world.sessions, Login::new("bob"), &request)
        .await;
    let (tokens, edits) = login.unwrap();
    browser.store(edits.iter().map(|(_, line)| line));
    assert_eq!((world.devices("alice").await, browser.len()), (0, 3));
    assert!(tokens.csrf.is_some());
    assert_eq!(app.refresh(&mut browser).await, 200);
    assert_eq!(app.user(&browser).await.as_deref(), Some("bob"));
}

/// The `Set-Cookie` lines of the renewal that a request causes, once its handler is done.
async fn slow_request(app: &App, jar: &Jar) -> impl Future<Output = Vec<Vec<u8>>> + use<> {
    let decided = match app.gate.begin(&jar.request("GET", "", "/orders")) {
        Step::Ready(decided) => decided,
        Step::Pending(decision) => decision.await,
    };
    let authentication = decided.unwrap();
    assert!(authentication.renewal_due());
    async move {
        let renewal = authentication.renewal(200, std::iter::empty());
        let edits = renewal.unwrap().await;
        let lines = edits.iter().filter(|(name, _)| *name == "set-cookie");
        lines.map(|(_, line)| line.to_vec()).collect()
    }
}

#[tokio::test]
async fn a_late_renewal_of_the_former_user_is_not_issued() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    world.clock.advance(600);
    let slow = slow_request(&app, &browser).await;
    app.log_in(&mut browser, "bob").await;
    assert!(slow.await.is_empty());
    assert_eq!(world.devices("alice").await, 0);
}

#[tokio::test]
async fn a_renewal_that_arrives_after_the_next_login_is_repaired_by_a_refresh() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    world.clock.advance(600);
    let late = slow_request(&app, &browser).await.await;
    assert_eq!(late.len(), 1, "the answer is on its way");
    app.log_in(&mut browser, "bob").await;
    browser.store(late.iter().map(|line| &line[..]));
    // The page never acts as the former user, and the binding is the next one's.
    assert_eq!(app.user(&browser).await, None);
    assert_eq!(app.refresh(&mut browser).await, 200);
    assert_eq!(app.user(&browser).await.as_deref(), Some("bob"));
    assert_eq!(
        (world.devices("alice").await, world.devices("bob").await),
        (0, 1)
    );
}

#[tokio::test]
async fn a_refresh_that_arrives_after_the_next_login_leaves_no_session_behind() {
    let world = World::new();
    let app = world.app();
    let mut browser = Jar::default();
    app.log_in(&mut browser, "alice").await;
    let mut late = browser.clone();
    assert_eq!(app.refresh(&mut late).await, 200);
    app.log_in(&mut browser, "bob").await;
    // The refresh cookie of the former session takes the place of the next one's.
    browser.set("__Secure-refresh", &late.value("__Secure-refresh"));
    browser.set("__Host-access", &late.value("__Host-access"));
    assert_eq!(app.user(&browser).await, None);
    assert_eq!(app.refresh(&mut browser).await, 400);
    // The binding is still the next one's, so that the login it takes replaces that session.
    assert_eq!(app.log_in(&mut browser, "bob").await, 200);
    assert_eq!(world.devices("bob").await, 1);
    assert_eq!(app.user(&browser).await.as_deref(), Some("bob"));
}
