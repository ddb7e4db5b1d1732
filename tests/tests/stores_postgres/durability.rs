//! Acknowledged writes survive a kill of the server at any moment.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_session::{RevocationStore, SessionStore};
use tollgate_store_postgres::PostgresStore;
use tollgate_tests::servers::Postgres;

use super::{NOW, open, ready, resumes, revocation, session};

const SESSIONS: u8 = 3;
const CLIENTS: u8 = 3;

/// The acknowledged writes of one client: its revisions of each session.
type Won = Vec<(u8, u64)>;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_rotation_or_revocation_is_lost_and_each_has_one_winner() {
    // The server's default is asynchronous commit, which the store must override.
    let Some(mut server) = Postgres::start_with(&["fsync=on", "synchronous_commit=off"]) else {
        return;
    };
    let store = ready(&server).await;
    for id in 0..SESSIONS {
        assert!(store.insert(&session(id, "u-7"), NOW).await.unwrap());
    }
    let mut winners: HashMap<(u8, u64), u8> = HashMap::new();
    for round in 0_u64..5 {
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| tokio::spawn(rotate(open(&server), client, stop.clone())))
            .collect();
        let revoking = tokio::spawn(revoke(open(&server), round, stop.clone()));
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        server.stop();
        stop.store(true, Ordering::Relaxed);

        for (client, task) in (0..).zip(clients) {
            for won in task.await.unwrap() {
                let other = winners.insert(won, client);
                assert_eq!(
                    other, None,
                    "revision {} of session {} has two winners",
                    won.1, won.0
                );
            }
        }
        let revoked = revoking.await.unwrap();
        server.restart();
        for id in 0..SESSIONS {
            let kept = resumes(|| async { store.load(&session(id, "").id, NOW).await })
                .await
                .expect("an acknowledged session is lost");
            let last = winners
                .keys()
                .filter(|(of, _)| *of == id)
                .map(|(_, revision)| *revision)
                .max();
            let last = last.expect("no rotation was acknowledged");
            assert!(
                kept.revision >= last,
                "session {id}: found revision {}, acknowledged {last}",
                kept.revision
            );
            if let Some(winner) = winners.get(&(id, kept.revision)) {
                assert_eq!(
                    kept.data,
                    [*winner],
                    "the stored rotation is not the acknowledged one"
                );
            }
        }
        assert!(!revoked.is_empty());
        let keys: Vec<_> = revoked.iter().map(|value| revocation(value).key).collect();
        assert_eq!(store.find(&keys, NOW).await.unwrap().len(), keys.len());
    }
}

async fn rotate(store: PostgresStore, client: u8, stop: Arc<AtomicBool>) -> Won {
    let mut won = Won::new();
    while !stop.load(Ordering::Relaxed) {
        for id in 0..SESSIONS {
            let Ok(Some(mut held)) = store.load(&session(id, "").id, NOW).await else {
                continue;
            };
            let expected = held.revision;
            held.revision += 1;
            held.data = vec![client];
            if let Ok(true) = store.replace(&held, expected, NOW).await {
                won.push((id, held.revision));
            }
        }
    }
    won
}

async fn revoke(store: PostgresStore, round: u64, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut revoked = Vec::new();
    for n in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let value = format!("{round}-{n}");
        if store.revoke(&[revocation(&value)], NOW).await.is_ok() {
            revoked.push(value);
        } else {
            tokio::task::yield_now().await;
        }
    }
    revoked
}
