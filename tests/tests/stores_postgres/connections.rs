//! The number of connections, and who waits for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use tollgate_session::{RevocationStore, Revocations, SessionStore, StoreErrorKind};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::{Config, NoTls};
use tollgate_testkit::Mint;
use tollgate_tests::servers::{Postgres, eventually};

use super::{NOW, failure, other_client, ready, resumes, revocation, session};

const MOST: usize = 4;
const INSTANCES: usize = 2;
/// The longest time of the faults. Longer than the grace period of a rotation.
const FAULT: Duration = Duration::from_secs(12);

fn open(server: &Postgres) -> PostgresStore {
    PostgresStore::builder(server.url().parse().unwrap())
        .max_connections(MOST)
        .connect_timeout(Duration::from_millis(600))
        .statement_timeout(Duration::from_millis(600))
        .build()
        .unwrap()
}

const COUNT: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tollgate'";

/// Runs a load of all operations while the caller does something, and returns the highest number
/// of connections of the server meanwhile.
async fn highest(server: &Postgres, meanwhile: impl Future<Output = ()>) -> usize {
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for _ in 0..INSTANCES {
        let store = open(server);
        let feed = store.clone();
        let stopped = Arc::clone(&stop);
        tasks.push(tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(mut feed) = feed.feed().await {
                    while !stopped.load(Ordering::Relaxed)
                        && !matches!(
                            timeout(Duration::from_millis(200), feed.next()).await,
                            Ok(Err(_))
                        )
                    {}
                }
                sleep(Duration::from_millis(50)).await;
            }
        }));
        for client in 0..12_u8 {
            let (store, stopped) = (store.clone(), Arc::clone(&stop));
            tasks.push(tokio::spawn(async move {
                let mut held = session(client, "u-7");
                let mut round = 0_u64;
                while !stopped.load(Ordering::Relaxed) {
                    round += 1;
                    let operations = async {
                        let _ = store.position().await;
                        if let Ok(Some(found)) = store.load(&held.id, NOW).await {
                            held = found;
                        }
                        held.revision += 1;
                        let _ = store.replace(&held, held.revision - 1, NOW).await;
                        if client < 2 {
                            let _ = store.revoke(&[revocation("a")], NOW).await;
                        }
                        let _ = store.find(&[revocation("a").key], NOW).await;
                    };
                    // Some callers leave early.
                    let patience = if round.is_multiple_of(3) { 100 } else { 2000 };
                    let _ = timeout(Duration::from_millis(patience), operations).await;
                    sleep(Duration::from_millis(5)).await;
                }
            }));
        }
    }
    let most = Arc::new(AtomicUsize::new(0));
    let (counted, stopped) = (Arc::clone(&most), Arc::clone(&stop));
    let watcher = other_client(server).await;
    let counting = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            let count: i64 = watcher.query_typed_one(COUNT, &[]).await.unwrap().get(0);
            counted.fetch_max(usize::try_from(count).unwrap(), Ordering::Relaxed);
            sleep(Duration::from_millis(10)).await;
        }
    });
    meanwhile.await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    counting.await.unwrap();
    most.load(Ordering::Relaxed)
}

const BOUND: usize = INSTANCES * (MOST + 2);

async fn with_sessions(server: &Postgres) -> PostgresStore {
    let store = ready(server).await;
    for client in 0..12 {
        assert!(store.insert(&session(client, "u-7"), NOW).await.unwrap());
    }
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_away_adds_no_connection() {
    let Some(server) = Postgres::start_with(&["fsync=off"]) else {
        return;
    };
    let standby = server.standby("one");
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'one'");
    server.sql("SELECT pg_reload_conf()");
    let waits = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    eventually("the standby is synchronous", || server.sql(waits) == "1");
    let store = with_sessions(&server).await;
    drop(store);
    let most = highest(&server, async {
        sleep(Duration::from_secs(1)).await;
        standby.pause();
        sleep(FAULT).await;
        standby.resume();
        sleep(Duration::from_secs(2)).await;
    })
    .await;
    assert!(most <= BOUND, "{most} connections");
    let store = open(&server);
    let late = session(99, "u-8");
    resumes(|| store.insert(&late, NOW)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_gets_no_more_connections() {
    let Some(server) = Postgres::start() else {
        return;
    };
    drop(with_sessions(&server).await);
    let most = highest(&server, async {
        sleep(Duration::from_secs(1)).await;
        server.pause();
        sleep(FAULT).await;
        server.resume();
        sleep(Duration::from_secs(2)).await;
    })
    .await;
    assert!(most <= BOUND, "{most} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_adds_no_connection_and_starves_no_gate() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = with_sessions(&server).await;
    drop(store);
    let most = highest(&server, async {
        let gate = Revocations::builder(open(&server), Mint::ISSUER)
            .clock(|| NOW)
            .build()
            .unwrap();
        let store = open(&server);
        let mut load = Vec::new();
        let synced = async {
            while !gate.status().in_sync {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(10), synced).await.unwrap();
        let locker = other_client(&server).await;
        locker
            .batch_execute("BEGIN; LOCK TABLE tollgate.sessions IN ACCESS EXCLUSIVE MODE")
            .await
            .unwrap();
        for client in 0..40 {
            let store = store.clone();
            load.push(tokio::spawn(async move {
                loop {
                    let _ = store.load(&session(client, "").id, NOW).await;
                }
            }));
        }
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(4) {
            assert!(gate.status().in_sync, "{:?}", gate.status());
            store.position().await.unwrap();
            store.find(&[revocation("b").key], NOW).await.unwrap();
            store.revoke(&[revocation("b")], NOW).await.unwrap();
            sleep(Duration::from_millis(50)).await;
        }
        for task in load {
            task.abort();
        }
        locker.batch_execute("ROLLBACK").await.unwrap();
        resumes(|| async { store.load(&session(1, "").id, NOW).await }).await;
    })
    .await;
    // One more instance with a gate and its feed, and one without a feed.
    assert!(most <= BOUND + 2 * (MOST + 2), "{most} connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_statement_is_cancelled() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let held = session(1, "u-7");
    assert!(store.insert(&held, NOW).await.unwrap());
    let locker = other_client(&server).await;
    locker
        .batch_execute("BEGIN; LOCK TABLE tollgate.sessions")
        .await
        .unwrap();
    let early = timeout(Duration::from_millis(100), store.replace(&held, 1, NOW));
    assert!(early.await.is_err());
    eventually("the statement is cancelled", || {
        server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "0"
    });
    locker.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.load(&held.id, NOW).await.unwrap(), Some(held));
}

#[tokio::test(flavor = "multi_thread")]
async fn exhaustion_is_named() {
    let Some(server) = Postgres::start() else {
        return;
    };
    ready(&server).await;
    let store = PostgresStore::builder(server.url().parse().unwrap())
        .max_connections(1)
        .statement_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let locker = other_client(&server).await;
    locker
        .batch_execute("BEGIN; LOCK TABLE tollgate.sessions")
        .await
        .unwrap();
    let other = store.clone();
    let waiting = tokio::spawn(async move { other.load(&session(1, "").id, NOW).await });
    sleep(Duration::from_millis(200)).await;
    let error = store.find(&[revocation("a").key], NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Exhausted, "{error}");
    assert!(
        error.to_string().contains("`max_connections` is 1"),
        "{error}"
    );
    locker.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), None);

    // The server has none left, for this or another instance.
    server.sql("CREATE ROLE app LOGIN PASSWORD 'not-so-secret' CONNECTION LIMIT 0");
    let mut config: Config = server.url().parse().unwrap();
    config.user("app");
    let late = PostgresStore::builder(config).build().unwrap();
    let error = late.position().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Exhausted);
    assert!(error.to_string().contains("53300"), "{error}");
    assert_eq!(failure(late.feed()).await, StoreErrorKind::Exhausted);
}

/// A pool of the user has the same bound.
#[tokio::test(flavor = "multi_thread")]
async fn a_custom_pool_is_not_exceeded() {
    use tollgate_store_postgres::deadpool_postgres::{Manager, Pool};
    let Some(server) = Postgres::start() else {
        return;
    };
    let config: Config = server.url().parse().unwrap();
    let mut named = config.clone();
    named.application_name("custom");
    let pool = Pool::builder(Manager::new(named, NoTls))
        .max_size(3)
        .build();
    let store = PostgresStore::builder(config)
        .pool(pool.unwrap())
        .statement_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    store.migrate().await.unwrap();
    let held = session(1, "u-7");
    assert!(store.insert(&held, NOW).await.unwrap());
    let locker = other_client(&server).await;
    locker
        .batch_execute("BEGIN; LOCK TABLE tollgate.sessions")
        .await
        .unwrap();
    let start = Instant::now();
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let (store, held) = (store.clone(), held.clone());
            tokio::spawn(async move {
                while start.elapsed() < Duration::from_secs(3) {
                    assert!(store.replace(&held, 1, NOW).await.is_err());
                }
            })
        })
        .collect();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'custom'";
    while start.elapsed() < Duration::from_secs(3) {
        let count: usize = server.sql(count).parse().unwrap();
        assert!(count <= 3, "{count} connections");
        sleep(Duration::from_millis(20)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    locker.batch_execute("ROLLBACK").await.unwrap();
    resumes(|| async { store.load(&held.id, NOW).await }).await;
}
