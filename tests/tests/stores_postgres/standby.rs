//! Standbys: the durability of acknowledged writes, and the history that a position belongs to.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tollgate_core::Algorithm;
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, RevocationStore, SessionErrorKind, SessionStore,
    Sessions, StoreErrorKind, StoredSession,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_testkit::keys;
use tollgate_tests::servers::{Postgres, eventually};

use super::{NOW, failure, open, ready, resumes, revocation, session};

/// Starts a server and its standby. `synchronous` makes commits wait for it.
async fn pair(synchronous: bool, settings: &[&str]) -> Option<(Postgres, Postgres, PostgresStore)> {
    let server = Postgres::start_with(settings)?;
    let store = ready(&server).await;
    let standby = server.standby("one");
    if synchronous {
        server.sql("ALTER SYSTEM SET synchronous_standby_names = 'one'");
        server.sql("SELECT pg_reload_conf()");
    }
    let state = format!(
        "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = '{}'",
        if synchronous { "sync" } else { "async" }
    );
    eventually("the standby follows", || server.sql(&state) == "1");
    Some((server, standby, store))
}

fn next(of: &StoredSession) -> StoredSession {
    StoredSession {
        revision: of.revision + 1,
        ..of.clone()
    }
}

/// A write that was cancelled while it waited for the standby is visible. It is not acknowledged,
/// nor confirmed, before the standby has it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_or_confirmed_that_the_standby_lacks() {
    for default in ["on", "off", "local"] {
        let setting = format!("synchronous_commit={default}");
        let Some((server, mut standby, store)) = pair(true, &["fsync=off", &setting]).await else {
            return;
        };
        let first = session(1, "u-7");
        assert!(store.insert(&first, NOW).await.unwrap());
        standby.pause();
        let second = next(&first);
        assert_eq!(
            failure(store.replace(&second, 1, NOW)).await,
            StoreErrorKind::Timeout
        );
        let visible = resumes(|| async {
            match store.load(&first.id, NOW).await? {
                Some(found) if found.revision == 2 => Ok(found),
                _ => Err(tollgate_session::StoreError::new(
                    StoreErrorKind::Unavailable,
                    "the statement is not cancelled yet",
                )),
            }
        })
        .await;
        // As told, the client retries for longer than the grace period of a rotation.
        for _ in 0..if default == "on" { 10 } else { 2 } {
            assert_eq!(
                failure(store.confirm(&visible, NOW)).await,
                StoreErrorKind::Timeout
            );
        }
        // A failover at this moment loses the rotation, which was not acknowledged.
        standby.stop();
        drop(server);
        standby.restart();
        standby.promote();
        let after = open(&standby);
        let found = resumes(|| async { after.load(&first.id, NOW).await }).await;
        assert_eq!(found, Some(first.clone()));
        assert!(after.replace(&second, 1, NOW).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_confirmed_survives_the_failover() {
    let Some((server, standby, store)) = pair(true, &["fsync=off"]).await else {
        return;
    };
    let first = session(1, "u-7");
    assert!(store.insert(&first, NOW).await.unwrap());
    standby.pause();
    let second = next(&first);
    let _ = store.replace(&second, 1, NOW).await.unwrap_err();
    let _ = store.revoke(&[revocation("a")], NOW).await.unwrap_err();
    standby.resume();
    assert!(resumes(|| store.confirm(&second, NOW)).await);
    assert!(!store.confirm(&first, NOW).await.unwrap(), "it was rotated");
    assert!(
        !store.confirm(&second, NOW + 3600).await.unwrap(),
        "it has expired"
    );
    let entries = [revocation("a")];
    resumes(|| async { store.revoke(&entries, NOW).await }).await;
    drop(server);
    standby.promote();
    let after = open(&standby);
    let found = resumes(|| async { after.load(&first.id, NOW).await }).await;
    assert_eq!(found, Some(second));
    assert_eq!(
        after.find(&[revocation("a").key], NOW).await.unwrap(),
        [revocation("a")]
    );
}

/// An administrator who cancels a write that waits for the standby makes it succeed. The server
/// tells so by a warning, which the settings of a role or of another client of a pooler suppress.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_wait_is_not_an_acknowledgement() {
    let Some((server, standby, _)) = pair(true, &["fsync=off"]).await else {
        return;
    };
    for (id, level) in [(1, "notice"), (2, "error")] {
        standby.resume();
        server.sql(&format!(
            "ALTER ROLE tollgate SET client_min_messages = {level}"
        ));
        let store = PostgresStore::builder(server.url().parse().unwrap())
            .statement_timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        standby.pause();
        let one = session(id, "u-7");
        let writing = tokio::spawn({
            let (store, one) = (store.clone(), one.clone());
            async move { store.insert(&one, NOW).await }
        });
        eventually("the write waits", || {
            server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"
        });
        server.sql(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        );
        let error = writing.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Timeout, "{level}: {error}");
        assert_eq!(store.load(&one.id, NOW).await.unwrap(), Some(one));
    }
    standby.resume();
}

/// The promoted standby lacks the last revocations, but soon has as many again.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_has_another_epoch() {
    let Some((server, standby, store)) = pair(false, &["fsync=off"]).await else {
        return;
    };
    for value in ["a", "b"] {
        store.revoke(&[revocation(value)], NOW).await.unwrap();
    }
    let sequence = "SELECT sequence FROM tollgate.revocation_head";
    eventually("the standby has them", || standby.sql(sequence) == "2");
    let read = open(&standby);
    let on_standby = read.position().await.unwrap();
    assert_eq!(on_standby.sequence, 2);
    assert_eq!(read.position().await.unwrap(), on_standby);
    assert_eq!(
        failure(read.insert(&session(1, "u-7"), NOW)).await,
        StoreErrorKind::ReadOnly
    );
    standby.pause();
    for value in ["c", "d"] {
        store.revoke(&[revocation(value)], NOW).await.unwrap();
    }
    let before = store.position().await.unwrap();
    drop(server);
    standby.resume();
    standby.promote();
    let after = open(&standby);
    for value in ["e", "f", "g"] {
        let entry = [revocation(value)];
        resumes(|| async { after.revoke(&entry, NOW).await }).await;
    }
    let position = after.position().await.unwrap();
    assert!(position.sequence > before.sequence);
    assert_ne!(position.epoch, before.epoch);
    assert_ne!(position.epoch, on_standby.epoch);
    assert_eq!(after.changes(before, NOW).await.unwrap(), None);
    assert_eq!(after.changes(on_standby, NOW).await.unwrap(), None);
    assert_eq!(after.snapshot(NOW).await.unwrap().position, position);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_has_another_epoch() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    let restored = server.restored();
    store.revoke(&[revocation("b")], NOW).await.unwrap();
    let before = store.position().await.unwrap();
    drop(server);
    let after = open(&restored);
    for value in ["c", "d"] {
        after.revoke(&[revocation(value)], NOW).await.unwrap();
    }
    let position = after.position().await.unwrap();
    assert!(position.sequence > before.sequence);
    assert_ne!(position.epoch, before.epoch);
    assert_eq!(after.changes(before, NOW).await.unwrap(), None);
}

/// Reads need no commit.
#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_the_standby_is_away() {
    let Some((_server, standby, store)) = pair(true, &["fsync=off"]).await else {
        return;
    };
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    standby.pause();
    let writers: Vec<_> = (0..40)
        .map(|id| {
            let store = store.clone();
            tokio::spawn(async move {
                let _ = store.insert(&session(id, "u-7"), NOW).await;
                let _ = store.revoke(&[revocation("b")], NOW).await;
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..10 {
        let read = async {
            store.position().await.unwrap();
            let found = store.find(&[revocation("a").key], NOW).await.unwrap();
            assert_eq!(found, [revocation("a")]);
        };
        timeout(Duration::from_secs(1), read).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    standby.resume();
}

fn sessions(store: PostgresStore) -> Sessions {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(Algorithm::HS256))
        .build()
        .unwrap();
    Sessions::builder(issuer, store)
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .build()
        .unwrap()
}

/// Refreshes as a client does by the rules: the same token until there is an answer.
async fn refreshes(sessions: &Sessions, token: &mut String, until: Instant) -> usize {
    let mut answers = 0;
    while Instant::now() < until {
        match sessions.refresh(token, RefreshRequest::default()).await {
            Ok(tokens) => {
                *token = tokens.refresh_token;
                answers += 1;
            }
            Err(error) => assert_eq!(error.kind(), SessionErrorKind::Unavailable, "{error}"),
        }
        sleep(Duration::from_millis(200)).await;
    }
    answers
}

/// The standby is away for longer than the grace period. Then it returns, or becomes the primary.
async fn logs_nobody_out(failover: bool) {
    let Some((server, mut standby, store)) = pair(true, &["fsync=off"]).await else {
        return;
    };
    let before = sessions(store);
    let mut tokens = Vec::new();
    for client in 0..8 {
        let login = Login::new(format!("u-{client}"));
        tokens.push(before.login(login).await.unwrap().refresh_token);
    }
    let all = async |sessions: &Sessions, tokens: &mut Vec<String>, time: u64| {
        let until = Instant::now() + Duration::from_secs(time);
        let tasks: Vec<_> = std::mem::take(tokens)
            .into_iter()
            .map(|mut token| {
                let sessions = sessions.clone();
                tokio::spawn(async move { (refreshes(&sessions, &mut token, until).await, token) })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            let (count, token) = task.await.unwrap();
            answers.push(count);
            tokens.push(token);
        }
        answers
    };
    all(&before, &mut tokens, 1).await;
    standby.pause();
    assert_eq!(all(&before, &mut tokens, 14).await, [0; 8], "a lost answer");
    let after = if failover {
        standby.stop();
        drop(server);
        standby.restart();
        standby.promote();
        sessions(open(&standby))
    } else {
        standby.resume();
        before
    };
    let answers = all(&after, &mut tokens, 6).await;
    assert!(answers.iter().all(|answers| *answers > 0), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_returns_logs_nobody_out() {
    logs_nobody_out(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_logs_nobody_out() {
    logs_nobody_out(true).await;
}
