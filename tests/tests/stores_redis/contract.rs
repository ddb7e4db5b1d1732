//! The conformance suite of all stores, and cases specific to Redis: keys, slots, expiry.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tollgate_session::{RevocationStore, SessionStore, StoreErrorKind, StoredSession};
use tollgate_store_redis::RedisStore;
use tollgate_testkit::stores;
use tollgate_tests::servers::{Redis, RedisCluster};

use crate::fixture::{HOUR, NOW, TIMEOUT, next, revocation, run, session, soon, store};

#[test]
fn one_server_passes_the_suite() {
    let Some(server) = Redis::start() else { return };
    run(async {
        let (one, other) = (store(&server.url()), store(&server.url()));
        stores::accept(Arc::new(one), Arc::new(other)).await;
    });
    every_key_has_an_end(&server);
}

#[test]
fn a_cluster_passes_the_suite() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let urls = cluster.urls();
    // One instance is configured with a master, the other with a replica.
    let knows = |url: &String| {
        RedisStore::cluster([url.as_str()])
            .timeout(TIMEOUT)
            .build()
            .unwrap()
    };
    run(stores::accept(
        Arc::new(knows(&urls[0])),
        Arc::new(knows(&urls[4])),
    ));
    let masters = &cluster.nodes()[..RedisCluster::MASTERS];
    for master in masters {
        every_key_has_an_end(master);
        assert_ne!(
            keys(master).len(),
            0,
            "sessions are spread over all masters"
        );
    }
}

#[test]
fn keys_that_change_together_are_in_one_slot() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let urls = cluster.urls();
    let store = RedisStore::cluster(urls)
        .namespace("shop")
        .timeout(TIMEOUT)
        .build()
        .unwrap();
    let mine = session("u-7");
    run(async {
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        assert!(soon(store.replace(&next(&mine), 1, NOW)).await.unwrap());
        soon(store.revoke(&[revocation("a")], NOW)).await.unwrap();
    });
    let all: Vec<String> = cluster.nodes()[..RedisCluster::MASTERS]
        .iter()
        .flat_map(keys)
        .collect();
    let slots = |part: &str| {
        let some: Vec<&String> = all.iter().filter(|key| key.contains(part)).collect();
        let slots = some
            .iter()
            .map(|key| cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", key]));
        (some.len(), slots.collect::<HashSet<_>>().len())
    };
    assert_eq!(
        slots(&mine.id.to_string()),
        (1, 1),
        "a session has one key in one slot"
    );
    assert_eq!(slots("subject:u-7"), (1, 1));
    assert_eq!(slots("revocations"), (4, 1));
    assert_eq!(all.len(), 6, "unexpected keys: {all:?}");
    assert!(all.iter().all(|key| key.starts_with("{shop:")));
}

#[test]
fn namespaces_are_isolated() {
    let Some(server) = Redis::start() else { return };
    let named = |name| {
        RedisStore::builder(&server.url())
            .namespace(name)
            .timeout(TIMEOUT)
            .build()
            .unwrap()
    };
    let (one, other) = (named("one"), named("other"));
    run(async {
        let mine = session("u-7");
        let mut feed = soon(other.feed()).await.unwrap();
        let before = soon(other.position()).await.unwrap();
        assert!(soon(one.insert(&mine, NOW)).await.unwrap());
        soon(one.revoke(&[revocation("a")], NOW)).await.unwrap();
        assert_eq!(soon(other.load(&mine.id, NOW)).await.unwrap(), None);
        assert_eq!(soon(other.of_subject("u-7", 9, NOW)).await.unwrap(), []);
        assert_eq!(
            soon(other.find(&[revocation("a").key], NOW)).await.unwrap(),
            []
        );
        assert_eq!(soon(other.position()).await.unwrap(), before);
        assert!(soon(other.insert(&mine, NOW)).await.unwrap());
        let silent = tokio::time::timeout(Duration::from_millis(100), feed.next()).await;
        assert!(silent.is_err(), "a hint from another namespace");
        soon(other.revoke(&[revocation("b")], NOW)).await.unwrap();
        soon(feed.next()).await.unwrap();
        let changes = soon(other.changes(before, NOW)).await.unwrap().unwrap();
        assert_eq!(changes.entries, [revocation("b")]);
    });
}

#[test]
fn an_index_outlives_each_replacement_and_drops_ended_sessions() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        // Each replacement extends the expiry by an hour, far beyond the index's first expiry.
        let mut long = session("u-7");
        assert!(soon(store.insert(&long, NOW)).await.unwrap());
        for hours in 1..200 {
            let now = NOW + hours * (HOUR - 1);
            let later = StoredSession {
                expires_at: now + HOUR,
                ..next(&long)
            };
            assert!(
                soon(store.replace(&later, long.revision, now))
                    .await
                    .unwrap()
            );
            long = later;
            assert_eq!(
                soon(store.of_subject("u-7", 9, now)).await.unwrap(),
                [long.clone()]
            );
        }
        let key = "{tollgate:subject:u-7}";
        let session_key = format!("{{tollgate:session:{}}}", long.id);
        let life = |key: &str| server.command(&["PTTL", key]).parse::<i64>().unwrap();
        assert!(
            life(key) >= life(&session_key),
            "the index expires before its session"
        );

        // A lookup removes sessions that ended early from the index.
        for _ in 0..10 {
            let short = StoredSession {
                expires_at: NOW + 9 * HOUR,
                ..session("u-8")
            };
            assert!(soon(store.insert(&short, NOW)).await.unwrap());
            let ended = StoredSession {
                expires_at: NOW + 1,
                ..next(&short)
            };
            assert!(soon(store.replace(&ended, 1, NOW)).await.unwrap());
        }
        let length = || server.command(&["HLEN", "{tollgate:subject:u-8}"]);
        assert_eq!(soon(store.of_subject("u-8", 9, NOW + 2)).await.unwrap(), []);
        assert_eq!(
            length(),
            "10",
            "recent entries may belong to sessions that are being inserted"
        );
        assert_eq!(
            soon(store.of_subject("u-8", 9, NOW + 3 * HOUR))
                .await
                .unwrap(),
            []
        );
        assert_eq!(length(), "0");
        // A large index is also pruned without a lookup.
        for step in 0..300 {
            let short = StoredSession {
                expires_at: NOW + step * 60 + 10,
                ..session("u-9")
            };
            assert!(soon(store.insert(&short, NOW + step * 60)).await.unwrap());
        }
        let left: u32 = server
            .command(&["HLEN", "{tollgate:subject:u-9}"])
            .parse()
            .unwrap();
        assert!(left <= 65, "{left} entries of expired sessions are left");
    });
}

#[test]
fn expired_revocations_are_removed() {
    let Some(server) = Redis::start() else { return };
    let store = store(&server.url());
    run(async {
        for value in ["a", "b", "c"] {
            soon(store.revoke(&[revocation(value)], NOW)).await.unwrap();
        }
        let length = || server.command(&["HLEN", "{tollgate:revocations}:entries"]);
        // A clock slightly ahead does not remove entries of others.
        soon(store.revoke(&[revocation("d")], NOW + HOUR + 200))
            .await
            .unwrap();
        assert_eq!(length(), "4");
        soon(store.revoke(&[revocation("e")], u64::MAX))
            .await
            .unwrap();
        assert_eq!(length(), "5", "a clock that is far off must remove nothing");
        soon(store.revoke(&[revocation("f")], NOW + HOUR + 301))
            .await
            .unwrap();
        assert_eq!(length(), "1");
        // The order has a member that keeps its key.
        for (order, members) in [("endings", "1"), ("order", "2")] {
            let key = format!("{{tollgate:revocations}}:{order}");
            assert_eq!(server.command(&["ZCARD", &key]), members);
        }
    });
}

#[test]
fn writes_without_a_replica_are_not_acknowledged() {
    let Some(server) = Redis::start() else { return };
    let store = RedisStore::builder(&server.url())
        .timeout(TIMEOUT)
        .wait_replicas(1, Duration::from_millis(100))
        .build()
        .unwrap();
    run(async {
        let mine = session("u-7");
        let error = soon(store.insert(&mine, NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        let error = soon(store.revoke(&[revocation("a")], NOW))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert_eq!(soon(store.load(&mine.id, NOW)).await.unwrap(), None);
    });
}

fn keys(server: &Redis) -> Vec<String> {
    server
        .command(&["KEYS", "*"])
        .lines()
        .map(str::to_owned)
        .filter(|key| !key.is_empty())
        .collect()
}

fn every_key_has_an_end(server: &Redis) {
    let script = "local endless = {} \
        for _, key in ipairs(redis.call('KEYS', '*')) do \
          if redis.call('PTTL', key) < 0 then table.insert(endless, key) end \
        end \
        return endless";
    // In a cluster, a script may not access undeclared keys, unless it is a legacy script.
    assert_eq!(
        server.command(&["EVAL", script, "0"]),
        "",
        "keys without an expiry"
    );
}
