//! A store without the polls of the revocations, which would be counted.

use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot, RevocationStore,
    SessionId, SessionStore, StoreFuture, StoredSession,
};

pub(crate) struct Quiet<S>(pub(crate) S);

impl<S: SessionStore> SessionStore for Quiet<S> {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.0.insert(session, now)
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        self.0.load(id, now)
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        self.0.replace(session, expected, now)
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        self.0.of_subject(subject, most, now)
    }

    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.0.confirm(session, now)
    }
}

const START: Position = Position {
    epoch: 1,
    sequence: 0,
};

impl<S: RevocationStore> RevocationStore for Quiet<S> {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.0.revoke(entries, now)
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.0.find(keys, now)
    }

    fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        issuer: &'a str,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        self.0.find_with_session(id, issuer, now)
    }

    fn snapshot(&self, _: u64) -> StoreFuture<'_, RevocationSnapshot> {
        let (position, entries) = (START, Vec::new());
        Box::pin(async move { Ok(RevocationSnapshot { position, entries }) })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(async { Ok(START) })
    }

    fn changes(&self, _: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move { self.snapshot(now).await.map(Some) })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        Box::pin(std::future::pending())
    }
}
