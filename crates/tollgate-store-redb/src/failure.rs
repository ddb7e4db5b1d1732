//! The failures of a database file.

use std::io::ErrorKind;

use tollgate_session::{StoreError, StoreErrorKind};

/// A failed transaction.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file or the disk failed. The database must be opened again.
    Storage(redb::Error),
    /// One row is malformed. The others are not affected.
    Row(&'static str),
}

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

impl Failure {
    /// Returns `true` if the database must be opened again.
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Storage(_))
    }

    pub(crate) fn to_error(&self) -> StoreError {
        match self {
            Self::Row(what) => StoreError::new(StoreErrorKind::Corrupt, *what),
            Self::Storage(error) => StoreError::new(kind(error), error.to_string()),
        }
    }
}

fn kind(error: &redb::Error) -> StoreErrorKind {
    match error {
        redb::Error::Io(io) => match io.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                StoreErrorKind::Full
            }
            ErrorKind::InvalidData => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Unavailable,
        },
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. } => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    }
}
