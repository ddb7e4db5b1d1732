//! What a place must do to keep sessions.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::id::SessionId;

/// What a store answers with, later.
///
/// ```
/// use tollgate_session::{StoreError, StoreErrorKind, StoreFuture};
///
/// fn down() -> StoreFuture<'static, bool> {
///     Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "connection refused")) })
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert_eq!(down().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A session as a store keeps it: some fields to find and expire it by, and the rest as bytes that the store does not read.
///
/// The rules of a session are not the store's: it keeps what it is given, and replaces it only where nobody else has done
/// so in between. `data` holds no secret that could be presented, but what it says of the user is personal.
///
/// ```
/// use tollgate_session::{SessionId, StoredSession};
///
/// let session = StoredSession {
///     id: SessionId::new([7; 16]),
///     subject: "u-7".to_owned(),
///     revision: 1,
///     expires_at: 1_700_000_000,
///     data: b"{}".to_vec(),
/// };
/// assert!(!format!("{session:?}").contains("u-7"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Its name.
    pub id: SessionId,
    /// Whose it is (`sub`). It never changes.
    pub subject: String,
    /// Counts the changes: 1 when it is inserted, one more with each replacement.
    pub revision: u64,
    /// From when on the store may forget it, in seconds since the epoch.
    pub expires_at: u64,
    /// The session itself.
    pub data: Vec<u8>,
}

impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A place that keeps sessions.
///
/// `now` is the caller's time, in seconds since the epoch: a store measures what is left of a session's life against it
/// and not against a clock of its own. A session whose `expires_at` is not after `now` counts as gone, whether it was
/// removed yet or not.
///
/// Every operation that returns `Ok` is durable, as far as the store is at all, and visible to every later operation of every
/// instance. One that fails may or may not have happened.
///
/// The acceptance suite of `tollgate-testkit` shows what this means, and runs against any implementation.
///
/// ```
/// use tollgate_session::{MemoryStore, SessionId, SessionStore, StoredSession};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let id = SessionId::new([7; 16]);
/// let first = StoredSession { id, subject: "u-7".to_owned(), revision: 1, expires_at: now + 60, data: b"a".to_vec() };
/// assert!(store.insert(&first, now).await?);
///
/// let second = StoredSession { revision: 2, data: b"b".to_vec(), ..first };
/// assert!(store.replace(&second, 1, now).await?);
/// assert!(!store.replace(&second, 1, now).await?, "somebody was first");
/// assert_eq!(store.load(&id, now + 59).await?, Some(second));
/// assert_eq!(store.load(&id, now + 60).await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SessionStore: Send + Sync + 'static {
    /// Keeps a new session; `false`, and nothing done, if there is one of that id. An expired one does not count.
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool>;

    /// The session of that id; `None` if there is none, or it has expired.
    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>>;

    /// Puts `session` in place of the one with its id, if that has the revision `expected` now and has not expired; `false`,
    /// and nothing done, otherwise. One atomic step: of any number of callers with the same `expected` exactly one gets
    /// `true`. The new `expires_at` may be earlier or later than the old one.
    fn replace<'a>(&'a self, session: &'a StoredSession, expected: u64, now: u64) -> StoreFuture<'a, bool>;

    /// The subject's sessions that have not expired, in any order, `most` of them at the most.
    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>>;
}

impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        (**self).insert(session, now)
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        (**self).load(id, now)
    }

    fn replace<'a>(&'a self, session: &'a StoredSession, expected: u64, now: u64) -> StoreFuture<'a, bool> {
        (**self).replace(session, expected, now)
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        (**self).of_subject(subject, most, now)
    }
}

/// Which kind of failure a [`StoreError`] is.
///
/// ```
/// use tollgate_session::{StoreError, StoreErrorKind};
///
/// assert_eq!(StoreError::new(StoreErrorKind::Full, "64 MiB").kind(), StoreErrorKind::Full);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store is out of reach, or failed.
    Unavailable,
    /// It did not answer in time.
    Timeout,
    /// It takes no more.
    Full,
    /// What it answered makes no sense.
    Corrupt,
}

/// A store failed. Its text is for the operator; it holds no session, no token and no password.
///
/// ```
/// use tollgate_session::{StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Timeout, "no answer within 1 s");
/// assert_eq!(error.to_string(), "the store did not answer in time: no answer within 1 s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    detail: Cow<'static, str>,
}

impl StoreError {
    /// Of this kind, with a detail for the operator.
    ///
    /// ```
    /// # use tollgate_session::{StoreError, StoreErrorKind};
    /// assert_eq!(StoreError::new(StoreErrorKind::Corrupt, "").kind(), StoreErrorKind::Corrupt);
    /// ```
    pub fn new(kind: StoreErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// Which kind it is.
    ///
    /// ```
    /// # use tollgate_session::{StoreError, StoreErrorKind};
    /// assert_eq!(StoreError::new(StoreErrorKind::Full, "").kind(), StoreErrorKind::Full);
    /// ```
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store is out of reach",
            StoreErrorKind::Timeout => "the store did not answer in time",
            StoreErrorKind::Full => "the store is full",
            StoreErrorKind::Corrupt => "the store answered what makes no sense",
        })?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

impl std::error::Error for StoreError {}
