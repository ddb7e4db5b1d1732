//! What can go wrong with a server, and what follows from it.

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};
use tollgate_session::{StoreError, StoreErrorKind};

/// A failed attempt.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The slot is at another node, for good or (`asking`) for this once.
    Elsewhere { address: String, asking: bool },
    /// The server does not know the script.
    NoScript,
    /// The server was not reached: it has done nothing.
    Unreached(StoreError),
    /// The connection ended before the answer: the server may or may not have done it.
    Unanswered(StoreError),
    /// The server cannot now, and has done nothing: it loads its data, is no master any more, or sees no whole cluster.
    Later(StoreError),
    /// Trying again is of no use.
    Final(StoreError),
}

impl Failure {
    /// As the caller gets to see it.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Self::Elsewhere { .. } => unavailable("the slot is sent from one node to another"),
            Self::NoScript => unavailable("the server forgets scripts"),
            Self::Unreached(error) | Self::Unanswered(error) | Self::Later(error) | Self::Final(error) => {
                error
            }
        }
    }

    /// Of a command that the server refused. Its text can hold keys, and so names of users: only its code is told.
    pub(crate) fn of_answer(error: &ServerError) -> Self {
        let told = |kind, code: &str| {
            let known = code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase());
            StoreError::new(
                kind,
                format!("the server says {}", if known { code } else { "an error" }),
            )
        };
        let code = error.code();
        match error.kind() {
            Some(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
                let address = error.details().and_then(|details| details.split(' ').nth(1));
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
            // An unexpected kind of value makes a script fail with one of these.
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

    /// Of a connection that was not made. The client's text can hold what was sent, a password among it: it is not told.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        Self::Unreached(match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                StoreError::new(StoreErrorKind::Corrupt, "the server does not speak as Redis does")
            }
            ErrorKind::AuthenticationFailed => unavailable("the server takes no such user or password"),
            _ if error.is_timeout() => timeout("no connection in time"),
            _ if error.is_connection_refusal() => unavailable("the server refuses connections"),
            _ => unavailable("no connection to the server"),
        })
    }

    /// Of a connection that was lost.
    pub(crate) fn of_connection(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Final(StoreError::new(
                StoreErrorKind::Corrupt,
                "the server does not speak as Redis does",
            )),
            _ if error.is_timeout() => Self::Final(timeout("no answer in time")),
            _ => Self::Unanswered(unavailable("the connection to the server was lost")),
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
