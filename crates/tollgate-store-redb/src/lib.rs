#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod database;
mod failure;
#[cfg(test)]
mod outage;
mod row;
mod tables;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use redb::ReadTransaction;
use tokio::sync::watch;
use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot, RevocationStore,
    SessionId, SessionStore, StoreError, StoreErrorKind, StoreFuture, StoredSession,
};

use crate::database::Database;
use crate::failure::Failure;
use crate::writer::{Operation, Writer};

/// A store of sessions and revocations in a file. Clones share it; it is closed with the last of
/// them.
///
/// A full disk is reported as [`Full`](StoreErrorKind::Full), a failing one as `Unavailable`, a
/// malformed row as `Corrupt`. A write is acknowledged after it is on disk. When the disk works
/// again, the store recovers automatically.
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
pub struct RedbStore(Arc<Shared>);

struct Shared {
    // Dropped first: waits for all accepted operations. The file is closed after that.
    writer: Writer,
    database: Arc<Database>,
}

impl RedbStore {
    /// Opens the file, or creates it, readable only by its owner. Blocks while it reads; longer
    /// after a crash, when the whole file is checked.
    ///
    /// # Errors
    /// `Unavailable` if the file is already open, in this process or another, or cannot be read or
    /// written. `Corrupt` if it is not a database of this crate.
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
        Self::of(Database::open(move || database::open_file(&path))?)
    }

    fn of(database: Database) -> Result<Self, StoreError> {
        let database = Arc::new(database);
        let writer = Writer::start(Arc::clone(&database))?;
        Ok(Self(Arc::new(Shared { writer, database })))
    }

    /// Reads on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.0.database);
        let task = tokio::task::spawn_blocking(move || {
            database.with(|database| read(&redb::ReadableDatabase::begin_read(database)?))
        });
        task.await.unwrap_or_else(|_| {
            let detail = "the read was cancelled";
            Err(StoreError::new(StoreErrorKind::Unavailable, detail))
        })
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedbStore")
    }
}

impl SessionStore for RedbStore {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        let operation = Operation::Insert(session.clone());
        Box::pin(self.0.writer.carry_out(operation, now))
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
        Box::pin(self.0.writer.carry_out(operation, now))
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
}

impl RevocationStore for RedbStore {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        let operation = Operation::Revoke(entries.to_vec());
        Box::pin(async move { self.0.writer.carry_out(operation, now).await.map(|_| ()) })
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        let keys = keys.to_vec();
        Box::pin(self.read(move |transaction| tables::find(transaction, keys, now)))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(self.read(move |transaction| tables::snapshot(transaction, now)))
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(self.read(tables::position))
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(self.read(move |transaction| tables::changes(transaction, after, now)))
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        let feed: Box<dyn RevocationFeed> = Box::new(Feed(self.0.writer.listen()));
        Box::pin(std::future::ready(Ok(feed)))
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
