//! The classification of server failures.

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};
use tollgate_session::{StoreError, StoreErrorKind};

/// A failed attempt.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// Another node has the slot, permanently or (`asking`) for this request.
    Elsewhere { address: String, asking: bool },
    /// The script is not in the server's cache.
    NoScript,
    /// The server was not reached, so nothing was executed.
    Unreached(StoreError),
    /// The connection ended before the answer. The server may have executed the request.
    Unanswered(StoreError),
    /// The server cannot execute the request now: it is loading, is not a master any more, or
    /// reports that the cluster is down.
    Later(StoreError),
    /// A retry does not help.
    Final(StoreError),
}

impl Failure {
    /// Converts the failure to the error for the caller.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::Elsewhere { .. } => unavailable("too many redirects of the slot"),
            Self::NoScript => unavailable("the server does not keep scripts"),
            Self::Unreached(error)
            | Self::Unanswered(error)
            | Self::Later(error)
            | Self::Final(error) => error,
        }
    }

    /// Converts an error response. Its text can contain keys, and so user names: only its code is
    /// reported.
    pub(crate) fn of_answer(error: &ServerError) -> Self {
        let told = |kind, code: &str| {
            let known = code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            StoreError::new(
                kind,
                format!(
                    "the server returned {}",
                    if known { code } else { "an error" }
                ),
            )
        };
        let code = error.code();
        match error.kind() {
            Some(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
                let address = error
                    .details()
                    .and_then(|details| details.split(' ').nth(1));
                match address {
                    Some(address) => Self::Elsewhere {
                        address: address.to_owned(),
                        asking: error.kind() == Some(ServerErrorKind::Ask),
                    },
                    None => Self::Final(told(StoreErrorKind::Corrupt, code)),
                }
            }
            Some(ServerErrorKind::NoScript) => Self::NoScript,
            Some(
                ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::BusyLoading
                | ServerErrorKind::ReadOnly,
            ) => Self::Later(told(StoreErrorKind::Unavailable, code)),
            // A value of an unexpected type makes a script fail with one of these codes.
            Some(ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot) => {
                Self::Final(told(StoreErrorKind::Corrupt, code))
            }
            _ => Self::Final(match code {
                "OOM" => told(StoreErrorKind::Full, code),
                "WRONGTYPE" | "CORRUPT" => told(StoreErrorKind::Corrupt, code),
                _ => told(StoreErrorKind::Unavailable, code),
            }),
        }
    }

    /// Converts a failure to connect. The text of the client can contain a password, so it is not
    /// reported.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        Self::Unreached(match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => StoreError::new(
                StoreErrorKind::Corrupt,
                "the server does not speak the Redis protocol",
            ),
            ErrorKind::AuthenticationFailed => {
                unavailable("the server refused the user or password")
            }
            _ if error.is_timeout() => timeout("connecting timed out"),
            _ if error.is_connection_refusal() => unavailable("connection refused"),
            _ => unavailable("connection failed"),
        })
    }

    /// Converts a lost connection.
    pub(crate) fn of_connection(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Final(StoreError::new(
                StoreErrorKind::Corrupt,
                "the server does not speak the Redis protocol",
            )),
            _ if error.is_timeout() => Self::Final(timeout("no answer within the timeout")),
            _ => Self::Unanswered(unavailable("connection lost")),
        }
    }
}

pub(crate) fn unavailable(detail: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, detail)
}

pub(crate) fn timeout(detail: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Timeout, detail)
}

pub(crate) fn corrupt(detail: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, detail)
}
