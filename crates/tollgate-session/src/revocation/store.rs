//! The interface of a revocation store.

use std::sync::Arc;

use super::entry::{Revocation, RevocationKey};
use crate::store::StoreFuture;

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
