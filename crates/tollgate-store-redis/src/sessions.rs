//! The session store.

use std::collections::HashMap;
use std::str::FromStr as _;

use futures_util::future::try_join_all;
use redis::Value;
use tokio::time::Instant;
use tollgate_session::{SessionId, SessionStore, StoreError, StoreFuture, StoredSession};

use crate::failure::{corrupt, unavailable};
use crate::keys::slot;
use crate::operation::{Operation, Script};
use crate::scripts::{ENTER, INSERT, LEAVE, REPLACE};
use crate::store::{RedisStore, SLACK, digits, life, number};

/// The number of sessions of a subject that are loaded at a time.
const TOGETHER: usize = 64;

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
                1 => Ok(true),
                _ => Err(corrupt("unexpected answer of a script")),
            }
        })
    }

    fn load<'a>(&'a self, id: &'a SessionId, now: u64) -> StoreFuture<'a, Option<StoredSession>> {
        Box::pin(self.load_by(id, now, self.deadline()))
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
            let mut covered = 0;
            // The second attempt follows an extension of the entry in the index.
            for _ in 0..2 {
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
                match self
                    .change(&REPLACE, &session.id, arguments, deadline)
                    .await?
                {
                    0 => return Ok(false),
                    1 => return Ok(true),
                    2 => {}
                    _ => break,
                }
                covered = cover(session.expires_at, now);
                self.enter(session, covered, now, deadline).await?;
            }
            Err(corrupt("unexpected answer of a script"))
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
            let entries = self.entries_of(&key, deadline).await?;
            // Sessions that ended by the index need not be loaded.
            let listed: Vec<_> = entries
                .into_iter()
                .filter(|entry| entry.cover > now)
                .collect();
            let (mut sessions, mut gone) = (Vec::new(), Vec::new());
            for some in listed.chunks(TOGETHER) {
                if sessions.len() >= most {
                    break;
                }
                let loads = some
                    .iter()
                    .map(|entry| self.load_by(&entry.id, now, deadline));
                for (entry, session) in some.iter().zip(try_join_all(loads).await?) {
                    match session {
                        Some(session) if session.subject != subject => {
                            return Err(corrupt("an index contains another subject's session"));
                        }
                        Some(session) => sessions.push(session),
                        // A young entry may belong to a session that is being inserted.
                        None if entry.entered.saturating_add(SLACK) <= now => {
                            gone.extend([entry.id.to_string().into_bytes(), entry.value.clone()]);
                        }
                        None => {}
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
    async fn load_by(
        &self,
        id: &SessionId,
        now: u64,
        deadline: Instant,
    ) -> Result<Option<StoredSession>, StoreError> {
        let key = self.keys().session(id);
        let mut command = redis::cmd("HGETALL");
        command.arg(&key);
        let operation = Operation::command(command);
        let value = self
            .servers()
            .run(slot(&key), &operation, deadline)
            .await?
            .value;
        let mut fields: HashMap<Vec<u8>, Vec<u8>> = pairs(value)?.into_iter().collect();
        if fields.is_empty() {
            return Ok(None);
        }
        let mut field = |name: &str| {
            fields
                .remove(name.as_bytes())
                .ok_or_else(|| corrupt("a session has a missing field"))
        };
        let session = StoredSession {
            id: *id,
            subject: String::from_utf8(field("subject")?)
                .map_err(|_| corrupt("a subject is not valid UTF-8"))?,
            revision: number(&field("revision")?)?,
            expires_at: number(&field("expires")?)?,
            data: field("data")?,
        };
        Ok(Some(session).filter(|session| session.expires_at > now))
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
            digits(now.saturating_sub(SLACK)),
        ];
        self.write(&ENTER, keys, arguments, deadline).await?;
        Ok(())
    }

    async fn entries_of(&self, key: &str, deadline: Instant) -> Result<Vec<Entry>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(key);
        let operation = Operation::command(command);
        let value = self
            .servers()
            .run(slot(key), &operation, deadline)
            .await?
            .value;
        let entry = |(id, value): (Vec<u8>, Vec<u8>)| {
            let malformed = || corrupt("malformed index");
            let id = std::str::from_utf8(&id).ok();
            let id = id.and_then(|id| SessionId::from_str(id).ok());
            let (cover, entered) = value.split_at_checked(20).ok_or_else(malformed)?;
            Ok(Entry {
                id: id.ok_or_else(malformed)?,
                cover: number(cover)?,
                entered: number(entered)?,
                value,
            })
        };
        pairs(value)?.into_iter().map(entry).collect()
    }
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
