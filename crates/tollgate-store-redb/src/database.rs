//! The open file, which is opened again after a failure.

use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::Builder;
use tollgate_session::{StoreError, StoreErrorKind};

use crate::failure::{self, Failure, caught};
use crate::writing;

/// The size of the page cache, in bytes.
const CACHE: usize = 64 << 20;

type Opener = Box<dyn Fn() -> Result<redb::Database, StoreError> + Send + Sync>;

/// A database that is opened again at the next operation after a failure, such as a full disk. redb
/// does nothing more after a failure.
pub(crate) struct Database {
    open: Opener,
    current: RwLock<Option<Open>>,
}

/// An open database. redb may panic when it closes a damaged file.
struct Open(Option<redb::Database>);

impl Drop for Open {
    fn drop(&mut self) {
        let database = self.0.take();
        let closed = caught(|| {
            drop(database);
            Ok::<_, Failure>(())
        });
        if let Err(failure) = closed {
            let error = failure.to_error();
            tracing::error!(target: "tollgate", %error, "the file was not closed properly");
        }
    }
}

impl Database {
    pub(crate) fn open(
        open: impl Fn() -> Result<redb::Database, StoreError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let database = Self {
            open: Box::new(open),
            current: RwLock::new(None),
        };
        database.open_again()?;
        Ok(database)
    }

    /// Calls `work` with the open database.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let mut current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            drop(current);
            self.open_again().map_err(unusable)?;
            current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        }
        let Some(Open(Some(database))) = &*current else {
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "the database file has failed",
            ));
        };
        let failure = match caught(|| work(database)) {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        drop(current);
        if failure.is_final() {
            self.close();
        }
        Err(failure.to_error())
    }

    /// Closes the file, which the next operation opens again.
    pub(crate) fn close(&self) {
        // With the lock held, no transaction is open any more.
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn open_again(&self) -> Result<(), StoreError> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            *current = Some(caught(|| {
                let opened = Open(Some((self.open)()?));
                opened.0.as_ref().map_or(Ok(()), prepare)?;
                Ok::<_, StoreError>(opened)
            })?);
        }
        Ok(())
    }
}

/// Converts the error for a file that cannot be opened again. A session that is `Corrupt` would be
/// lost to its client, but the file can be restored.
fn unusable(error: StoreError) -> StoreError {
    if error.kind() != StoreErrorKind::Corrupt {
        return error;
    }
    tracing::error!(target: "tollgate", %error, "the file cannot be opened again");
    StoreError::new(
        StoreErrorKind::Unavailable,
        "the file cannot be opened again, as it is damaged: restore a backup",
    )
}

fn prepare(database: &redb::Database) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    writing::prepare(&transaction, new_epoch())?;
    Ok(transaction.commit()?)
}

/// Returns a number that is unique for each file, as each hasher has its own seed.
pub(crate) fn new_epoch() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Opens or creates the file. One that was open before and is gone, such as with its volume, is not
/// created `again`: an empty file would log out all users and forget all revocations.
pub(crate) fn open_file(path: &Path, again: bool) -> Result<redb::Database, StoreError> {
    let io = |error: io::Error| failure::of_file(path, &error);
    let new = !path.exists();
    if new && again {
        return Err(StoreError::new(
            StoreErrorKind::Unavailable,
            format!("{}: the file was removed while in use", path.display()),
        ));
    }
    let mut options = private();
    let file = options
        .create(!again)
        .truncate(false)
        .open(path)
        .map_err(io)?;
    // A write of a process that was killed before it was durable is visible now, and may be
    // confirmed.
    file.sync_all().map_err(io)?;
    let database = Builder::new().set_cache_size(CACHE).create_file(file);
    let database = database.map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "{} is already open; only one process can use it",
                path.display()
            ),
        ),
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => io(error),
        other => Failure::from(other).to_error(),
    })?;
    if new {
        sync_directory(path).map_err(io)?;
    }
    Ok(database)
}

/// The options of a file that only its owner can read, as it contains personal data.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Syncs the directory of a file, so that a new name is durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes the file of an open store, and returns the error of the next operation after a
    /// failure of the disk, and whether the file exists.
    fn error_after(name: &str, change: impl FnOnce(&Path) -> io::Result<()>) -> (StoreError, bool) {
        let name = format!("tollgate-redb-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let store = crate::RedbStore::open(&path).unwrap();
        let database = &store.shared.database;
        let changed = change(&path);
        database.close();
        let error = database.with(|_| Ok(())).unwrap_err();
        let exists = path.exists();
        let _ = std::fs::remove_file(&path);
        changed.unwrap();
        (error, exists)
    }

    #[test]
    fn a_file_that_was_removed_is_not_created_again() {
        let (error, exists) = error_after("removed", |path| std::fs::remove_file(path));
        assert!(!exists);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("removed"), "{error}");
    }

    #[test]
    fn a_file_that_was_overwritten_makes_no_session_corrupt() {
        let (error, _) = error_after("overwritten", |path| std::fs::write(path, [7; 9000]));
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}
