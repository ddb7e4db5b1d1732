//! Which kind of failure an error of the server or of the connection is.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tollgate_session::{StoreError, StoreErrorKind};

/// An operation failed on one connection.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the caller is told.
    pub(crate) error: StoreError,
    /// Whether the connection is as good as before.
    pub(crate) keeps_connection: bool,
    /// What a second try can do.
    pub(crate) retry: Retry,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Nothing would be another.
    Never,
    /// The server says that nothing was done, for another transaction was in the way.
    Always,
    /// The connection had ended: on another one, if it does not matter whether it is done twice.
    IfReading,
}

impl Failure {
    /// Nothing came within the bound. What the connection still owes belongs to nobody.
    pub(crate) fn timeout(what: &'static str) -> Self {
        Self {
            error: StoreError::new(StoreErrorKind::Timeout, what),
            keeps_connection: false,
            retry: Retry::Never,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(state) = error.code() else {
            let error = of_connection(&error);
            return Self {
                retry: match error.kind() {
                    StoreErrorKind::Unavailable => Retry::IfReading,
                    _ => Retry::Never,
                },
                error,
                keeps_connection: false,
            };
        };
        Self {
            keeps_connection: keeps_connection(state),
            retry: match state.code() {
                // A serialization failure, a deadlock.
                "40001" | "40P01" => Retry::Always,
                // The server is ending the session, for reasons of its own.
                "57P01" | "57P02" | "57P03" | "57P05" => Retry::IfReading,
                _ => Retry::Never,
            },
            error: StoreError::new(kind(state), describe(state, &error)),
        }
    }
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn kind(state: &SqlState) -> StoreErrorKind {
    match (state.code(), state.code().get(..2)) {
        // The statement's time was up, or a lock's.
        ("57014" | "55P03", _) => StoreErrorKind::Timeout,
        // Insufficient resources: the disk, memory, connections, a configured limit.
        (_, Some("53")) => StoreErrorKind::Full,
        // Data, constraints, tables of another shape, damaged files.
        ("42804" | "42703", _) | (_, Some("22" | "23" | "XX")) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    }
}

/// A session that met a limit, a lock or bad data is sound. Any other failure may be that server's alone, like one that has
/// become read-only after a failover: a new connection may find a better one.
fn keeps_connection(state: &SqlState) -> bool {
    matches!(state.code(), "57014" | "55P03" | "40001" | "40P01")
        || matches!(state.code().get(..2), Some("22" | "23" | "53"))
}

/// The server's message where it speaks of the server, and the code alone where it may quote a value.
fn describe(state: &SqlState, error: &Error) -> String {
    let code = state.code();
    match (code.get(..2), error.as_db_error()) {
        _ if *state == SqlState::UNDEFINED_TABLE || *state == SqlState::INVALID_SCHEMA_NAME => {
            format!("SQLSTATE {code}: the tables are not there, `migrate` makes them")
        }
        (Some("08" | "25" | "28" | "3D" | "40" | "42" | "53" | "54" | "55" | "57" | "58"), Some(answer)) => {
            format!("SQLSTATE {code}: {}", answer.message())
        }
        _ => format!("SQLSTATE {code}"),
    }
}

/// What went wrong before the server could say anything.
pub(crate) fn of_connection(error: &Error) -> StoreError {
    // The crate tells its kinds apart by their words alone.
    let words = error.to_string();
    let kind = if words.starts_with("error parsing") || words.starts_with("unexpected message") {
        StoreErrorKind::Corrupt
    } else if words.starts_with("error serializing") || words.starts_with("expected ") {
        // The statement was prepared against a column of another type.
        StoreErrorKind::Corrupt
    } else if words.starts_with("timeout") {
        StoreErrorKind::Timeout
    } else {
        StoreErrorKind::Unavailable
    };
    match std::error::Error::source(error) {
        // Of an I/O error, which holds no value.
        Some(cause) if kind == StoreErrorKind::Unavailable => {
            StoreError::new(kind, format!("{words}: {cause}"))
        }
        _ => StoreError::new(kind, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_sqlstate_has_its_kind() {
        let of = |code| kind(&SqlState::from_code(code));
        for (code, expected) in [
            ("53100", StoreErrorKind::Full),
            ("53200", StoreErrorKind::Full),
            ("53300", StoreErrorKind::Full),
            ("53400", StoreErrorKind::Full),
            ("57014", StoreErrorKind::Timeout),
            ("55P03", StoreErrorKind::Timeout),
            ("25006", StoreErrorKind::Unavailable),
            ("28P01", StoreErrorKind::Unavailable),
            ("42501", StoreErrorKind::Unavailable),
            ("42P01", StoreErrorKind::Unavailable),
            ("57P01", StoreErrorKind::Unavailable),
            ("57P03", StoreErrorKind::Unavailable),
            ("22P02", StoreErrorKind::Corrupt),
            ("23514", StoreErrorKind::Corrupt),
            ("XX001", StoreErrorKind::Corrupt),
        ] {
            assert_eq!(of(code), expected, "{code}");
        }
    }

    #[test]
    fn a_server_that_turned_read_only_is_left() {
        assert!(!keeps_connection(&SqlState::from_code("25006")));
        assert!(!keeps_connection(&SqlState::from_code("57P01")));
        assert!(keeps_connection(&SqlState::from_code("57014")));
        assert!(keeps_connection(&SqlState::from_code("53100")));
    }
}
