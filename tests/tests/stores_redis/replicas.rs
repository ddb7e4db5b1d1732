//! A master with one replica, which is lost and later promoted.

use std::time::Duration;

use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, RevocationStore, SessionError, SessionErrorKind,
    SessionStore, Sessions, StoreError, StoreErrorKind, StoredSession, Tokens,
};
use tollgate_store_redis::RedisStore;
use tollgate_testkit::keys;
use tollgate_tests::servers::{Redis, eventually};

use crate::fixture::{NOW, TIMEOUT, next, revocation, run, session, soon};

const ROUNDS: usize = 20;
const PROMPT: [&str; 4] = [
    "--repl-diskless-sync-delay",
    "0",
    "--repl-ping-replica-period",
    "1",
];

fn waiting(server: &Redis) -> RedisStore {
    RedisStore::builder(&server.url())
        .timeout(TIMEOUT)
        .wait_replicas(1, Duration::from_millis(100))
        .build()
        .unwrap()
}

fn follow(replica: &Redis, master: &Redis) {
    replica.command(&["REPLICAOF", "127.0.0.1", &master.port().to_string()]);
    eventually("the replica is in sync", || {
        let info = master.command(&["INFO", "replication"]);
        info.contains("state=online")
    });
}

/// Repeats an operation until it is acknowledged.
async fn acknowledged<T>(mut operation: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    for _ in 0..100 {
        match operation().await {
            Ok(done) => return done,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
        }
    }
    panic!("no replica acknowledges a write");
}

/// Freezes the replica and cuts its connection, so that nothing is in its buffers.
fn lose(replica: &Redis, master: &Redis) {
    replica.pause();
    master.command(&["CLIENT", "KILL", "TYPE", "replica"]);
}

/// Kills the master and promotes the replica. The former master returns empty, as a replica.
fn fail_over(master: &mut Redis, replica: &mut Redis) {
    master.stop();
    replica.resume();
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    std::mem::swap(master, replica);
    replica.restart();
    follow(replica, master);
}

#[test]
fn nothing_that_was_acknowledged_or_confirmed_is_lost() {
    let (Some(mut master), Some(mut replica)) =
        (Redis::start_with(&PROMPT), Redis::start_with(&PROMPT))
    else {
        return;
    };
    follow(&replica, &master);
    let rotated: Vec<StoredSession> = (0..ROUNDS).map(|_| session("u-7")).collect();
    run(async {
        for (round, first) in rotated.iter().enumerate() {
            let store = waiting(&master);
            acknowledged(async || soon(store.insert(first, NOW)).await).await;
            assert!(acknowledged(async || soon(store.confirm(first, NOW)).await).await);
            lose(&replica, &master);
            let (second, late) = (next(first), session("u-7"));
            let ended = revocation(&round.to_string());
            let unavailable = |error: StoreError| {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                assert!(error.to_string().contains("replicas"), "{error}");
            };
            unavailable(soon(store.replace(&second, 1, NOW)).await.unwrap_err());
            unavailable(soon(store.insert(&late, NOW)).await.unwrap_err());
            let revoke = [ended.clone()];
            unavailable(soon(store.revoke(&revoke, NOW)).await.unwrap_err());
            // Everything is visible, but no repetition is acknowledged.
            let found = soon(store.load(&first.id, NOW)).await.unwrap();
            assert_eq!(found.as_ref(), Some(&second));
            unavailable(soon(store.confirm(&second, NOW)).await.unwrap_err());
            unavailable(soon(store.revoke(&revoke, NOW)).await.unwrap_err());
            let key = [ended.key.clone()];
            unavailable(soon(store.find(&key, NOW)).await.unwrap_err());
            let none = [revocation("none").key];
            assert_eq!(soon(store.find(&none, NOW)).await.unwrap(), []);
            let other = waiting(&master);
            unavailable(soon(other.confirm(&second, NOW)).await.unwrap_err());

            let returns = round % 2 == 0;
            if returns {
                replica.resume();
                eventually("the replica is back", || {
                    let info = master.command(&["INFO", "replication"]);
                    info.contains("state=online")
                });
                assert!(acknowledged(async || soon(store.confirm(&second, NOW)).await).await);
                assert!(!acknowledged(async || soon(store.confirm(first, NOW)).await).await);
                acknowledged(async || soon(store.revoke(&revoke, NOW)).await).await;
                lose(&replica, &master);
            }
            fail_over(&mut master, &mut replica);
            let store = waiting(&master);
            let found = soon(store.load(&first.id, NOW)).await.unwrap();
            let kept = if returns { &second } else { first };
            assert_eq!(found.as_ref(), Some(kept), "round {round}");
            let found = acknowledged(async || soon(store.find(&key, NOW)).await).await;
            assert_eq!(!found.is_empty(), returns, "round {round}");
        }
    });
}

/// Writes that are queued behind others, which wait for the replica, have the same cause.
#[test]
fn a_lost_replica_is_the_cause_of_every_failure() {
    let (Some(master), Some(replica)) = (Redis::start_with(&PROMPT), Redis::start_with(&PROMPT))
    else {
        return;
    };
    follow(&replica, &master);
    let store = RedisStore::builder(&master.url())
        .timeout(TIMEOUT)
        .wait_replicas(1, Duration::from_millis(500))
        .build()
        .unwrap();
    run(async {
        acknowledged(async || soon(store.insert(&session("u-7"), NOW)).await).await;
        lose(&replica, &master);
        let writes = (0..60).map(|number| {
            let store = store.clone();
            tokio::spawn(
                async move { soon(store.insert(&session(&number.to_string()), NOW)).await },
            )
        });
        for write in writes.collect::<Vec<_>>() {
            let error = write.await.unwrap().unwrap_err();
            assert!(error.to_string().contains("replicas"), "{error}");
        }
    });
}

/// The same through the sessions: a client repeats each request until it is acknowledged.
#[test]
fn a_client_loses_no_acknowledged_answer() {
    let (Some(mut master), Some(mut replica)) =
        (Redis::start_with(&PROMPT), Redis::start_with(&PROMPT))
    else {
        return;
    };
    follow(&replica, &master);
    run(async {
        for round in 0..ROUNDS {
            let sessions = sessions(waiting(&master));
            let login = async |subject: &str| sessions.login(Login::new(subject)).await;
            let kept = acknowledged_login(&sessions, "u-7").await;
            let out = acknowledged_login(&sessions, "u-8").await;
            lose(&replica, &master);
            let (mut refreshed, mut ended, mut entered) = (None, false, None);
            for _ in 0..3 {
                let again = RefreshRequest::default();
                let answer = sessions.refresh(&kept.refresh_token, again).await;
                refreshed = answer.ok().or(refreshed);
                ended |= sessions.logout(&out.session).await.is_ok();
                entered = login("u-9").await.ok().or(entered);
            }
            assert!(refreshed.is_none() && !ended && entered.is_none());
            if round % 2 == 0 {
                replica.resume();
                eventually("the replica is back", || {
                    let info = master.command(&["INFO", "replication"]);
                    info.contains("state=online")
                });
                for _ in 0..100 {
                    let again = RefreshRequest::default();
                    let answer = sessions.refresh(&kept.refresh_token, again).await;
                    refreshed = answer.ok().or(refreshed);
                    ended |= sessions.logout(&out.session).await.is_ok();
                    if refreshed.is_some() && ended {
                        break;
                    }
                }
                entered = Some(acknowledged_login(&sessions, "u-9").await);
                assert!(refreshed.is_some() && ended);
                lose(&replica, &master);
            }
            fail_over(&mut master, &mut replica);
            let sessions = self::sessions(waiting(&master));
            let held = [Some(refreshed.unwrap_or(kept)), entered];
            for held in held.into_iter().flatten() {
                let answer = answer(&sessions, &held).await;
                assert!(answer.is_ok(), "round {round}: {answer:?}");
            }
            let answer = answer(&sessions, &out).await;
            assert!(!ended || answer.is_err(), "round {round}");
        }
    });
}

/// Refreshes until the store answers.
async fn answer(sessions: &Sessions, tokens: &Tokens) -> Result<Tokens, SessionError> {
    loop {
        let request = RefreshRequest::default();
        let answer = Box::pin(sessions.refresh(&tokens.refresh_token, request)).await;
        match answer {
            Err(error) if error.kind() == SessionErrorKind::Unavailable => {}
            answer => return answer,
        }
    }
}

async fn acknowledged_login(sessions: &Sessions, subject: &str) -> Tokens {
    for _ in 0..100 {
        if let Ok(tokens) = sessions.login(Login::new(subject)).await {
            return tokens;
        }
    }
    panic!("no login is acknowledged");
}

fn sessions(store: RedisStore) -> Sessions {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(tollgate_core::Algorithm::HS256))
        .build()
        .unwrap();
    Sessions::builder(issuer, store)
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .store_timeout(TIMEOUT)
        .build()
        .unwrap()
}
