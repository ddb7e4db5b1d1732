//! Users and applications that share the server, but not the keys.

use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_session::RevocationStore;
use tollgate_tests::servers::Redis;

use crate::fixture::{NOW, revocation, run, soon, store};
use crate::neighbor;

#[test]
fn a_user_who_may_only_publish_neither_forges_nor_suppresses_a_revocation() {
    let Some(server) = Redis::start() else { return };
    server.command(&[
        "ACL",
        "SETUSER",
        "neighbor",
        "on",
        ">secret",
        "resetchannels",
        "&tollgate:revocations",
        "resetkeys",
        "-@all",
        "+publish",
    ]);
    let store = store(&server.url());
    run(async {
        let url = server.url().replace("redis://", "redis://neighbor:secret@");
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let denied: Result<redis::Value, _> = redis::cmd("HGETALL")
            .arg("{tollgate:revocations}:position")
            .query_async(&mut connection)
            .await;
        assert!(denied.is_err());
        let epoch = soon(store.position()).await.unwrap().epoch;
        let entry = neighbor::forged_entry();
        let (round, long) = (AtomicU64::new(0), vec![b'x'; 100_000]);
        neighbor::changes_nothing(store, async || {
            let next = round.fetch_add(1, Ordering::Relaxed);
            let at = format!("{epoch:020}{next:020}");
            let key = [at.as_bytes(), b"+", &entry].concat();
            let mut flood = redis::pipe();
            for message in [
                format!("{at}+").as_bytes(),
                &key,
                format!("{at}-").as_bytes(),
                at.as_bytes(),
                format!("{:020}{next:020}+", 1).as_bytes(),
                b"",
                b"malformed",
                b"\0\xFF",
                b"+",
                &long,
            ] {
                flood
                    .cmd("PUBLISH")
                    .arg("tollgate:revocations")
                    .arg(message);
            }
            let _: Vec<redis::Value> = flood.query_async(&mut connection.clone()).await.unwrap();
        })
        .await;
    });
}

/// Channels ignore the number of the database.
#[test]
fn an_application_in_another_database_costs_no_sync() {
    let Some(server) = Redis::start() else { return };
    let other = store(&format!("{}/3", server.url()));
    run(async {
        neighbor::changes_nothing(store(&server.url()), async || {
            for value in 0..10 {
                let entry = revocation(&value.to_string());
                soon(other.revoke(&[entry], NOW)).await.unwrap();
            }
        })
        .await;
    });
}

#[test]
fn a_message_tells_nothing_and_a_revocation_does_not_need_it() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        let client = redis::Client::open(server.url()).unwrap();
        let mut ear = client.get_async_pubsub().await.unwrap();
        ear.subscribe("tollgate:revocations").await.unwrap();
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
        let mut messages = ear.into_on_message();
        let message = soon(futures_util::StreamExt::next(&mut messages))
            .await
            .unwrap();
        assert_eq!(message.get_payload_bytes(), b"");

        // The user of the application loses the channel.
        server.command(&["ACL", "SETUSER", "default", "resetchannels"]);
        soon(store.revoke(&[revocation("b")], NOW)).await.unwrap();
        let found = soon(store.find(&[revocation("b").key], NOW)).await.unwrap();
        assert_eq!(found, [revocation("b")]);
        assert!(soon(store.feed()).await.is_err());
    });
}
