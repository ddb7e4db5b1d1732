//! The interface of a revocation store.

use std::sync::Arc;

use super::entry::{Revocation, RevocationKey};
use crate::id::SessionId;
use crate::store::{StoreFuture, StoredSession};

/// A position of a store in the sequence of its revocations.
///
/// ```
/// use tollgate::session::{
///     MemoryStore, Position, Revocation, RevocationKey, RevocationKind, RevocationStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let before = store.position().await?;
/// let key = RevocationKey::new(RevocationKind::Token, "https://id.example.com", "4711");
/// store.revoke(&[Revocation { key, before: Revocation::ALL, expires_at: now + 900 }], now).await?;
/// let after = Position { sequence: before.sequence + 1, ..before };
/// assert_eq!(store.position().await?, after);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// A random number that changes when the sequence restarts, for instance after the store was
    /// emptied.
    pub epoch: u64,
    /// Grows by one with each call of [`RevocationStore::revoke`].
    pub sequence: u64,
}

/// The revocations of a store at one position: all of them, or those that changed after an earlier
/// position.
///
/// ```
/// use tollgate::session::{MemoryStore, RevocationStore};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let store = MemoryStore::default();
/// let snapshot = store.snapshot(1_700_000_000).await?;
/// assert_eq!(snapshot.position, store.position().await?);
/// assert!(snapshot.entries.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationSnapshot {
    /// The exact position of the store when the entries were read.
    pub position: Position,
    /// The entries that have not ended.
    pub entries: Vec<Revocation>,
}

/// A store that keeps revocations in a sequence and gives hints about new ones.
///
/// `now` is the caller's time, in seconds since the epoch. An entry has ended when it has ended by
/// the caller's clock and by the store's, but at most two hours after it has ended by the caller's:
/// when its `expires_at` is not after [`ended_until(now, store)`](crate::ended_until). This applies
/// to every operation. A caller whose clock jumps forward and back thus loses no revocation, nor
/// does any other caller. A store without a server uses a [`SteadyClock`](crate::SteadyClock).
///
/// ```
/// use tollgate::session::{
///     MemoryStore, Revocation, RevocationKey, RevocationKind, RevocationStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let key = RevocationKey::new(RevocationKind::Token, "https://id.example.com", "4711");
/// let entry = Revocation { key: key.clone(), before: Revocation::ALL, expires_at: now + 900 };
/// store.revoke(&[entry.clone()], now).await?;
/// assert_eq!(store.find(&[key.clone()], now + 899).await?, [entry]);
/// assert!(store.find(&[key], now + 900).await?.is_empty(), "it has expired");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RevocationStore: Send + Sync + 'static {
    /// Stores the entries, all or none, as one step of the sequence, and then wakes the
    /// [feeds](Self::feed). An entry whose key exists extends the existing entry: the later
    /// `before` and the later `expires_at` apply.
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()>;

    /// Returns the entries of these keys that have not ended, in any order.
    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>>;

    /// Loads a session and [finds](Self::find) its revocations in one round trip, if this store
    /// keeps both. By default `None`: the caller loads the session, and then finds its revocations.
    ///
    /// The session is that of [`SessionStore::load`](crate::SessionStore::load). The entries are
    /// those of [`RevocationKey::of_session`] for this issuer and the subject of the session. Both
    /// are current at some moment of the call, but need not be as of the same one.
    ///
    /// A refresh calls this, so a store should override it.
    ///
    /// ```
    /// use tollgate::session::{RevocationStore, SessionId, SessionStore, StoredSession};
    /// use tollgate::stores::redb::RedbStore;
    ///
    /// # let directory = std::env::temp_dir()
    /// #     .join(format!("tollgate-redb-with-session-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let path = directory.join("sessions.redb");
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let (store, now) = (RedbStore::open(&path)?, 1_700_000_000);
    /// let session = StoredSession {
    ///     id: SessionId::new([7; 16]),
    ///     subject: "u-7".to_owned(),
    ///     revision: 1,
    ///     expires_at: now + 60,
    ///     data: b"{}".to_vec(),
    /// };
    /// store.insert(&session, now).await?;
    /// let issuer = "https://id.example.com";
    /// let loading = store.find_with_session(&session.id, issuer, now).expect("it keeps both");
    /// assert_eq!(loading.await?, Some((session, Vec::new())));
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::type_complexity,
        reason = "an alias would be one name more to look up"
    )]
    fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        issuer: &'a str,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        let _ = (id, issuer, now);
        None
    }

    /// Returns all entries that have not ended, as of one moment. One that cannot be read is logged
    /// and left out.
    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot>;

    /// Returns the current position. Must be cheap, as it is called several times a second.
    fn position(&self) -> StoreFuture<'_, Position>;

    /// Returns the entries that were stored or extended after the position `after` and have not
    /// ended, and the position that they lead to, as of one moment. Entries of earlier calls may be
    /// among them, but none of a later call may be missing.
    ///
    /// Returns `None` if the store cannot tell, such as for another epoch or a later position than
    /// its own. The caller then takes a [snapshot](Self::snapshot).
    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>>;

    /// Subscribes to hints. A hint follows every call of [`revoke`](Self::revoke) after this
    /// returns, but it carries no data and proves nothing: the channel may lose, repeat or invent
    /// hints. The store decides.
    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>>;

    /// Returns the store's own clock, in seconds since the epoch, or `None` if the store has no
    /// other clock than its callers. By default `None`.
    ///
    /// [`Revocations`](crate::Revocations) reads it before each snapshot and about once a minute,
    /// applies it to its replica, and reports a skew in its status.
    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        Box::pin(async { Ok(None) })
    }
}

impl<S: RevocationStore + ?Sized> RevocationStore for Arc<S> {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        (**self).revoke(entries, now)
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        (**self).find(keys, now)
    }

    fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        issuer: &'a str,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        (**self).find_with_session(id, issuer, now)
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        (**self).snapshot(now)
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        (**self).position()
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        (**self).changes(after, now)
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        (**self).feed()
    }

    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        (**self).clock()
    }
}

/// A subscription to the hints of a [`RevocationStore`].
///
/// ```
/// use tollgate::session::{
///     MemoryStore, Revocation, RevocationKey, RevocationKind, RevocationStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let mut feed = store.feed().await?;
/// let known = store.position().await?;
/// let key = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "s-1");
/// let entry = Revocation { key, before: Revocation::ALL, expires_at: now + 900 };
/// store.revoke(&[entry.clone()], now).await?;
/// feed.next().await?;
/// let changes = store.changes(known, now).await?.expect("the same epoch");
/// assert_eq!(changes.entries, [entry]);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RevocationFeed: Send {
    /// Waits for the next hint. Cancel-safe. Hints that arrive while nothing waits become one, so a
    /// flood of them needs no memory. After an error the feed is closed, and the caller must
    /// [subscribe](RevocationStore::feed) again.
    fn next(&mut self) -> StoreFuture<'_, ()>;
}
