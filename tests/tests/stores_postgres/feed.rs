//! A feed announces every change or ends with an error.

use std::time::Duration;

use tokio::time::timeout;
use tollgate_session::{RevocationFeed, RevocationStore, StoreErrorKind};
use tollgate_store_postgres::PostgresStore;
use tollgate_tests::servers::Postgres;

use super::{NOW, open, other_client, ready, revocation};

/// Returns the error that the feed ends with, within the time limit.
async fn end(feed: &mut dyn RevocationFeed) -> StoreErrorKind {
    let ended = async {
        loop {
            if let Err(error) = feed.next().await {
                return error.kind();
            }
        }
    };
    let kind = timeout(Duration::from_secs(5), ended)
        .await
        .expect("the feed does not report the loss");
    assert_eq!(
        feed.next().await.unwrap_err().kind(),
        kind,
        "the feed must stay closed"
    );
    kind
}

/// Asserts that a new feed works again.
async fn hears(store: &PostgresStore) {
    let mut feed = store.feed().await.unwrap();
    store.revoke(&[revocation("b")], NOW).await.unwrap();
    let heard = timeout(Duration::from_secs(5), feed.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(heard.entries.unwrap(), [revocation("b")]);
    assert_eq!(heard.position, store.position().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_connection_ends_the_feed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let mut feed = store.feed().await.unwrap();
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    assert_eq!(server.sql(ended), "t");
    assert_eq!(end(&mut *feed).await, StoreErrorKind::Unavailable);
    hears(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_ends_the_feed() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let mut feed = store.feed().await.unwrap();
    server.stop();
    assert_eq!(end(&mut *feed).await, StoreErrorKind::Unavailable);
    server.restart();
    super::resumes(|| store.position()).await;
    hears(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_ends_the_feed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let mut feed = store.feed().await.unwrap();
    server.pause();
    assert_eq!(end(&mut *feed).await, StoreErrorKind::Timeout);
    server.resume();
    hears(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_notification_ends_the_feed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    for malformed in ["", "malformed", "1 2 malformed", "1 -1 "] {
        let mut feed = store.feed().await.unwrap();
        // Notifications on other channels are ignored.
        server.sql(&format!(
            "NOTIFY \"tollgate.other\"; SELECT pg_notify('tollgate.revocations', '{malformed}')"
        ));
        assert_eq!(
            end(&mut *feed).await,
            StoreErrorKind::Corrupt,
            "{malformed}"
        );
    }
    hears(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_too_slow_gets_an_error() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let mut feed = store.feed().await.unwrap();
    let flood = "DO $$ BEGIN FOR n IN 1..5000 LOOP \
                 PERFORM pg_notify('tollgate.revocations', '1 ' || n || ' '); END LOOP; END $$";
    other_client(&server)
        .await
        .batch_execute(flood)
        .await
        .unwrap();
    // The listener reads nothing until the flood is over.
    tollgate_tests::servers::eventually("the connection is closed", || {
        server.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == "0"
    });
    assert_eq!(end(&mut *feed).await, StoreErrorKind::Full);
    hears(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_feed_closes_its_connection() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    drop(store.feed().await.unwrap());
    tollgate_tests::servers::eventually("the connection is closed", || {
        server.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == "0"
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn sequence_order_equals_commit_order() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let mut feed = store.feed().await.unwrap();
    let start = store.position().await.unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = open(&server);
            tokio::spawn(async move {
                for n in 0..50 {
                    // Each transaction has the same keys in another order: a deadlock must not
                    // occur.
                    let mut entries =
                        [revocation("x"), revocation("y"), revocation(&n.to_string())];
                    entries.rotate_left(writer % 3);
                    store.revoke(&entries, NOW).await.unwrap();
                }
            })
        })
        .collect();
    let mut last = start;
    for _ in 0..200 {
        let heard = timeout(Duration::from_secs(10), feed.next())
            .await
            .unwrap()
            .unwrap();
        assert!(
            heard.position.follows(last),
            "{last:?} {:?}",
            heard.position
        );
        last = heard.position;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.position().await.unwrap(), last);
}
