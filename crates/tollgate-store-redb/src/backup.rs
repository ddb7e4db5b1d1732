//! The backup of a file in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, TryLockError};

use redb::{Builder, ReadableDatabase};
use tollgate_session::{StoreError, StoreErrorKind};

use crate::database::{Database, new_epoch, private, sync_directory};
use crate::failure::{Failure, of_file};
use crate::{RedbStore, blocking, tables};

impl RedbStore {
    /// Writes a consistent copy of the file to `path`, while the store is in use. The copy contains
    /// every write that was acknowledged before the call. `path` appears when the copy is complete
    /// and on disk. Until then the copy is in `path` with `.part` appended, which a later backup to
    /// the same path replaces.
    ///
    /// To restore, stop the process and [open](Self::open) the copy, or a copy of it. Everything is
    /// then as at the time of the backup: sessions that ended since are live again. The copy has a
    /// [position](tollgate_session::Position) in an epoch of its own.
    ///
    /// # Errors
    /// `Unavailable` if `path` exists, or another backup is running. Otherwise the errors of
    /// [`open`](Self::open). The store is not affected by an error of the copy.
    ///
    /// ```
    /// use tollgate::session::{SessionId, SessionStore, StoredSession};
    /// use tollgate::stores::redb::RedbStore;
    ///
    /// # let directory = std::env::temp_dir()
    /// #     .join(format!("tollgate-redb-backup-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let (path, copy) = (directory.join("sessions.redb"), directory.join("monday.redb"));
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let store = RedbStore::open(&path)?;
    /// # let session = StoredSession {
    /// #     id: SessionId::new([7; 16]),
    /// #     subject: "u-7".to_owned(),
    /// #     revision: 1,
    /// #     expires_at: 1_700_000_900,
    /// #     data: b"{}".to_vec(),
    /// # };
    /// store.insert(&session, 1_700_000_000).await?;
    /// store.backup_to(&copy).await?;
    /// assert!(store.backup_to(&copy).await.is_err(), "a backup replaces no file");
    ///
    /// let restored = RedbStore::open(&copy)?;
    /// assert_eq!(restored.load(&session.id, 1_700_000_000).await?, Some(session));
    /// # drop(restored);
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn backup_to(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        let path = path.as_ref().to_owned();
        let database = Arc::clone(&self.shared.database);
        let running = Arc::clone(&self.shared.backup);
        blocking(move || {
            let _running = match running.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(refused("another backup is running")),
                Ok(running) => running,
                Err(TryLockError::Poisoned(panicked)) => panicked.into_inner(),
            };
            back_up(&database, &path)
        })
        .await
    }
}

fn back_up(database: &Database, path: &Path) -> Result<(), StoreError> {
    let io = |error: io::Error| of_file(path, &error);
    if fs::symlink_metadata(path).is_ok() {
        return Err(refused(format!("{} exists", path.display())));
    }
    let part = part_of(path);
    if let Err(error) = fs::remove_file(&part)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(io(error));
    }
    let file = private().create_new(true).open(&part).map_err(io)?;
    let durable = file.try_clone().map_err(io)?;
    let copied = database.with(|from| {
        let from = from.begin_read()?;
        // A failure of the copy must not close the store.
        let copy = || {
            let to = Builder::new().create_file(file)?;
            let transaction = to.begin_write()?;
            tables::copy(&from, &transaction, new_epoch())?;
            Ok::<_, Failure>(transaction.commit()?)
        };
        Ok(copy().map_err(|failure| failure.to_error()))
    });
    let written = copied.and_then(|copied| copied).and_then(|()| {
        let finish = || {
            durable.sync_all()?;
            fs::rename(&part, path)?;
            sync_directory(path)
        };
        finish().map_err(io)
    });
    if written.is_err() {
        // The space may be short. If this fails as well, the next backup replaces it.
        let _ = fs::remove_file(&part);
    }
    written
}

fn part_of(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

fn refused(detail: impl Into<std::borrow::Cow<'static, str>>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}
