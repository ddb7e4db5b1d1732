//! The status while operations on the store fail.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use tollgate_core::SigningKey;
use tollgate_session::{
    Issuer, Login, MemoryStore, Position, RefreshKey, RefreshRequest, Revocation, RevocationFeed,
    RevocationKey, RevocationKind, RevocationSnapshot, RevocationStatus, RevocationStore,
    SessionId, SessionStore, Sessions, StoreError, StoreErrorKind, StoreFuture, StoredSession,
};

use crate::fixture::START;

/// A store of which some operations are denied.
#[derive(Clone, Default)]
struct Partial {
    memory: MemoryStore,
    denied: Arc<Mutex<Vec<&'static str>>>,
    kind: Option<StoreErrorKind>,
    delay: Arc<Mutex<Duration>>,
}

impl Partial {
    fn deny(&self, operations: &[&'static str]) {
        *self.denied.lock().unwrap() = operations.to_vec();
    }

    fn may<'a, T: Send + 'a>(
        &self,
        operation: &'static str,
        work: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if self.denied.lock().unwrap().contains(&operation) {
            let error = StoreError::new(self.kind.unwrap_or(StoreErrorKind::Denied), operation);
            return Box::pin(async { Err(error) });
        }
        let delay = *self.delay.lock().unwrap();
        Box::pin(async move {
            sleep(delay).await;
            work.await
        })
    }
}

impl SessionStore for Partial {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.may("write session", self.memory.insert(session, now))
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        self.may("read session", self.memory.load(id, now))
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        let denied = self.denied.lock().unwrap().contains(&"replace");
        let operation = if denied { "replace" } else { "write session" };
        self.may(operation, self.memory.replace(session, expected, now))
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        self.may("read session", self.memory.of_subject(subject, most, now))
    }
}

impl RevocationStore for Partial {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.may("revoke", self.memory.revoke(entries, now))
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.may("find", self.memory.find(keys, now))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        self.may("snapshot", self.memory.snapshot(now))
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        self.may("position", self.memory.position())
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        self.may("changes", self.memory.changes(after, now))
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        self.memory.feed()
    }
}

fn service() -> (Sessions, Partial) {
    service_over(Partial::default())
}

fn service_over(store: Partial) -> (Sessions, Partial) {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(SigningKey::hs256([7; 32]).unwrap().with_kid("1"))
        .clock(|| START)
        .build()
        .unwrap();
    let sessions = Sessions::builder(issuer, store.clone())
        .refresh_key(RefreshKey::new(1, [1; 32]))
        .build()
        .unwrap();
    (sessions, store)
}

fn error(status: &RevocationStatus) -> Option<(&'static str, StoreErrorKind)> {
    status.last_error.map(|error| (error.operation, error.kind))
}

/// Uses every operation.
async fn use_all(sessions: &Sessions) -> bool {
    let Ok(tokens) = sessions.login(Login::new("u-7")).await else {
        return false;
    };
    let refreshed = sessions
        .refresh(&tokens.refresh_token, RefreshRequest::default())
        .await;
    let ended = sessions.logout(&tokens.session).await;
    refreshed.is_ok() && ended.is_ok()
}

#[tokio::test(start_paused = true)]
async fn the_status_is_not_in_sync_while_operations_fail() {
    for denied in ["revoke", "find", "read session", "write session"] {
        let (sessions, store) = service();
        let status = || sessions.revocations().status();
        sleep(Duration::from_secs(2)).await;
        assert!(use_all(&sessions).await);
        assert!(status().in_sync && sessions.revocations().in_sync());
        assert_eq!(error(&status()), None);

        store.deny(&[denied]);
        // For as long as the service is used, although the position can be read.
        for _ in 0..20 {
            assert!(!use_all(&sessions).await, "{denied}");
            assert!(!status().in_sync && !sessions.revocations().in_sync());
            assert_eq!(error(&status()), Some((denied, StoreErrorKind::Denied)));
            let text = format!("`{denied}` failed 0 s ago: the store denied access");
            assert!(status().to_string().ends_with(&text), "{}", status());
            sleep(Duration::from_secs(1)).await;
            assert!(!status().in_sync, "{denied}");
        }
        // The failure ages, so that a readiness probe lets requests through again.
        sleep(Duration::from_secs(5)).await;
        assert!(status().in_sync, "{denied}");
        assert_eq!(error(&status()), Some((denied, StoreErrorKind::Denied)));

        store.deny(&[]);
        assert!(use_all(&sessions).await);
        assert!(status().in_sync, "{denied}");
        assert_eq!(error(&status()), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_is_in_the_status_until_the_next_one() {
    for denied in ["position", "changes"] {
        let (sessions, store) = service();
        let status = || sessions.revocations().status();
        sleep(Duration::from_secs(2)).await;
        store.deny(&[denied]);
        // Written by another instance, so that there are changes to read.
        let elsewhere = |kid| Revocation {
            key: RevocationKey::new(RevocationKind::Key, "https://id.example.com", kid),
            before: Revocation::ALL,
            expires_at: START + 900,
        };
        store.memory.revoke(&[elsewhere("1")], START).await.unwrap();
        for _ in 0..20 {
            sleep(Duration::from_millis(700)).await;
            assert_eq!(error(&status()), Some((denied, StoreErrorKind::Denied)));
            // A snapshot stands in for changes.
            assert!(!status().in_sync || denied == "changes");
        }
        store.deny(&[]);
        store.memory.revoke(&[elsewhere("2")], START).await.unwrap();
        sleep(Duration::from_secs(4)).await;
        assert!(status().in_sync && error(&status()).is_none(), "{denied}");
        assert_eq!(status().entries, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn logins_do_not_hide_that_no_session_can_be_ended() {
    let (sessions, store) = service();
    sleep(Duration::from_secs(2)).await;
    store.deny(&["replace"]);
    for _ in 0..5 {
        let tokens = sessions.login(Login::new("u-7")).await.unwrap();
        assert!(sessions.logout(&tokens.session).await.is_err());
        sessions.login(Login::new("u-7")).await.unwrap();
        let status = sessions.revocations().status();
        assert!(!status.in_sync, "{status}");
        let denied = ("write session", StoreErrorKind::Denied);
        assert_eq!(error(&status), Some(denied));
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_revocations_are_a_failure_of_the_store() {
    for denied in ["revoke", "find"] {
        let (sessions, store) = service_over(Partial {
            kind: Some(StoreErrorKind::Corrupt),
            ..Partial::default()
        });
        sleep(Duration::from_secs(2)).await;
        store.deny(&[denied]);
        assert!(!use_all(&sessions).await);
        let status = sessions.revocations().status();
        assert!(!status.in_sync, "{denied}: {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_steps_are_slow_is_not_in_sync() {
    let (sessions, store) = service();
    sleep(Duration::from_secs(2)).await;
    *store.delay.lock().unwrap() = Duration::from_millis(450);
    for _ in 0..5 {
        assert!(sessions.login(Login::new("u-7")).await.is_err());
        let status = sessions.revocations().status();
        assert!(!status.in_sync, "{status}");
        let late = ("session operation", StoreErrorKind::Timeout);
        assert_eq!(error(&status), Some(late));
    }
    *store.delay.lock().unwrap() = Duration::ZERO;
    assert!(use_all(&sessions).await);
    sleep(Duration::from_secs(2)).await;
    assert!(sessions.revocations().in_sync());
}
