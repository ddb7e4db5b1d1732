//! The interface of a session store.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::attempts::{AttemptCharge, AttemptLevel};
use crate::id::SessionId;

/// The future of a store operation.
///
/// ```
/// use tollgate::session::{StoreError, StoreErrorKind, StoreFuture};
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

/// A session in a store: the fields to find and expire it by, and opaque bytes.
///
/// A store does not interpret sessions. It keeps them, and replaces one only by compare-and-swap on
/// its revision. `data` contains personal data of the user, but no secret that a client can
/// present.
///
/// ```
/// use tollgate::session::{SessionId, StoredSession};
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
    /// The session ID.
    pub id: SessionId,
    /// The user (`sub`). It never changes.
    pub subject: String,
    /// The revision: 1 on insertion, one more with each replacement.
    pub revision: u64,
    /// The time from which the store may drop the session, in seconds since the epoch.
    pub expires_at: u64,
    /// The opaque content.
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

/// A store that keeps sessions.
///
/// `now` is the caller's time, in seconds since the epoch. A store measures lifetimes against it
/// and not against its own clock. A session whose `expires_at` is not after `now` counts as
/// missing, whether it was removed or not.
///
/// A session is removed only when it has ended by the store's clock as well, or two hours later:
/// when its `expires_at` is not after [`ended_until(now, store)`](crate::ended_until). A caller
/// whose clock jumps forward and back thus removes no session that lives for the others.
///
/// An operation that returns `Ok` is durable, as far as the store is, and visible to all later
/// operations of all instances. An operation that fails may or may not have been executed.
///
/// The acceptance suite of `tollgate-testkit` runs against any implementation and checks these
/// rules.
///
/// ```
/// use tollgate::session::{MemoryStore, SessionId, SessionStore, StoredSession};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let (store, now) = (MemoryStore::default(), 1_700_000_000);
/// let id = SessionId::new([7; 16]);
/// let first = StoredSession {
///     id,
///     subject: "u-7".to_owned(),
///     revision: 1,
///     expires_at: now + 60,
///     data: b"a".to_vec(),
/// };
/// assert!(store.insert(&first, now).await?);
///
/// let second = StoredSession { revision: 2, data: b"b".to_vec(), ..first };
/// assert!(store.replace(&second, 1, now).await?);
/// assert!(!store.replace(&second, 1, now).await?, "the revision has changed");
/// assert_eq!(store.load(&id, now + 59).await?, Some(second));
/// assert_eq!(store.load(&id, now + 60).await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SessionStore: Send + Sync + 'static {
    /// Inserts a new session. Returns `false` and changes nothing if the ID exists. An expired
    /// session does not count.
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool>;

    /// Returns the session with this ID; `None` if there is none, or it has expired.
    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>>;

    /// Replaces the session with the same ID if its current revision is `expected` and it has not
    /// expired. Otherwise returns `false` and changes nothing.
    ///
    /// This must be one atomic step: of several callers with the same `expected`, exactly one gets
    /// `true`. The new `expires_at` may be earlier or later than the old one.
    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool>;

    /// Returns at most `most` sessions of the subject that have not expired, in any order.
    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>>;

    /// Waits until the session in this revision is as durable as a write that was acknowledged.
    /// Returns `false` if the session has another revision now, or has expired.
    ///
    /// [`load`](Self::load) may return a write that a failover can still lose, such as one whose
    /// caller got an error because no replica had it in time. Nothing may be issued from such a
    /// session before this returns `true`.
    ///
    /// By default the session is replaced by itself with the next revision, which is always right.
    /// A store should override it with something that does not compete with other writers, or with
    /// `Ok(true)` if nothing that is visible can be lost.
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let next = StoredSession {
                revision: session.revision.saturating_add(1),
                ..session.clone()
            };
            self.replace(&next, session.revision, now).await
        })
    }

    /// Removes all sessions of the subject, expired and unreadable ones too, and returns their
    /// number. A session that is inserted at the same time may stay.
    ///
    /// By default the sessions that [`of_subject`](Self::of_subject) lists are replaced by expired
    /// ones without data, whose subject stays until the store drops them. A store should override
    /// it and remove them.
    fn forget<'a>(&'a self, subject: &'a str, now: u64) -> StoreFuture<'a, usize> {
        Box::pin(async move {
            const TRIES: usize = 16;
            let (mut removed, mut failed) = (0, 0);
            while failed < TRIES {
                let mut listed = self.of_subject(subject, 1024, now).await?;
                listed.retain(|session| session.subject == subject);
                if listed.is_empty() {
                    return Ok(removed);
                }
                let before = removed;
                for session in listed {
                    let expected = session.revision;
                    let empty = StoredSession {
                        revision: expected.saturating_add(1),
                        expires_at: 0,
                        data: Vec::new(),
                        ..session
                    };
                    removed += usize::from(self.replace(&empty, expected, now).await?);
                }
                failed += usize::from(removed == before);
            }
            let detail = "too many concurrent changes to the sessions of a subject";
            Err(StoreError::new(StoreErrorKind::Unavailable, detail))
        })
    }

    /// Charges budgets of login attempts, each with another key, and returns their levels in the
    /// same order. Each change must be one atomic step, by the rule of [`AttemptCharge::apply`].
    /// It need not be durable. An entry whose number is not after `now` may be removed.
    ///
    /// By default, the store keeps no budgets and returns `None`: each process then counts in its
    /// own memory.
    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        let _ = (charges, now);
        Box::pin(std::future::ready(Ok(None)))
    }
}

impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        (**self).insert(session, now)
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        (**self).load(id, now)
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
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

    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        (**self).confirm(session, now)
    }

    fn forget<'a>(&'a self, subject: &'a str, now: u64) -> StoreFuture<'a, usize> {
        (**self).forget(subject, now)
    }

    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        (**self).charge(charges, now)
    }
}

/// The kind of a [`StoreError`].
///
/// ```
/// use tollgate::session::{StoreError, StoreErrorKind};
///
/// assert_eq!(StoreError::new(StoreErrorKind::Full, "64 MiB").kind(), StoreErrorKind::Full);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or failed.
    Unavailable,
    /// The store timed out.
    Timeout,
    /// The store is full.
    Full,
    /// The answer of the store is malformed. From [`load`](SessionStore::load): this session cannot
    /// be read, so that its user has to log in again.
    Corrupt,
    /// The store refused the credentials, or a permission is missing.
    Denied,
    /// The server accepts no writes, such as a replica.
    ReadOnly,
    /// The store has no connection left for this caller.
    Exhausted,
}

/// An error of a store. Its message is for the operator; it contains no session, no token and no
/// password.
///
/// ```
/// use tollgate::session::{StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Timeout, "no answer within 1 s");
/// assert_eq!(error.to_string(), "the store timed out: no answer within 1 s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    kind: StoreErrorKind,
    detail: Cow<'static, str>,
}

impl StoreError {
    /// Creates an error of this kind with a detail for the operator.
    ///
    /// ```
    /// # use tollgate::session::{StoreError, StoreErrorKind};
    /// assert_eq!(StoreError::new(StoreErrorKind::Corrupt, "").kind(), StoreErrorKind::Corrupt);
    /// ```
    pub fn new(kind: StoreErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// The kind of the error.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Timeout => "the store timed out",
            StoreErrorKind::Full => "the store is full",
            StoreErrorKind::Corrupt => "the answer of the store is malformed",
            StoreErrorKind::Denied => "the store denied access",
            StoreErrorKind::ReadOnly => "the store accepts no writes",
            StoreErrorKind::Exhausted => "the store has no connection left",
        })?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

impl std::error::Error for StoreError {}

/// Waits for `operation` at most for `timeout`.
pub(crate) async fn bounded<T, E: From<StoreError>>(
    timeout: Duration,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(timeout, operation)
        .await
        .unwrap_or_else(|_| Err(no_answer(timeout).into()))
}

pub(crate) fn no_answer(timeout: Duration) -> StoreError {
    let detail = format!("no answer within {timeout:?}");
    StoreError::new(StoreErrorKind::Timeout, detail)
}
