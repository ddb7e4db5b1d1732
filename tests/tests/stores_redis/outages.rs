//! A server that is down, slow, full or unresponsive, and one that recovers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tollgate_session::{RevocationStore, SessionStore, StoreError, StoreErrorKind, StoredSession};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{PATIENCE, Redis};

use crate::fixture::{NOW, next, revocation, run, session, soon, store};
use crate::proxy::{Mode, Proxy};

/// A short timeout, for tests that exceed it.
const BRIEF: Duration = Duration::from_millis(300);

fn with_short_timeout(url: &str) -> RedisStore {
    RedisStore::builder(url).timeout(BRIEF).build().unwrap()
}

/// Asserts that every operation fails with this kind in time.
pub(crate) async fn all_fail(store: &RedisStore, kind: StoreErrorKind) {
    for error in errors(store).await {
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// Returns the error of every operation.
pub(crate) async fn errors(store: &RedisStore) -> [StoreError; 11] {
    let mine = session("u-7");
    [
        soon(store.insert(&mine, NOW)).await.unwrap_err(),
        soon(store.load(&mine.id, NOW)).await.unwrap_err(),
        soon(store.replace(&next(&mine), 1, NOW)).await.unwrap_err(),
        soon(store.of_subject("u-7", 9, NOW)).await.unwrap_err(),
        soon(store.revoke(&[revocation("a")], NOW))
            .await
            .unwrap_err(),
        soon(store.find(&[revocation("a").key], NOW))
            .await
            .unwrap_err(),
        soon(store.snapshot(NOW)).await.unwrap_err(),
        soon(store.position()).await.unwrap_err(),
        soon(store.feed()).await.err().unwrap(),
        soon(store.confirm(&mine, NOW)).await.unwrap_err(),
        soon(store.clock()).await.unwrap_err(),
    ]
}

/// Asserts that the store recovers automatically.
pub(crate) async fn resumes(store: &RedisStore) {
    let start = std::time::Instant::now();
    loop {
        let mine = session("u-7");
        match soon(store.insert(&mine, NOW)).await {
            Ok(inserted) => {
                assert!(inserted);
                break;
            }
            Err(error) => assert!(
                start.elapsed() < PATIENCE,
                "the store does not recover: {error}"
            ),
        }
    }
}

#[test]
fn a_server_that_is_down_fails_fast_and_recovers() {
    let Some(mut server) = Redis::start() else {
        return;
    };
    server.stop();
    let store = store(&server.url());
    run(async {
        all_fail(&store, StoreErrorKind::Unavailable).await;
        server.restart();
        resumes(&store).await;
        server.stop();
        all_fail(&store, StoreErrorKind::Unavailable).await;
        server.restart();
        resumes(&store).await;
    });
}

#[test]
fn a_hanging_server_costs_at_most_the_timeout() {
    let Some(server) = Redis::start() else { return };
    let store = with_short_timeout(&server.url());
    run(async {
        resumes(&store).await;
        server.pause();
        all_fail(&store, StoreErrorKind::Timeout).await;
        // Concurrent operations do not wait for each other.
        let many = (0..200).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { soon(store.position()).await.unwrap_err().kind() })
        });
        for one in many.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), StoreErrorKind::Timeout);
        }
        server.resume();
        resumes(&store).await;
    });
}

#[test]
fn a_slow_server_costs_at_most_the_timeout() {
    let Some(server) = Redis::start() else { return };
    let store = with_short_timeout(&server.url());
    run(async {
        resumes(&store).await;
        server.command(&["CLIENT", "PAUSE", "2000", "ALL"]);
        let error = soon(store.position()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Timeout, "{error}");
        resumes(&store).await;
    });
}

#[test]
fn a_silently_dead_connection_is_replaced() {
    let Some(server) = Redis::start() else { return };
    run(async {
        let proxy = Proxy::to(server.port()).await;
        let store = with_short_timeout(&proxy.url);
        resumes(&store).await;
        proxy.set(Mode::Swallow);
        let error = soon(store.position()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Timeout, "{error}");
        proxy.set(Mode::Pass);
        resumes(&store).await;

        // Even if callers cancel before the timeout of the store.
        proxy.set(Mode::Swallow);
        for _ in 0..3 {
            let asked = tokio::time::timeout(BRIEF * 2 / 3, store.position()).await;
            assert!(asked.is_err() || asked.unwrap().is_err());
        }
        proxy.set(Mode::Pass);
        let answered = tokio::time::timeout(BRIEF, store.position());
        assert!(answered.await.is_ok_and(|answer| answer.is_ok()));
    });
}

#[test]
fn a_write_with_a_lost_response_is_retried_idempotently() {
    let Some(server) = Redis::start() else { return };
    run(async {
        let proxy = Proxy::to(server.port()).await;
        let store = store(&proxy.url);
        let mut mine = session("u-7");
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        // The server has executed the write when the connection is cut. The retry recognises its
        // own write.
        for round in 1..=5 {
            proxy.set(Mode::CutOnce);
            mine = next(&mine);
            assert!(
                soon(store.replace(&mine, mine.revision - 1, NOW))
                    .await
                    .unwrap()
            );
            assert_eq!(proxy.cuts.load(Ordering::SeqCst), round);
            assert_eq!(
                soon(store.load(&mine.id, NOW)).await.unwrap(),
                Some(mine.clone())
            );
        }
        // Another call with the same content is a separate write.
        assert!(
            !soon(store.replace(&mine, mine.revision - 1, NOW))
                .await
                .unwrap()
        );
        assert!(!soon(store.insert(&mine, NOW)).await.unwrap());

        let before = soon(store.position()).await.unwrap();
        proxy.set(Mode::CutOnce);
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        assert_eq!(
            soon(store.find(&[revocation("a").key], NOW)).await.unwrap(),
            [revocation("a")]
        );
        assert!(soon(store.position()).await.unwrap().sequence > before.sequence);
    });
}

#[test]
fn a_full_server_refuses_logins_and_allows_reads() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let mine = session("u-7");
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        let before = soon(store.position()).await.unwrap();
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        for error in [
            soon(store.insert(&session("u-8"), NOW)).await.unwrap_err(),
            soon(store.replace(&next(&mine), 1, NOW)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
        }
        assert_eq!(
            soon(store.load(&mine.id, NOW)).await.unwrap(),
            Some(mine.clone())
        );
        let snapshot = soon(store.snapshot(NOW)).await.unwrap();
        assert_eq!(
            (snapshot.position, snapshot.entries),
            (before, vec![revocation("a")])
        );
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        resumes(&store).await;

        // A server that is full from the start can report its position.
        server.command(&["FLUSHALL"]);
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        assert!(soon(store.position()).await.unwrap().epoch != before.epoch);
    });
}

#[test]
fn a_wrong_password_error_does_not_contain_the_password() {
    let Some(server) = Redis::start_with(&["--requirepass", "s3cret"]) else {
        return;
    };
    let url = |user: &str| server.url().replace("redis://", &format!("redis://{user}"));
    run(async {
        for user in ["", ":hunter2@", "nobody:hunter2@"] {
            let store = store(&url(user));
            let error = soon(store.insert(&session("u-7"), NOW)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}");
            let error = soon(store.feed()).await.err().unwrap();
            assert_eq!(error.kind(), StoreErrorKind::Denied, "{error}");
            assert!(!format!("{error} {error:?} {store:?}").contains("hunter2"));
        }
        resumes(&store(&url(":s3cret@"))).await;
    });
}

#[test]
fn a_restart_begins_a_new_epoch_even_without_data_loss() {
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut server) = Redis::start_with(&options) else {
        return;
    };
    let store = store(&server.url());
    run(async {
        let mine = session("u-7");
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        let before = soon(store.position()).await.unwrap();
        let mut feed = soon(store.feed()).await.unwrap();
        server.restart();
        let lost = soon(feed.next()).await.unwrap_err();
        assert_eq!(lost.kind(), StoreErrorKind::Unavailable, "{lost}");
        assert!(
            soon(feed.next()).await.is_err(),
            "the feed must stay closed"
        );
        assert_eq!(soon(store.load(&mine.id, NOW)).await.unwrap(), Some(mine));
        let snapshot = soon(store.snapshot(NOW)).await.unwrap();
        assert_eq!(snapshot.entries, [revocation("a")]);
        assert_ne!(snapshot.position.epoch, before.epoch);
        let mut feed = soon(store.feed()).await.unwrap();
        soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
        soon(feed.next()).await.unwrap();
        let changes = soon(store.changes(snapshot.position, NOW)).await.unwrap();
        assert_eq!(changes.unwrap().entries, [revocation("b")]);
        assert_eq!(soon(store.changes(before, NOW)).await.unwrap(), None);
    });
}

#[test]
fn a_feed_of_a_hanging_server_ends() {
    let Some(server) = Redis::start() else { return };
    let store = with_short_timeout(&server.url());
    run(async {
        let mut feed = soon(store.feed()).await.unwrap();
        server.pause();
        let start = std::time::Instant::now();
        // Cancelled repeatedly, as in a `select!` with other work.
        let lost = loop {
            if let Ok(lost) = tokio::time::timeout(Duration::from_millis(50), feed.next()).await {
                break lost.unwrap_err();
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the feed does not report the loss"
            );
        };
        assert_eq!(lost.kind(), StoreErrorKind::Unavailable, "{lost}");
        server.resume();
        resumes(&store).await;
        assert!(soon(store.feed()).await.is_ok());
    });
}

#[test]
fn sessions_expired_by_the_server_clock_are_not_found() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let short = StoredSession {
            expires_at: NOW + 10,
            ..session("u-7")
        };
        assert!(soon(store.insert(&short, NOW)).await.unwrap());
        let key = format!("{{tollgate:session:{}}}", short.id);
        let life: u64 = server.command(&["PTTL", &key]).parse().unwrap();
        assert!((14_350_000..=14_410_000).contains(&life), "{life}");
        server.command(&["PEXPIRE", &key, "0"]);
        assert_eq!(soon(store.load(&short.id, NOW)).await.unwrap(), None);
        assert_eq!(soon(store.of_subject("u-7", 9, NOW)).await.unwrap(), []);
        assert!(!soon(store.replace(&next(&short), 1, NOW)).await.unwrap());
        assert!(soon(store.insert(&short, NOW)).await.unwrap());
    });
}
