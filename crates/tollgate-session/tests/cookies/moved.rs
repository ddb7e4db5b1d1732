//! Endpoints that moved to another path, and applications that share a host.

use tollgate_session::CookieTransport;

use crate::jar::Jar;
use crate::log::Log;
use crate::world::World;

#[tokio::test]
async fn endpoints_that_moved_keep_their_users_logged_in() {
    let world = World::new();
    let before = world.app_with(CookieTransport::builder().path("/api"));
    let moved = || CookieTransport::builder().path("/api/auth");
    for (after, cookies_left) in [
        (world.app_with(moved()), 5),
        (world.app_with(moved().former_paths(["/api", "/old"])), 4),
    ] {
        let mut browser = Jar::default();
        assert_eq!(before.log_in(&mut browser, "alice").await, 200);
        // The old cookie arrives at each refresh, beside the new one or not.
        for _ in 0..3 {
            world.clock.advance(60);
            assert_eq!(after.refresh(&mut browser).await, 200);
        }
        assert_eq!(browser.len(), cookies_left);
        assert_eq!(after.user(&browser).await.as_deref(), Some("alice"));

        // An old cookie of another session: logging in and out works too.
        let mut stale = Jar::default();
        before.log_in(&mut stale, "alice").await;
        stale.remove("__Host-session");
        stale.remove("__Host-access");
        let (log, guard) = Log::start();
        assert_eq!(after.refresh(&mut stale).await, 400);
        let logged = log.take();
        assert!(logged.contains(r#"cookie="__Secure-refresh""#), "{logged}");
        drop(guard);
        assert_eq!(after.log_in(&mut stale, "bob").await, 200);
        assert_eq!(after.refresh(&mut stale).await, 200);
        assert_eq!(after.user(&stale).await.as_deref(), Some("bob"));
        stale.remove("__Host-access");
        assert_eq!(after.log_out(&mut stale).await, 204);
        assert_eq!(
            (world.devices("bob").await, stale.len()),
            (0, cookies_left - 4)
        );
    }
}

#[tokio::test]
async fn two_applications_with_nested_paths_share_a_host() {
    let (outer_world, inner_world) = (World::new(), World::of_issuer("https://inner.example.com"));
    let outer = outer_world.app_with(CookieTransport::builder().path("/api"));
    let inner = CookieTransport::builder()
        .path("/api/auth")
        .access_name("inner-access")
        .binding_name("inner-session");
    let inner = inner_world.app_with(inner);
    let mut browser = Jar::default();
    for (app, user) in [
        (&outer, "alice"),
        (&inner, "bob"),
        (&outer, "carol"),
        (&inner, "dave"),
    ] {
        assert_eq!(app.log_in(&mut browser, user).await, 200);
    }
    for _ in 0..3 {
        outer_world.clock.advance(60);
        inner_world.clock.advance(60);
        assert_eq!(outer.refresh(&mut browser).await, 200);
        assert_eq!(inner.refresh(&mut browser).await, 200);
        assert_eq!(outer.user(&browser).await.as_deref(), Some("carol"));
        assert_eq!(inner.user(&browser).await.as_deref(), Some("dave"));
    }
    assert_eq!(
        (
            outer_world.devices("alice").await,
            inner_world.devices("bob").await
        ),
        (0, 0)
    );
    browser.remove("__Host-inner-access");
    assert_eq!(inner.log_out(&mut browser).await, 204);
    assert_eq!(
        outer.refresh(&mut browser).await,
        200,
        "the other is logged in still"
    );
}
