//! The classification of errors of the server and the connection.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tollgate_session::{StoreError, StoreErrorKind};

/// A failed operation on a connection.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The error for the caller.
    pub(crate) error: StoreError,
    /// `true` if the connection can be used again.
    pub(crate) keeps_connection: bool,
    /// The rule for retries.
    pub(crate) retry: Retry,
}

/// A rule for retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Do not retry.
    Never,
    /// Retry: the server reports that nothing was done, because of another transaction.
    Always,
    /// Retry on another connection if the operation only reads. The connection had ended.
    IfReading,
}

impl Failure {
    /// Creates the failure of an operation that timed out. Its answer is still pending on the
    /// connection.
    pub(crate) fn timeout(what: &'static str) -> Self {
        Self {
            error: StoreError::new(StoreErrorKind::Timeout, what),
            keeps_connection: false,
            retry: Retry::Never,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
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
                // A serialization failure, a deadlock, or a statement that was prepared before the
                // tables changed.
                "40001" | "40P01" | "0A000" => Retry::Always,
                // The server ends the session.
                "57P01" | "57P02" | "57P03" | "57P05" => Retry::IfReading,
                _ => Retry::Never,
            },
            error: StoreError::new(
                match error.as_db_error() {
                    // PgBouncer has no code for it.
                    Some(answer) if answer.message().contains("max_client_conn") => {
                        StoreErrorKind::Exhausted
                    }
                    _ => kind(state),
                },
                describe(state, &error),
            ),
        }
    }
}

/// Classifies an SQLSTATE (PostgreSQL, appendix A).
fn kind(state: &SqlState) -> StoreErrorKind {
    match (state.code(), state.code().get(..2)) {
        // A statement timeout or a lock timeout.
        ("57014" | "55P03", _) => StoreErrorKind::Timeout,
        // A missing right, or refused credentials.
        ("42501", _) | (_, Some("28")) => StoreErrorKind::Denied,
        // A standby, or a database that is set to read-only.
        ("25006", _) => StoreErrorKind::ReadOnly,
        // No connection left: of the server, the database or the role.
        ("53300", _) => StoreErrorKind::Exhausted,
        // Insufficient resources: disk, memory, a configured limit.
        (_, Some("53")) => StoreErrorKind::Full,
        // Data, constraints, damaged files. Not tables of another shape: a session that is `Corrupt`
        // is lost to its client.
        (_, Some("22" | "23" | "XX")) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Unavailable,
    }
}

/// Returns whether the connection can be used again after this error. It can if the error is about
/// the statement. One about the server may be specific to it, such as after a failover that made
/// it read-only. A new connection may reach a better one.
fn keeps_connection(state: &SqlState) -> bool {
    matches!(state.code(), "57014" | "55P03" | "40001" | "40P01")
        || matches!(state.code().get(..2), Some("22" | "23" | "42" | "53"))
}

/// Quotes the server's message if it is about the server, and only the code if it may contain a
/// value.
fn describe(state: &SqlState, error: &Error) -> String {
    let code = state.code();
    match (code.get(..2), error.as_db_error()) {
        _ if *state == SqlState::UNDEFINED_TABLE || *state == SqlState::INVALID_SCHEMA_NAME => {
            format!("SQLSTATE {code}: the tables are missing, run `migrate`")
        }
        (
            Some("08" | "25" | "28" | "3D" | "40" | "42" | "53" | "54" | "55" | "57" | "58"),
            Some(answer),
        ) => {
            format!("SQLSTATE {code}: {}", answer.message())
        }
        _ => format!("SQLSTATE {code}"),
    }
}

/// Classifies an error without an answer of the server.
pub(crate) fn of_connection(error: &Error) -> StoreError {
    // `tokio_postgres` distinguishes its kinds only by their text.
    let mut words = error.to_string();
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let missing = cause.as_deref() == Some("password missing");
    // Another protocol, or a statement for a column of another type. The cause may contain a value.
    let malformed = [
        "error parsing",
        "unexpected message",
        "error serializing",
        "expected ",
    ]
    .iter()
    .any(|start| words.starts_with(start));
    let kind = if malformed {
        StoreErrorKind::Unavailable
    } else if words.starts_with("timeout") {
        StoreErrorKind::Timeout
    } else if words.starts_with("authentication error") || missing {
        StoreErrorKind::Denied
    } else if cause.as_deref() == Some("database does not allow writes") {
        // By `target_session_attrs`.
        StoreErrorKind::ReadOnly
    } else {
        StoreErrorKind::Unavailable
    };
    // The cause of the others is an I/O error or a fixed text.
    if let Some(cause) = cause
        && !malformed
    {
        words = format!("{words}: {cause}");
    }
    StoreError::new(kind, words)
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
            ("53300", StoreErrorKind::Exhausted),
            ("53400", StoreErrorKind::Full),
            ("57014", StoreErrorKind::Timeout),
            ("55P03", StoreErrorKind::Timeout),
            ("25006", StoreErrorKind::ReadOnly),
            ("28P01", StoreErrorKind::Denied),
            ("28000", StoreErrorKind::Denied),
            ("42501", StoreErrorKind::Denied),
            ("42P01", StoreErrorKind::Unavailable),
            ("42703", StoreErrorKind::Unavailable),
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
    fn a_server_that_became_read_only_is_dropped() {
        assert!(!keeps_connection(&SqlState::from_code("25006")));
        assert!(!keeps_connection(&SqlState::from_code("57P01")));
        assert!(keeps_connection(&SqlState::from_code("57014")));
        assert!(keeps_connection(&SqlState::from_code("53100")));
        assert!(keeps_connection(&SqlState::from_code("42501")));
    }
}
