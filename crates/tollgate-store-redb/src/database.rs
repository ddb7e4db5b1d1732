//! The open file, which is opened again after a failure.

use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::Builder;
use tollgate_session::{StoreError, StoreErrorKind};

use crate::failure::Failure;
use crate::tables;

/// The size of the page cache, in bytes.
const CACHE: usize = 64 << 20;

type Opener = Box<dyn Fn() -> Result<redb::Database, StoreError> + Send + Sync>;

/// A database that is opened again at the next operation after a failure, such as a full disk. redb
/// does nothing more after a failure.
pub(crate) struct Database {
    open: Opener,
    current: RwLock<Option<redb::Database>>,
}

impl Database {
    pub(crate) fn open(
        open: impl Fn() -> Result<redb::Database, StoreError> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let database = Self {
            open: Box::new(open),
            current: RwLock::new(None),
        };
        database.with(|_| Ok(()))?;
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
            self.open_again()?;
            current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        }
        let Some(database) = &*current else {
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "the database file has failed",
            ));
        };
        let failure = match work(database) {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        drop(current);
        if failure.is_final() {
            // With the lock held, no transaction is open any more.
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Err(failure.to_error())
    }

    fn open_again(&self) -> Result<(), StoreError> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            let database = (self.open)()?;
            prepare(&database).map_err(|failure| failure.to_error())?;
            *current = Some(database);
        }
        Ok(())
    }
}

fn prepare(database: &redb::Database) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    // Unique for each file, as each hasher has its own seed.
    tables::prepare(&transaction, RandomState::new().build_hasher().finish())?;
    Ok(transaction.commit()?)
}

/// Opens or creates the file.
pub(crate) fn open_file(path: &Path) -> Result<redb::Database, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600); // personal data
    let io = |error: std::io::Error| Failure::from(redb::Error::Io(error)).to_error();
    let new = !path.exists();
    let file = options.open(path).map_err(io)?;
    let database = Builder::new().set_cache_size(CACHE).create_file(file);
    let database = database.map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "{} is already open; only one process can use it",
                path.display()
            ),
        ),
        other => Failure::from(other).to_error(),
    })?;
    if new && cfg!(unix) {
        // Syncs the directory, so that the new file itself is durable.
        let directory = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))
            .and_then(|directory| directory.sync_all())
            .map_err(io)?;
    }
    Ok(database)
}
