//! A master that Sentinels watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tollgate_session::{SessionStore, StoreErrorKind, StoredSession};
use tollgate_store_redis::{RedisStore, RedisStoreBuilder};
use tollgate_tests::servers::RedisSentinels;

use crate::failover::{
    Winners, assert_no_acknowledged_write_is_lost, highest, revoke, rotate, until,
};
use crate::fixture::{NOW, run, session, soon};

fn builder(servers: &RedisSentinels, master: &str) -> RedisStoreBuilder {
    RedisStore::sentinel(servers.urls(), master).timeout(Duration::from_secs(1))
}

#[test]
fn acknowledged_writes_survive_the_loss_of_the_master() {
    let Some(mut servers) = RedisSentinels::start() else {
        return;
    };
    let store = || {
        let store = builder(&servers, "redis://orders");
        let store = store.wait_replicas(1, Duration::from_millis(500));
        store.build().unwrap()
    };
    let stores = [store(), store()];
    let sessions: Vec<StoredSession> = (0..3).map(|_| session("u-7")).collect();
    run(async {
        for session in &sessions {
            assert!(soon(stores[0].insert(session, NOW)).await.unwrap());
        }
        let stop = Arc::new(AtomicBool::new(false));
        let winners = Winners::default();
        let revoked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for session in &sessions {
            for (rival, store) in stores.iter().enumerate() {
                let (store, winners, stop) = (store.clone(), winners.clone(), stop.clone());
                tasks.spawn(rotate(store, session.id, rival, winners, stop));
            }
        }
        tasks.spawn(revoke(stores[1].clone(), revoked.clone(), stop.clone()));
        let served = async || winners.lock().await.len() > 30 && revoked.lock().await.len() > 5;
        until("writes are acknowledged", served).await;

        servers.node(0).stop();
        let (before, revocations) = {
            let winners = winners.lock().await;
            let before = sessions.iter().map(|session| highest(&winners, session.id));
            (before.collect::<Vec<_>>(), revoked.lock().await.len())
        };
        until("another master is chosen", async || {
            servers.master().is_some_and(|master| master != 0)
        })
        .await;
        // The former master returns, is a master at first, and becomes a replica.
        servers.node(0).restart();
        until("service resumes", async || {
            let winners = winners.lock().await;
            let mut all = sessions.iter().zip(&before);
            all.all(|(session, before)| highest(&winners, session.id) > before + 3)
                && revoked.lock().await.len() > revocations + 5
        })
        .await;
        stop.store(true, Ordering::Relaxed);
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let (winners, revoked) = (winners.lock().await.clone(), revoked.lock().await.clone());
        assert_no_acknowledged_write_is_lost(&stores, &sessions, &winners, &revoked).await;
    });
}

#[test]
fn a_new_store_finds_the_master_with_one_sentinel_left() {
    let Some(mut servers) = RedisSentinels::start() else {
        return;
    };
    for number in [0, 2] {
        servers.sentinel_process(number).stop();
    }
    run(async {
        let store = builder(&servers, "redis://orders/3").build().unwrap();
        let session = session("u-7");
        assert!(soon(store.insert(&session, NOW)).await.unwrap());
        assert!(soon(store.load(&session.id, NOW)).await.unwrap().is_some());
        servers.sentinel_process(1).stop();
        // The master is known, so the Sentinels are not needed.
        assert!(soon(store.load(&session.id, NOW)).await.unwrap().is_some());
        let other = builder(&servers, "redis://orders").build().unwrap();
        let error = soon(other.load(&session.id, NOW)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    });
}

#[test]
fn an_unknown_name_and_a_replica_are_refused() {
    let Some(servers) = RedisSentinels::start() else {
        return;
    };
    run(async {
        let store = builder(&servers, "redis://billing").build().unwrap();
        let error = soon(store.load(&session("u-7").id, NOW)).await.unwrap_err();
        assert!(error.to_string().contains("master"), "{error}");

        // The Sentinels still name it.
        let other = servers.nodes()[1].port().to_string();
        servers.nodes()[0].command(&["REPLICAOF", "127.0.0.1", &other]);
        let store = builder(&servers, "redis://orders").build().unwrap();
        let error = soon(store.load(&session("u-7").id, NOW)).await.unwrap_err();
        assert!(error.to_string().contains("not a master"), "{error}");
    });
}
