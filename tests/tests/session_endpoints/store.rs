//! A store in memory with configurable failures.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_session::{
    MemoryStore, Position, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot,
    RevocationStore, SessionId, SessionStore, StoreError, StoreErrorKind, StoreFuture,
    StoredSession,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Down,
    /// Never responds.
    Silent,
    /// Responds after the caller's timeout.
    Slow,
    /// Refuses writes and allows reads.
    Full,
    Rubbish,
}

#[derive(Clone)]
pub(crate) struct Store {
    kept: MemoryStore,
    fault: Arc<watch::Sender<Option<Fault>>>,
}

/// The kind of access of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            kept: MemoryStore::default(),
            fault: Arc::new(watch::Sender::new(None)),
        }
    }

    pub(crate) fn fail(&self, fault: impl Into<Option<Fault>>) {
        self.fault.send_replace(fault.into());
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.borrow()
    }

    fn bear<'a, T: Send + 'a>(
        &self,
        access: Access,
        answer: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        let error = |kind| Box::pin(async move { Err(StoreError::new(kind, "")) });
        match self.fault() {
            Some(Fault::Down) => error(StoreErrorKind::Unavailable),
            Some(Fault::Silent) => Box::pin(pending()),
            Some(Fault::Slow) => Box::pin(async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                answer.await
            }),
            Some(Fault::Full) if access == Access::Write => error(StoreErrorKind::Full),
            None | Some(Fault::Full) => answer,
            Some(Fault::Rubbish) => error(StoreErrorKind::Corrupt),
        }
    }
}

fn corrupt(id: SessionId) -> StoredSession {
    StoredSession {
        id,
        subject: "ada".to_owned(),
        revision: 1,
        expires_at: u64::MAX,
        data: br#"{"v":1,"current":{}}"#.to_vec(),
    }
}

impl SessionStore for Store {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.bear(Access::Write, self.kept.insert(session, now))
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        if self.fault() == Some(Fault::Rubbish) {
            return Box::pin(async { Ok(Some(corrupt(*id))) });
        }
        self.bear(Access::Read, self.kept.load(id, now))
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        self.bear(Access::Write, self.kept.replace(session, expected, now))
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        self.bear(Access::Read, self.kept.of_subject(subject, most, now))
    }

    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.bear(Access::Write, self.kept.confirm(session, now))
    }
}

impl RevocationStore for Store {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.bear(Access::Write, self.kept.revoke(entries, now))
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.bear(Access::Read, self.kept.find(keys, now))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        self.bear(Access::Read, self.kept.snapshot(now))
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        self.bear(Access::Read, self.kept.position())
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        self.bear(Access::Read, self.kept.changes(after, now))
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        let begun = Box::pin(async {
            Ok(Box::new(Feed {
                kept: self.kept.feed().await?,
                fault: self.fault.subscribe(),
            }) as Box<dyn RevocationFeed>)
        });
        self.bear(Access::Read, begun)
    }
}

/// A feed that ends when the store begins to fail.
struct Feed {
    kept: Box<dyn RevocationFeed>,
    fault: watch::Receiver<Option<Fault>>,
}

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            tokio::select! {
                _ = self.fault.changed() => Err(StoreError::new(StoreErrorKind::Unavailable, "")),
                hint = self.kept.next() => hint,
            }
        })
    }
}
