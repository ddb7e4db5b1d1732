//! The interface of a revocation store.

use std::sync::Arc;

use super::entry::{Revocation, RevocationKey};
use crate::store::StoreFuture;

/// A position of a store in the sequence of its revocations.
///
/// ```
/// use tollgate::session::Position;
///
/// let before = Position { epoch: 1, sequence: 41 };
/// let after = Position { epoch: 1, sequence: 42 };
/// assert!(after.follows(before));
/// assert!(!Position { epoch: 2, sequence: 42 }.follows(before), "another epoch");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// A random number that changes when the sequence restarts, for instance after the store was
    /// emptied.
    pub epoch: u64,
    /// Grows by one with each call of [`RevocationStore::revoke`].
    pub sequence: u64,
}

impl Position {
    /// Returns whether this position directly follows `earlier`.
    ///
    /// ```
    /// # use tollgate::session::Position;
    /// let at = |sequence| Position { epoch: 1, sequence };
    /// assert!(!at(3).follows(at(1)));
    /// ```
    pub fn follows(self, earlier: Self) -> bool {
        self.epoch == earlier.epoch && Some(self.sequence) == earlier.sequence.checked_add(1)
    }
}

/// One call of [`RevocationStore::revoke`], as announced to every instance.
///
/// ```
/// use tollgate::session::{Announcement, Position};
///
/// let known = Position { epoch: 1, sequence: 6 };
/// let position = Position { epoch: 1, sequence: 8 };
/// let announcement = Announcement { position, entries: Some(Vec::new()) };
/// assert!(!announcement.position.follows(known), "announcement 7 was lost: take a snapshot");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The position of the store after the call.
    pub position: Position,
    /// The revoked entries; `None` if they are too large for the channel, so that a
    /// [snapshot](RevocationStore::snapshot) must be taken.
    pub entries: Option<Vec<Revocation>>,
}

/// A snapshot of all revocations.
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
    /// The exact position of the snapshot.
    pub position: Position,
    /// The entries that have not expired.
    pub entries: Vec<Revocation>,
}

/// A store that keeps revocations and announces new ones. `now` has the meaning that it has in
/// [`SessionStore`](crate::SessionStore).
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
    /// Stores the entries, all or none, and announces them as one. An entry whose key exists
    /// extends the existing entry: the later `before` and the later `expires_at` apply.
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()>;

    /// Returns the entries of these keys that have not expired, in any order.
    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>>;

    /// Returns all entries that have not expired, as of one moment.
    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot>;

    /// Returns the current position. Must be cheap, as it is called several times a second.
    fn position(&self) -> StoreFuture<'_, Position>;

    /// Subscribes to announcements. Every call of [`revoke`](Self::revoke) after this returns is
    /// announced. The listener detects lost messages by their positions.
    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>>;
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

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        (**self).feed()
    }
}

/// A subscription to the announcements of a [`RevocationStore`].
///
/// ```
/// use tollgate::session::{
///     MemoryStore, Revocation, RevocationKey, RevocationKind, RevocationStore,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let mut feed = store.feed().await?;
/// let key = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "s-1");
/// let before = Revocation::ALL;
/// let entry = Revocation { key: key.clone(), before, expires_at: now + 900 };
/// store.revoke(&[entry], now).await?;
/// let announcement = feed.next().await?;
/// assert_eq!(announcement.position, store.position().await?);
/// assert_eq!(announcement.entries.map(|entries| entries[0].key.clone()), Some(key));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RevocationFeed: Send {
    /// Waits for the next announcement. Cancel-safe. After an error the feed is closed, and the
    /// caller must [subscribe](RevocationStore::feed) again.
    fn next(&mut self) -> StoreFuture<'_, Announcement>;
}
