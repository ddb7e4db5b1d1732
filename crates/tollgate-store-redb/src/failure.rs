//! The failures of a database file.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tollgate_session::{StoreError, StoreErrorKind};

/// A failed transaction.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file or the disk failed. The database must be opened again.
    Storage(redb::Error),
    /// One row is malformed. The others are not affected.
    Row(&'static str),
    /// redb panicked. The database must be opened again.
    Panicked,
    /// The file has a format of a later version.
    Version(u64),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

impl Failure {
    /// Returns `true` if the database must be opened again.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Storage(_) | Self::Panicked)
    }

    pub(crate) fn to_error(&self) -> StoreError {
        match self {
            Self::Row(what) => StoreError::new(StoreErrorKind::Corrupt, *what),
            Self::Panicked => {
                let detail = "redb panicked, so the file is damaged";
                StoreError::new(StoreErrorKind::Corrupt, detail)
            }
            Self::Version(format) => StoreError::new(
                StoreErrorKind::Unavailable,
                format!("the file has format {format}, which a later version has written"),
            ),
            Self::Storage(error) => StoreError::new(kind(error), error.to_string()),
        }
    }
}

/// Calls `work`. redb panics on some damaged files.
pub(crate) fn caught<T, E: From<Failure>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Failure::Panicked.into()))
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.to_error()
    }
}

/// Returns the error of an operation on the file at `path`.
pub(crate) fn of_file(path: &Path, error: &std::io::Error) -> StoreError {
    let path = path.display();
    let detail = if error.kind() == ErrorKind::NotFound {
        format!("{path}: the directory does not exist")
    } else {
        format!("{path}: {error}")
    };
    StoreError::new(kind_of_io(error.kind()), detail)
}

const fn kind_of_io(kind: ErrorKind) -> StoreErrorKind {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreErrorKind::Full
        }
        ErrorKind::InvalidData => StoreErrorKind::Corrupt,
        ErrorKind::PermissionDenied => StoreErrorKind::Denied,
        ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    }
}

fn kind(error: &redb::Error) -> StoreErrorKind {
    match error {
        redb::Error::Io(io) => kind_of_io(io.kind()),
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. } => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    }
}
