//! A feed gives a hint of every change or ends with an error.

use std::time::Duration;

use tokio::time::timeout;
use tollgate_session::{RevocationFeed, RevocationStore, StoreErrorKind};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::{AsyncMessage, NoTls};
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

async fn hint(feed: &mut dyn RevocationFeed) {
    timeout(Duration::from_secs(5), feed.next())
        .await
        .expect("the feed is silent")
        .unwrap();
}

/// Asserts that a new feed works again.
async fn hears(store: &PostgresStore) {
    let mut feed = store.feed().await.unwrap();
    store.revoke(&[revocation("b")], NOW).await.unwrap();
    hint(&mut *feed).await;
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
async fn a_notification_is_a_hint_whatever_it_says() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let mut feed = store.feed().await.unwrap();
    for payload in ["", "malformed", "1 2 malformed", "1 -1 "] {
        server.sql(&format!(
            "SELECT pg_notify('tollgate.revocations', '{payload}')"
        ));
        hint(&mut *feed).await;
    }
    server.sql("NOTIFY \"tollgate.other\"");
    let other = timeout(Duration::from_millis(100), feed.next()).await;
    assert!(other.is_err(), "a hint from another channel");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_tells_nothing() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let (client, mut connection) =
        tollgate_store_postgres::tokio_postgres::connect(&server.url(), NoTls)
            .await
            .unwrap();
    let (heard, mut listening) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) =
            std::future::poll_fn(|context| connection.poll_message(context)).await
        {
            if let AsyncMessage::Notification(notice) = message {
                heard.send(notice.payload().to_owned()).unwrap();
            }
        }
    });
    client
        .batch_execute("LISTEN \"tollgate.revocations\"")
        .await
        .unwrap();
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    let payload = timeout(Duration::from_secs(5), listening.recv()).await;
    assert_eq!(payload.unwrap().unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_notifications_does_not_end_the_feed() {
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
    hint(&mut *feed).await;
    while timeout(Duration::from_millis(100), feed.next())
        .await
        .is_ok_and(|hint| hint.is_ok())
    {}
    store.revoke(&[revocation("b")], NOW).await.unwrap();
    hint(&mut *feed).await;
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
    // Each answer has the two entries that every call changes and those of the calls between.
    let mut last = start;
    while last.sequence < start.sequence + 200 {
        timeout(Duration::from_secs(10), feed.next())
            .await
            .unwrap()
            .unwrap();
        let changes = store.changes(last, NOW).await.unwrap().unwrap();
        let between = changes.position.sequence - last.sequence;
        assert!(changes.entries.len() as u64 <= between + 2);
        last = changes.position;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.position().await.unwrap(), last);
    // 50 numbers, x and y.
    let all = store.changes(start, NOW).await.unwrap().unwrap();
    assert_eq!(all.entries.len(), 52);
}
