#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backup;
mod database;
mod failure;
#[cfg(test)]
mod outage;
mod row;
mod tables;
mod writer;
mod writing;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redb::ReadTransaction;
use tokio::sync::watch;
use tollgate_core::Clock;
use tollgate_session::{
    AttemptCharge, AttemptLevel, AttemptMemory, Position, Revocation, RevocationFeed,
    RevocationKey, RevocationSnapshot, RevocationStore, SessionId, SessionStore, SteadyClock,
    StoreError, StoreErrorKind, StoreFuture, StoredSession, ended_until,
};

use crate::database::Database;
use crate::failure::Failure;
use crate::writer::{Operation, Writer};

/// A store of sessions and revocations in a file. Clones share it; it is closed with the last of
/// them.
///
/// A full disk is reported as [`Full`](StoreErrorKind::Full), a missing permission as `Denied`, a
/// read-only file system as `ReadOnly`, any other failure as `Unavailable`. A write is acknowledged
/// after it is on disk. When the disk works again, the store recovers automatically.
///
/// A session that cannot be read is `Corrupt` when it is loaded by its ID, so that its owner's logout
/// can revoke its tokens. Everywhere else, a row that cannot be read is logged as an error and
/// skipped. If the row of a revocation is lost, but not its place in the order of expiry,
/// the store restores it when it opens the file.
///
/// A revocation has ended when it has ended by the caller's clock and by the store's, a
/// [`SteadyClock`] that starts when the file is opened; see [`ended_until`]. Rows stay in the file
/// for two hours longer.
///
/// ```
/// use tollgate::session::StoreErrorKind;
/// use tollgate::stores::redb::RedbStore;
///
/// # let directory = std::env::temp_dir()
/// #     .join(format!("tollgate-redb-type-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// let store = RedbStore::open(directory.join("sessions.redb"))?;
/// let error = RedbStore::open(directory.join("sessions.redb")).unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert!(error.to_string().contains("is already open"));
/// # drop(store);
/// # std::fs::remove_dir_all(directory)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

struct Shared {
    // Dropped first: waits for all accepted operations. The file is closed after that.
    writer: Writer,
    database: Arc<Database>,
    /// Held during a backup.
    backup: Arc<Mutex<()>>,
    attempts: AttemptMemory,
}

impl RedbStore {
    /// Opens the file, or creates it, readable only by its owner. Blocks while it reads; longer
    /// after a crash, when the whole file is checked.
    ///
    /// # Errors
    /// - `Unavailable` if the file is already open, in this process or another, or was written by a
    ///   later version, or the directory does not exist.
    /// - `Denied` if a permission is missing, `ReadOnly` on a read-only file system, `Full` on a
    ///   full disk.
    /// - `Corrupt` if it is not a database of this crate.
    ///
    /// ```
    /// use tollgate::session::StoreErrorKind;
    /// use tollgate::stores::redb::RedbStore;
    ///
    /// # let directory = std::env::temp_dir()
    /// #     .join(format!("tollgate-redb-open-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// std::fs::write(directory.join("letter.txt"), "Dear Sir or Madam, ".repeat(1000))?;
    /// let error = RedbStore::open(directory.join("letter.txt")).unwrap_err();
    /// assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let opened = AtomicBool::new(false);
        Self::of(Database::open(move || {
            let again = opened.swap(true, Ordering::Relaxed);
            database::open_file(&path, again)
        })?)
    }

    fn of(database: Database) -> Result<Self, StoreError> {
        let database = Arc::new(database);
        let writer = Writer::start(Arc::clone(&database))?;
        let backup = Arc::default();
        Ok(Self {
            shared: Arc::new(Shared {
                writer,
                database,
                backup,
                attempts: AttemptMemory::default(),
            }),
            clock: Arc::new(SteadyClock::new()),
        })
    }

    /// Sets the store's own clock, for this handle and its clones from now on. Default: a
    /// [`SteadyClock`].
    ///
    /// ```
    /// use tollgate::session::RevocationStore;
    /// use tollgate::stores::redb::RedbStore;
    ///
    /// # let directory = std::env::temp_dir()
    /// #     .join(format!("tollgate-redb-clock-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let path = directory.join("sessions.redb");
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let store = RedbStore::open(&path)?.with_clock(|| 1_700_000_000);
    /// assert_eq!(store.clock().await?, Some(1_700_000_000));
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        let clock = Arc::new(clock);
        Self { clock, ..self }
    }

    /// The time up to which revocations have ended for a caller.
    fn ended_until(&self, now: u64) -> u64 {
        ended_until(now, self.clock.now())
    }

    /// Writes, and returns the number of sessions that were written or removed.
    async fn write(&self, operation: Operation, now: u64) -> Result<usize, StoreError> {
        let ended = self.ended_until(now);
        self.shared.writer.carry_out(operation, now, ended).await
    }

    /// Reads on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.shared.database);
        blocking(move || {
            database.with(|database| read(&redb::ReadableDatabase::begin_read(database)?))
        })
        .await
    }
}

/// Executes `work` on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let task = tokio::task::spawn_blocking(work);
    task.await.unwrap_or_else(|_| {
        let detail = "the read was cancelled";
        Err(StoreError::new(StoreErrorKind::Unavailable, detail))
    })
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedbStore")
    }
}

impl SessionStore for RedbStore {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        let operation = Operation::Insert(session.clone());
        Box::pin(async move { Ok(self.write(operation, now).await? > 0) })
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        let id = *id;
        Box::pin(self.read(move |transaction| tables::load(transaction, id, now)))
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        let operation = Operation::Replace(session.clone(), expected);
        Box::pin(async move { Ok(self.write(operation, now).await? > 0) })
    }

    fn forget<'a>(&'a self, subject: &'a str, now: u64) -> StoreFuture<'a, usize> {
        Box::pin(self.write(Operation::Forget(subject.to_owned()), now))
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        let subject = subject.to_owned();
        Box::pin(self.read(move |transaction| tables::of_subject(transaction, &subject, most, now)))
    }

    /// A read shows only what is synced to disk.
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let there = self.load(&session.id, now).await?;
            Ok(there.is_some_and(|there| there.revision == session.revision))
        })
    }

    /// Only this process can open the file, so the budgets are in its memory.
    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        Box::pin(async move { Ok(Some(self.shared.attempts.charge(charges, now))) })
    }
}

impl RevocationStore for RedbStore {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        let operation = Operation::Revoke(entries.to_vec());
        Box::pin(async move { self.write(operation, now).await.map(|_| ()) })
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        let (keys, ended) = (keys.to_vec(), self.ended_until(now));
        Box::pin(self.read(move |transaction| tables::find(transaction, keys, ended)))
    }

    fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        issuer: &'a str,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        let (id, issuer, ended) = (*id, issuer.to_owned(), self.ended_until(now));
        Some(Box::pin(self.read(move |transaction| {
            let Some(session) = tables::load(transaction, id, now)? else {
                return Ok(None);
            };
            let keys = RevocationKey::of_session(&issuer, &id, &session.subject);
            Ok(Some((session, tables::find(transaction, keys, ended)?)))
        })))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        let ended = self.ended_until(now);
        Box::pin(self.read(move |transaction| tables::snapshot(transaction, ended)))
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(self.read(tables::position))
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        let ended = self.ended_until(now);
        Box::pin(self.read(move |transaction| tables::changes(transaction, after, ended)))
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        let feed: Box<dyn RevocationFeed> = Box::new(Feed(self.shared.writer.listen()));
        Box::pin(std::future::ready(Ok(feed)))
    }

    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        Box::pin(std::future::ready(Ok(Some(self.clock.now()))))
    }
}

struct Feed(watch::Receiver<()>);

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.0
                .changed()
                .await
                .map_err(|_| StoreError::new(StoreErrorKind::Unavailable, "the store is closed"))
        })
    }
}
