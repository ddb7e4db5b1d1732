//! The session store.

use std::str::FromStr as _;

use futures_util::future::try_join_all;
use redis::Value;
use tokio::time::Instant;
use tollgate_session::{
    AttemptCharge, AttemptLevel, SessionId, SessionStore, StoreError, StoreErrorKind, StoreFuture,
    StoredSession, ended_until,
};

use crate::failure::{corrupt, unavailable, wrong_type};
use crate::keys::slot;
use crate::operation::{Operation, Script};
use crate::scripts::{CONFIRM, ENTER, FORGET, INSERT, LEAVE, REPLACE, REPLACE_WHEN_FULL};
use crate::store::{RedisStore, digits, life, number};

/// The number of sessions of a subject that are loaded at a time.
const TOGETHER: usize = 64;
/// The time for which an entry of an index stays without its session, in seconds: the session may
/// be about to be inserted, by an instance whose clock is behind.
const YOUNG: u64 = 7200;
/// The fields of a session that a load reads.
pub(crate) const FIELDS: [&str; 4] = ["subject", "revision", "expires", "data"];

impl SessionStore for RedisStore {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let deadline = self.deadline();
            let cover = cover(session.expires_at, now);
            // The index comes first, so that no session is missing in the list of its subject.
            self.enter(session, cover, now, deadline).await?;
            let arguments = vec![
                digits(now),
                digits(session.expires_at),
                digits(session.revision),
                session.subject.clone().into_bytes(),
                session.data.clone(),
                digits(cover),
                self.tag(),
                life(session.expires_at, now),
            ];
            match self
                .change(&INSERT, &session.id, arguments, deadline)
                .await?
            {
                0 => Ok(false),
                1 => {
                    self.subjects().add(session.id, &session.subject);
                    Ok(true)
                }
                _ => Err(corrupt("unexpected answer of a script")),
            }
        })
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            match self.load_by(id, self.deadline()).await? {
                Found::Session(session) => Ok(Some(session).filter(|it| it.expires_at > now)),
                Found::Nothing => Ok(None),
                Found::Unreadable => Err(corrupt("a session has a missing or malformed field")),
            }
        })
    }

    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let deadline = self.deadline();
            let tag = self.tag();
            let (mut script, mut covered) = (&REPLACE, 0);
            // Further attempts follow an extension of the entry in the index, and the refusal of a
            // server whose memory is full.
            for _ in 0..4 {
                let arguments = vec![
                    digits(now),
                    digits(session.expires_at),
                    digits(expected),
                    digits(session.revision),
                    session.data.clone(),
                    digits(covered),
                    tag.clone(),
                    life(session.expires_at, now),
                ];
                match self.change(script, &session.id, arguments, deadline).await {
                    Ok(0) => return Ok(false),
                    Ok(1) => return Ok(true),
                    Ok(2) => {
                        covered = cover(session.expires_at, now);
                        self.enter(session, covered, now, deadline).await?;
                    }
                    Ok(3) => return Err(full()),
                    Ok(_) => break,
                    Err(error) if error.kind() == StoreErrorKind::Full => {
                        script = &REPLACE_WHEN_FULL;
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(corrupt("unexpected answer of a script"))
        })
    }

    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let keys = vec![self.keys().session(&session.id)];
            let arguments = vec![digits(now), digits(session.revision)];
            let answer = self.write(&CONFIRM, keys, arguments, self.deadline());
            match answer.await?.value {
                Value::Int(answer) => Ok(answer == 1),
                _ => Err(corrupt("unexpected answer of a script")),
            }
        })
    }

    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        Box::pin(async move {
            let deadline = self.deadline();
            let key = self.keys().subject(subject);
            let (entries, mut gone, server) = match self.entries_of(&key, deadline).await {
                Err(error) if error == wrong_type() => {
                    tracing::error!(target: "tollgate", "unreadable index of a subject");
                    return Ok(Vec::new());
                }
                read => read?,
            };
            let at = ended_until(now, server);
            // Sessions that ended by the index need not be loaded.
            let listed: Vec<_> = entries
                .into_iter()
                .filter(|entry| entry.cover > now)
                .collect();
            let mut sessions = Vec::new();
            for some in listed.chunks(TOGETHER) {
                if sessions.len() >= most {
                    break;
                }
                let loads = some.iter().map(|entry| self.load_by(&entry.id, deadline));
                for (entry, session) in some.iter().zip(try_join_all(loads).await?) {
                    match session {
                        Found::Session(session) if session.subject != subject => {
                            tracing::error!(target: "tollgate", session = %entry.id,
                                "an index contains the session of another subject");
                            gone.extend([entry.id.to_string().into_bytes(), entry.value.clone()]);
                        }
                        Found::Session(session) if session.expires_at > now => {
                            sessions.push(session);
                        }
                        Found::Session(session) if session.expires_at > at => {}
                        Found::Unreadable => {
                            tracing::error!(target: "tollgate", session = %entry.id,
                                "unreadable session");
                        }
                        _ if entry.entered.saturating_add(YOUNG) <= at => {
                            gone.extend([entry.id.to_string().into_bytes(), entry.value.clone()]);
                        }
                        _ => {}
                    }
                }
            }
            if !gone.is_empty() {
                // The list is correct even if the cleanup fails.
                let _ = self.read(&LEAVE, vec![key], gone, deadline).await;
            }
            sessions.truncate(most);
            Ok(sessions)
        })
    }

    /// An entry of the index goes after its session, so that a call that failed can be repeated. An
    /// entry without a session stays if it is young: the session may be about to be inserted.
    fn forget<'a>(&'a self, subject: &'a str, now: u64) -> StoreFuture<'a, usize> {
        Box::pin(async move {
            let deadline = self.deadline();
            let key = self.keys().subject(subject);
            let (mut entries, unreadable, server) = self.entries_of(&key, deadline).await?;
            let at = ended_until(now, server);
            let (mut removed, mut gone) = (0, Vec::new());
            for pair in unreadable.chunks_exact(2) {
                match session_id(&pair[0]) {
                    Some(id) => entries.push(Entry {
                        id,
                        cover: 0,
                        entered: 0,
                        value: pair[1].clone(),
                    }),
                    None => gone.extend_from_slice(pair),
                }
            }
            for some in entries.chunks(TOGETHER) {
                let removals = some.iter().map(|entry| {
                    let arguments = vec![subject.as_bytes().to_vec()];
                    self.change(&FORGET, &entry.id, arguments, deadline)
                });
                for (entry, answer) in some.iter().zip(try_join_all(removals).await?) {
                    removed += usize::from(answer == 1);
                    if answer > 0 || entry.entered.saturating_add(YOUNG) <= at {
                        gone.extend([entry.id.to_string().into_bytes(), entry.value.clone()]);
                    }
                }
            }
            if !gone.is_empty() {
                self.write(&LEAVE, vec![key], gone, deadline).await?;
            }
            Ok(removed)
        })
    }

    fn charge<'a>(
        &'a self,
        charges: &'a [AttemptCharge],
        now: u64,
    ) -> StoreFuture<'a, Option<Vec<AttemptLevel>>> {
        Box::pin(async move { self.charge_all(charges, now).await.map(Some) })
    }
}

/// The values of [`FIELDS`].
pub(crate) type Fields = [Value; FIELDS.len()];

/// The content of a session's key.
enum Found {
    Session(StoredSession),
    Nothing,
    /// A field is missing or malformed, or the key has another type.
    Unreadable,
}

/// An entry of a subject's index.
struct Entry {
    id: SessionId,
    /// The end of the session according to the index.
    cover: u64,
    /// The time of the last write to the entry.
    entered: u64,
    value: Vec<u8>,
}

impl RedisStore {
    /// Returns the session, whether it has expired or not.
    async fn load_by(&self, id: &SessionId, deadline: Instant) -> Result<Found, StoreError> {
        let key = self.keys().session(id);
        let run = async |command| {
            let operation = Operation::command(command);
            self.servers().run(slot(&key), &operation, deadline).await
        };
        let mut command = redis::cmd("HMGET");
        command.arg(&key).arg(&FIELDS);
        let fields: Fields = match run(command).await.map(|answer| answer.value) {
            Ok(Value::Array(fields)) => match fields.try_into() {
                Ok(fields) => fields,
                Err(_) => return Err(no_redis()),
            },
            Err(error) if error == wrong_type() => return Ok(Found::Unreadable),
            // `Corrupt` means that this session can never be read.
            Err(error) if error.kind() != StoreErrorKind::Corrupt => return Err(error),
            _ => return Err(no_redis()),
        };
        if fields.iter().any(|field| *field != Value::Nil) {
            return Ok(session(*id, fields).map_or(Found::Unreadable, Found::Session));
        }
        let mut command = redis::cmd("EXISTS");
        command.arg(&key);
        Ok(match run(command).await?.value {
            Value::Int(0) => Found::Nothing,
            _ => Found::Unreadable,
        })
    }

    /// Runs a script on a session and returns its answer.
    async fn change(
        &self,
        script: &Script,
        id: &SessionId,
        arguments: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Result<i64, StoreError> {
        let keys = vec![self.keys().session(id)];
        let answer = self.write(script, keys, arguments, deadline).await?;
        match answer.value {
            // An attempt of this call may have changed the session, and another writer after it.
            Value::Int(0) if answer.repeated => {
                Err(unavailable("unknown whether the write was executed"))
            }
            Value::Int(answer) => Ok(answer),
            _ => Err(corrupt("unexpected answer of a script")),
        }
    }

    async fn enter(
        &self,
        session: &StoredSession,
        cover: u64,
        now: u64,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let keys = vec![self.keys().subject(&session.subject)];
        let arguments = vec![
            digits(now),
            session.id.to_string().into_bytes(),
            digits(cover),
            life(cover, now),
        ];
        self.write(&ENTER, keys, arguments, deadline).await?;
        Ok(())
    }

    /// Returns the entries of an index, those that cannot be read, as arguments of [`LEAVE`], and
    /// the time of the server.
    async fn entries_of(
        &self,
        key: &str,
        deadline: Instant,
    ) -> Result<(Vec<Entry>, Vec<Vec<u8>>, u64), StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(key);
        let operation = Operation::timed(command);
        let answer = self.servers().run(slot(key), &operation, deadline).await?;
        let (hash, server) = timed(answer.value)?;
        let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
        for (id, value) in pairs(hash)? {
            match entry(&id, &value) {
                Some(entry) => entries.push(entry),
                None => unreadable.extend([id, value]),
            }
        }
        if !unreadable.is_empty() {
            tracing::error!(target: "tollgate", entries = unreadable.len() / 2,
                "unreadable entries of an index are removed");
        }
        Ok((entries, unreadable, server))
    }
}

fn session_id(id: &[u8]) -> Option<SessionId> {
    SessionId::from_str(std::str::from_utf8(id).ok()?).ok()
}

/// Reads an entry of an index. `None` if it is malformed.
fn entry(id: &[u8], value: &[u8]) -> Option<Entry> {
    let (cover, entered) = value.split_at_checked(20)?;
    Some(Entry {
        id: session_id(id)?,
        cover: number(cover).ok()?,
        entered: number(entered).ok()?,
        value: value.to_vec(),
    })
}

/// Reads a session. `None` if a field is missing or malformed.
pub(crate) fn session(id: SessionId, fields: Fields) -> Option<StoredSession> {
    let [
        Value::BulkString(subject),
        Value::BulkString(revision),
        Value::BulkString(expires_at),
        Value::BulkString(data),
    ] = fields
    else {
        return None;
    };
    // The scripts compare texts, so a number of another length would never be replaced.
    let number = |text: &[u8]| number(text).ok().filter(|_| text.len() == 20);
    Some(StoredSession {
        id,
        subject: String::from_utf8(subject).ok()?,
        revision: number(&revision)?,
        expires_at: number(&expires_at)?,
        data,
    })
}

fn no_redis() -> StoreError {
    unavailable("the server does not speak the Redis protocol")
}

/// Reads the answer of a timed operation: the value, and the time of the server.
pub(crate) fn timed(answer: Value) -> Result<(Value, u64), StoreError> {
    let malformed = || corrupt("malformed time of the server");
    let Value::Array(mut values) = answer else {
        return Err(malformed());
    };
    match (values.pop(), values.pop()) {
        (Some(Value::Array(time)), Some(value)) => match time.first() {
            Some(Value::BulkString(seconds)) => Ok((value, number(seconds)?)),
            _ => Err(malformed()),
        },
        _ => Err(malformed()),
    }
}

fn full() -> StoreError {
    StoreError::new(
        StoreErrorKind::Full,
        "the memory of the server is full (OOM)",
    )
}

/// Returns the time until which the index lists a session that lives until `expires_at`. It is half
/// as long again, so that few replacements must write to the index, which is on another node of a
/// cluster.
fn cover(expires_at: u64, now: u64) -> u64 {
    expires_at.saturating_add(expires_at.saturating_sub(now) / 2)
}

type Pair = (Vec<u8>, Vec<u8>);

/// Reads the fields and values of a hash.
pub(crate) fn pairs(value: Value) -> Result<Vec<Pair>, StoreError> {
    let malformed = || corrupt("unexpected type of a hash");
    let values = match value {
        Value::Array(values) if values.len() % 2 == 0 => values,
        _ => return Err(malformed()),
    };
    let mut bytes = values.into_iter().map(|value| match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(malformed()),
    });
    let mut pairs = Vec::with_capacity(bytes.len() / 2);
    while let (Some(field), Some(value)) = (bytes.next(), bytes.next()) {
        pairs.push((field?, value?));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_are_longer_than_lives() {
        assert_eq!(cover(1_100, 1_000), 1_150);
        assert_eq!(cover(900, 1_000), 900);
        assert_eq!(cover(u64::MAX, 0), u64::MAX);
    }

    #[test]
    fn unexpected_answers_are_not_hashes() {
        let text = || Value::BulkString(b"a".to_vec());
        for malformed in [
            Value::Nil,
            Value::Okay,
            Value::Int(1),
            Value::Array(vec![text()]),
            Value::Array(vec![text(), Value::Nil]),
            Value::Array(vec![Value::Array(Vec::new()), text()]),
        ] {
            assert!(pairs(malformed).is_err());
        }
        assert_eq!(pairs(Value::Array(vec![text(), text()])).unwrap().len(), 1);
    }
}
