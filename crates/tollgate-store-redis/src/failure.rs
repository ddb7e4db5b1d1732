//! The classification of server failures.

use std::io;

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

    /// Converts an error response to a command, or to the script with this source. The text of the
    /// response can contain keys, and so user names: only its code and names of commands are
    /// reported.
    pub(crate) fn of_answer(error: &ServerError, source: &str) -> Self {
        use StoreErrorKind::{Corrupt, Denied, Exhausted, Full, ReadOnly, Unavailable};
        let (code, details) = (error.code(), error.details().unwrap_or_default());
        let last = |kind, detail: &'static str| Self::Final(StoreError::new(kind, detail));
        let later = |kind, detail: &'static str| Self::Later(StoreError::new(kind, detail));
        match error.kind() {
            Some(ServerErrorKind::Moved | ServerErrorKind::Ask) => {
                return match details.split(' ').nth(1) {
                    Some(address) => Self::Elsewhere {
                        address: address.to_owned(),
                        asking: error.kind() == Some(ServerErrorKind::Ask),
                    },
                    None => last(Corrupt, "malformed redirect of a slot"),
                };
            }
            Some(ServerErrorKind::NoScript) => return Self::NoScript,
            Some(ServerErrorKind::TryAgain) => {
                return later(Unavailable, "the slot is being moved (TRYAGAIN)");
            }
            Some(ServerErrorKind::ClusterDown) => {
                return later(
                    Unavailable,
                    "the cluster does not serve the slot (CLUSTERDOWN)",
                );
            }
            Some(ServerErrorKind::MasterDown) => {
                return later(
                    Unavailable,
                    "the server is a replica without its master (MASTERDOWN)",
                );
            }
            Some(ServerErrorKind::BusyLoading) => {
                return later(Unavailable, "the server is loading its data (LOADING)");
            }
            Some(ServerErrorKind::ReadOnly) => {
                return later(ReadOnly, "the server is a replica (READONLY)");
            }
            Some(ServerErrorKind::CrossSlot) => {
                return last(Corrupt, "keys are in several slots (CROSSSLOT)");
            }
            _ => {}
        }
        // Redis 6 knows neither the flags of scripts nor the commands that only read.
        let old = details.contains("compiling script") || details.contains("EVALSHA_RO");
        if code == "ERR" && old {
            return Self::Final(too_old());
        }
        if let Some(denied) = denied(code, details, source) {
            return Self::Final(StoreError::new(Denied, denied));
        }
        match code {
            "OOM" => last(Full, "the memory of the server is full (OOM)"),
            "WRONGTYPE" => Self::Final(wrong_type()),
            "CORRUPT" => last(
                Corrupt,
                "the revocations are not a hash: delete the key that ends with `:entries`, and \
                 revoke anew",
            ),
            "MISCONF" => last(
                ReadOnly,
                "the server cannot save its data to disk (MISCONF)",
            ),
            "NOREPLICAS" => last(
                Unavailable,
                "the server has too few replicas for writes (NOREPLICAS)",
            ),
            "BUSY" => later(Unavailable, "the server is busy with a script (BUSY)"),
            "ERR" if details.contains("max number of clients") => {
                last(Exhausted, "the server has reached its number of clients")
            }
            "ERR" if details.contains("DB index") => {
                last(Unavailable, "the server does not have the database")
            }
            "ERR" if details.contains("cluster support disabled") => last(
                Unavailable,
                "the server is not part of a cluster: use `RedisStore::builder`",
            ),
            "ERR" if details.starts_with("No such master") => {
                last(Unavailable, "the Sentinel knows no master of this name")
            }
            // A value of an unexpected form makes a script fail with this code.
            "ERR" => last(Corrupt, "the server returned ERR"),
            _ => {
                let known = code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase());
                let code = if known { code } else { "an error" };
                Self::Final(StoreError::new(
                    Unavailable,
                    format!("the server returned {code}"),
                ))
            }
        }
    }

    /// Classifies a failure to open a connection, with TLS or without.
    pub(crate) fn of_opening(error: &io::Error) -> Self {
        Self::Unreached(match error.kind() {
            io::ErrorKind::ConnectionRefused => unavailable("connection refused"),
            io::ErrorKind::TimedOut => timeout("connecting timed out"),
            // The text of `rustls`: an unknown issuer, another name, an expired certificate.
            io::ErrorKind::InvalidData => {
                let detail = format!("the TLS handshake failed: {error}");
                StoreError::new(StoreErrorKind::Unavailable, detail)
            }
            _ if error.to_string().contains("failed to lookup address") => {
                unavailable("the host name is unknown")
            }
            io::ErrorKind::UnexpectedEof => {
                unavailable("the server ended the connection, or does not expect TLS")
            }
            _ => unavailable("connection failed"),
        })
    }

    /// Converts a failure to connect. The text of the client can contain a password, so it is not
    /// reported.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        Self::Unreached(match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => not_redis(),
            ErrorKind::AuthenticationFailed => wrong_password(),
            ErrorKind::Server(ServerErrorKind::NoPerm) => {
                StoreError::new(StoreErrorKind::Denied, "no permission for the channel")
            }
            _ if error.is_timeout() => timeout("connecting timed out"),
            _ if error.is_connection_refusal() => unavailable("connection refused"),
            _ if error.to_string().contains("failed to lookup address") => {
                unavailable("the host name is unknown")
            }
            _ => unavailable("connection failed"),
        })
    }

    /// Converts a lost connection.
    pub(crate) fn of_connection(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Final(not_redis()),
            _ if error.is_timeout() => Self::Final(timeout("no answer within the timeout")),
            _ => Self::Unanswered(unavailable("connection lost")),
        }
    }
}

/// Returns the message of a missing permission; `None` if the error is another one.
fn denied(code: &str, details: &str, source: &str) -> Option<String> {
    match code {
        "NOAUTH" => return Some("the server requires a password (NOAUTH)".to_owned()),
        "WRONGPASS" => return Some("wrong user or password (WRONGPASS)".to_owned()),
        "ERR" if details.contains("without any password configured") => {
            return Some("the server has no password, but the URL has one".to_owned());
        }
        _ => {}
    }
    let key = details.contains("one of the keys") || details.contains("access a key");
    let unknown = details.to_ascii_lowercase().starts_with("unknown ");
    // Inside scripts, versions differ in the code and the words.
    let permission = code == "NOPERM"
        || details.contains("ACL failure")
        || details.contains("The user executing the script can't");
    let no_command = code == "ERR" && unknown && details.contains("ommand");
    if !(permission || no_command) {
        return None;
    }
    let command = in_quotes(details).or_else(|| on_line(details, source));
    Some(match command {
        _ if key => "no permission for a key".to_owned(),
        _ if details.contains("channel") => "no permission for the channel".to_owned(),
        Some(command) if unknown => {
            format!("the server does not know the command `{}`", upper(command))
        }
        Some(command) => format!("no permission for the command `{}`", upper(command)),
        None => "a permission is missing".to_owned(),
    })
}

fn upper(command: &str) -> String {
    command.to_ascii_uppercase()
}

/// Returns the name of a command that an error quotes.
fn in_quotes(details: &str) -> Option<&str> {
    let (_, rest) = details
        .split_once("run the '")
        .or_else(|| details.split_once("ommand '"))
        .or_else(|| details.split_once("ommand `"))?;
    let name = rest.split(['\'', '`']).next()?;
    let allowed = |byte: u8| byte.is_ascii_alphabetic() || b"_|-".contains(&byte);
    (name.len() <= 30 && name.bytes().all(allowed)).then_some(name)
}

/// Returns the name of the command on the line of the script that an error names.
fn on_line<'s>(details: &str, source: &'s str) -> Option<&'s str> {
    let (_, rest) = details.rsplit_once("user_script:")?;
    let number = rest.split(|digit: char| !digit.is_ascii_digit()).next()?;
    let line = source
        .lines()
        .nth(number.parse::<usize>().ok()?.checked_sub(1)?)?;
    let (_, rest) = line.split_once("call('")?;
    rest.split('\'').next()
}

/// The error for a server that speaks another protocol.
pub(crate) fn not_redis() -> StoreError {
    unavailable("the server does not speak the Redis protocol, or expects TLS")
}

/// The error for a server that does not know scripts with flags.
pub(crate) fn too_old() -> StoreError {
    unavailable("the server is too old: Redis 7 or later is required")
}

fn wrong_password() -> StoreError {
    StoreError::new(StoreErrorKind::Denied, "wrong user or password")
}

/// The error for a key that has another type.
pub(crate) fn wrong_type() -> StoreError {
    corrupt("a key has another type (WRONGTYPE)")
}

pub(crate) fn too_few_replicas() -> StoreError {
    unavailable("too few replicas have the write within the timeout")
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
