//! A cluster that loses a master under load.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tollgate_session::{RevocationStore, SessionId, SessionStore, StoredSession};
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{PATIENCE, RedisCluster};

use crate::fixture::{NOW, next, revocation, run, session, soon};

/// The number of concurrent writers for each session.
const RIVALS: usize = 3;

/// The writer that was acknowledged for each revision of a session.
pub(crate) type Winners = Arc<Mutex<HashMap<(SessionId, u64), usize>>>;

fn store(cluster: &RedisCluster) -> RedisStore {
    let urls = cluster.urls();
    RedisStore::cluster(urls)
        .timeout(Duration::from_secs(1))
        .wait_replicas(1, Duration::from_millis(500))
        .build()
        .unwrap()
}

#[test]
fn replicated_data_survives_the_loss_of_a_master() {
    let Some(mut cluster) = RedisCluster::start() else {
        return;
    };
    let stores = [store(&cluster), store(&cluster)];
    // The master of the revocations is lost. It holds some of the sessions.
    let doomed = cluster.master_of("{tollgate:revocations}:position");
    let key = |session: &StoredSession| format!("{{tollgate:session:{}}}", session.id);
    let (mut there, mut elsewhere) = (Vec::new(), Vec::new());
    while there.len() < 3 || elsewhere.len() < 3 {
        let session = session("u-7");
        if cluster.master_of(&key(&session)) == doomed {
            there.push(session);
        } else {
            elsewhere.push(session);
        }
    }
    let sessions: Vec<StoredSession> = there.drain(..3).chain(elsewhere.drain(..3)).collect();

    run(async {
        for session in &sessions {
            assert!(soon(stores[0].insert(session, NOW)).await.unwrap());
        }
        let epoch = soon(stores[0].position()).await.unwrap().epoch;
        let stop = Arc::new(AtomicBool::new(false));
        let winners = Winners::default();
        let revoked = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for session in &sessions {
            for rival in 0..RIVALS {
                let store = stores[rival % 2].clone();
                tasks.spawn(rotate(
                    store,
                    session.id,
                    rival,
                    winners.clone(),
                    stop.clone(),
                ));
            }
        }
        tasks.spawn(revoke(stores[1].clone(), revoked.clone(), stop.clone()));

        until("writes are acknowledged", async || {
            winners.lock().await.len() > 60 && revoked.lock().await.len() > 5
        })
        .await;
        cluster.node(doomed).stop();
        let (count, revocations) = (winners.lock().await.len(), revoked.lock().await.len());
        let gone = &sessions[..3];
        let then: Vec<u64> = {
            let winners = winners.lock().await;
            gone.iter()
                .map(|session| highest(&winners, session.id))
                .collect()
        };
        until("a replica takes over", async || {
            cluster.master_of("{tollgate:revocations}:position") != doomed
        })
        .await;
        // A write needs two servers for its acknowledgement, so a second one must return.
        cluster.node(doomed).restart();
        until("service resumes", async || {
            let winners = winners.lock().await;
            let resumed = gone
                .iter()
                .zip(&then)
                .all(|(session, then)| highest(&winners, session.id) > then + 3);
            resumed && winners.len() > count + 60 && revoked.lock().await.len() > revocations + 5
        })
        .await;
        stop.store(true, Ordering::Relaxed);
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }

        let (winners, revoked) = (winners.lock().await.clone(), revoked.lock().await.clone());
        assert_no_acknowledged_write_is_lost(&stores, &sessions, &winners, &revoked).await;
        // Sequence numbers may be reused, so the epoch must change.
        assert_ne!(soon(stores[0].position()).await.unwrap().epoch, epoch);
        let mut feed = soon(stores[0].feed()).await.unwrap();
        let at = soon(stores[0].position()).await.unwrap();
        soon(stores[1].revoke(&[revocation("last")], NOW))
            .await
            .unwrap();
        soon(feed.next()).await.unwrap();
        let changes = soon(stores[0].changes(at, NOW)).await.unwrap().unwrap();
        assert_eq!(changes.entries, [revocation("last")]);
    });
}

/// Asserts that every acknowledged write is still there.
pub(crate) async fn assert_no_acknowledged_write_is_lost(
    stores: &[RedisStore; 2],
    sessions: &[StoredSession],
    winners: &HashMap<(SessionId, u64), usize>,
    revoked: &[String],
) {
    for session in sessions {
        let kept = soon(stores[0].load(&session.id, NOW))
            .await
            .unwrap()
            .expect("an acknowledged session is lost");
        let highest = highest(winners, session.id);
        assert!(
            kept.revision >= highest,
            "revision {highest} was acknowledged, but {} is stored",
            kept.revision
        );
        if let Some(winner) = winners.get(&(session.id, kept.revision)) {
            assert_eq!(
                kept.data,
                winner.to_string().into_bytes(),
                "the stored data is not the acknowledged data"
            );
        }
    }
    let listed = soon(stores[1].of_subject("u-7", 99, NOW)).await.unwrap();
    assert_eq!(listed.len(), sessions.len());
    for value in revoked {
        let found = soon(stores[0].find(&[revocation(value).key], NOW))
            .await
            .unwrap();
        assert_eq!(
            found,
            [revocation(value)],
            "an acknowledged revocation is lost"
        );
    }
}

/// The highest acknowledged revision of the session.
pub(crate) fn highest(winners: &HashMap<(SessionId, u64), usize>, id: SessionId) -> u64 {
    let revisions = winners.keys().filter(|won| won.0 == id).map(|won| won.1);
    revisions.max().unwrap_or(1)
}

/// Replaces the session repeatedly, in competition with other writers.
pub(crate) async fn rotate(
    store: RedisStore,
    id: SessionId,
    rival: usize,
    winners: Winners,
    stop: Arc<AtomicBool>,
) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(Some(found)) = soon(store.load(&id, NOW)).await else {
            continue;
        };
        let mine = StoredSession {
            data: rival.to_string().into_bytes(),
            ..next(&found)
        };
        if matches!(
            soon(store.replace(&mine, found.revision, NOW)).await,
            Ok(true)
        ) {
            let before = winners.lock().await.insert((id, mine.revision), rival);
            assert_eq!(before, None, "revision {} has two winners", mine.revision);
        }
    }
}

pub(crate) async fn revoke(
    store: RedisStore,
    revoked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let value = number.to_string();
        if soon(store.revoke(&[revocation(&value)], NOW)).await.is_ok() {
            revoked.lock().await.push(value);
        }
    }
}

pub(crate) async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !ask().await {
        assert!(
            start.elapsed() < PATIENCE,
            "timed out after {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_hanging_node_does_not_delay_the_others() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let store = RedisStore::cluster([cluster.urls()[0].as_str()])
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let of = |node: usize| {
        let mut sessions = std::iter::repeat_with(|| session("u-7"));
        sessions
            .find(|session| {
                cluster.master_of(&format!("{{tollgate:session:{}}}", session.id)) == node
            })
            .unwrap()
    };
    let (mine, other) = (of(0), of(1));
    run(async {
        for session in [&mine, &other] {
            let stored = async || matches!(soon(store.load(&session.id, NOW)).await, Ok(Some(_)));
            // The replicas of every master are in sync shortly after the start.
            until("a session is inserted", async || {
                stored().await || soon(store.insert(session, NOW)).await.is_ok()
            })
            .await;
        }
        cluster.nodes()[0].pause();
        // Several callers keep querying the hanging node.
        for _ in 0..5 {
            let (store, id) = (store.clone(), mine.id);
            tokio::spawn(async move { while store.load(&id, NOW).await.is_err() {} });
        }
        // Until the other nodes detect the failure and start the election, which may be late on a
        // busy machine.
        let start = Instant::now();
        soon(store.load(&other.id, NOW)).await.unwrap().unwrap();
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "a hanging node delays the others"
        );
        until("a replica takes over", async || {
            matches!(soon(store.load(&mine.id, NOW)).await, Ok(Some(_)))
        })
        .await;
        assert!(soon(store.replace(&next(&mine), 1, NOW)).await.unwrap());
        cluster.nodes()[0].resume();
    });
}

#[test]
fn slots_can_move_during_use() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let store = RedisStore::cluster([cluster.urls()[0].as_str()])
        .timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    let mut mine = session("u-7");
    let key = format!("{{tollgate:session:{}}}", mine.id);
    let from = cluster.master_of(&key);
    let to = (from + 1) % RedisCluster::MASTERS;
    let nodes = cluster.nodes();
    let id = |node: usize| nodes[node].command(&["CLUSTER", "MYID"]);
    let slot = nodes[0].command(&["CLUSTER", "KEYSLOT", &key]);
    run(async {
        nodes[to].command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        nodes[from].command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
        // New keys are created on the target of the migration.
        assert!(soon(store.insert(&mine, NOW)).await.unwrap());
        assert_eq!(
            nodes[from].command(&["CLUSTER", "COUNTKEYSINSLOT", &slot]),
            "0"
        );
        mine = next(&mine);
        assert!(soon(store.replace(&mine, 1, NOW)).await.unwrap());
        assert_eq!(
            soon(store.load(&mine.id, NOW)).await.unwrap(),
            Some(mine.clone())
        );
        for node in [to, from] {
            nodes[node].command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]);
        }
        mine = next(&mine);
        assert!(soon(store.replace(&mine, 2, NOW)).await.unwrap());
        assert_eq!(
            soon(store.of_subject("u-7", 9, NOW)).await.unwrap(),
            [mine.clone()]
        );
    });
}
