//! What a place must do to keep revocations and to tell of them.

use std::sync::Arc;

use super::entry::{Revocation, RevocationKey};
use crate::store::StoreFuture;

/// Where a store stands in the sequence of its revocations.
///
/// ```
/// use tollgate_session::Position;
///
/// let before = Position { epoch: 1, sequence: 41 };
/// let after = Position { epoch: 1, sequence: 42 };
/// assert!(after.follows(before));
/// assert!(!Position { epoch: 2, sequence: 42 }.follows(before), "another life of the store");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Changes when the sequence begins anew, as when the store was emptied: random.
    pub epoch: u64,
    /// Grows by one with each call of [`RevocationStore::revoke`].
    pub sequence: u64,
}

impl Position {
    /// Whether nothing lies between `earlier` and this one.
    ///
    /// ```
    /// # use tollgate_session::Position;
    /// let at = |sequence| Position { epoch: 1, sequence };
    /// assert!(!at(3).follows(at(1)));
    /// ```
    pub fn follows(self, earlier: Self) -> bool {
        self.epoch == earlier.epoch && Some(self.sequence) == earlier.sequence.checked_add(1)
    }
}

/// One call of [`RevocationStore::revoke`], as every instance hears of it.
///
/// ```
/// use tollgate_session::{Announcement, Position};
///
/// let known = Position { epoch: 1, sequence: 6 };
/// let told = Announcement { position: Position { epoch: 1, sequence: 8 }, entries: Some(Vec::new()) };
/// assert!(!told.position.follows(known), "the seventh was lost: everything must be read anew");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The position that the call brought the store to.
    pub position: Position,
    /// What was revoked; `None` where it was too much for the channel, so that a [snapshot](RevocationStore::snapshot)
    /// must be taken.
    pub entries: Option<Vec<Revocation>>,
}

/// All that is revoked.
///
/// ```
/// use tollgate_session::{MemoryStore, RevocationStore};
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
    /// The position that it shows, exactly.
    pub position: Position,
    /// The entries that have not expired.
    pub entries: Vec<Revocation>,
}

/// A place that keeps revocations and announces new ones. `now` is as for [`SessionStore`](crate::SessionStore).
///
/// ```
/// use tollgate_session::{MemoryStore, Revocation, RevocationKey, RevocationKind, RevocationStore};
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
    /// Keeps the entries, all or none, and announces them as one. An entry for a key that is there already widens it: the
    /// later `before` and the later `expires_at` count.
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()>;

    /// Which of the keys have an entry that has not expired; the entries, in any order.
    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>>;

    /// Everything that has not expired, as of one moment.
    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot>;

    /// Where the store stands now: cheap, for it is asked several times a second.
    fn position(&self) -> StoreFuture<'_, Position>;

    /// Begins to listen. Every call of [`revoke`](Self::revoke) after this has returned is announced, unless a message is
    /// lost, which the listener finds out by positions.
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

/// An open ear at a [`RevocationStore`].
///
/// ```
/// use tollgate_session::{MemoryStore, Revocation, RevocationKey, RevocationKind, RevocationStore};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let mut feed = store.feed().await?;
/// let key = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "s-1");
/// store.revoke(&[Revocation { key: key.clone(), before: Revocation::ALL, expires_at: now + 900 }], now).await?;
/// let told = feed.next().await?;
/// assert_eq!(told.position, store.position().await?);
/// assert_eq!(told.entries.map(|entries| entries[0].key.clone()), Some(key));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait RevocationFeed: Send {
    /// The next announcement, whenever it comes. Dropping the future loses nothing. After an error the feed is dead, and
    /// another must be [begun](RevocationStore::feed).
    fn next(&mut self) -> StoreFuture<'_, Announcement>;
}
