//! The revocation store. All keys are in one slot, so each call and each snapshot is atomic.

use redis::Value;
use tokio::time::Instant;
use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationKind, RevocationSnapshot,
    RevocationStore, SessionId, StoreError, StoreErrorKind, StoreFuture, StoredSession,
    ended_until,
};

use crate::failure::corrupt;
use crate::feed::Feed;
use crate::keys::slot;
use crate::operation::{Operation, Script};
use crate::scripts::{BEGIN, CHANGES, LEAVE, POSITION, REVOKE, REVOKE_WHEN_FULL, SNAPSHOT};
use crate::sessions::{pairs, timed};
use crate::store::{RedisStore, digits, number, random};

/// The time that the position outlives the last revocation, in seconds: 30 days. After that a new
/// epoch begins.
const POSITION_LIFE: u64 = 30 * 86_400;
/// Redis sorts by numbers that are exact up to this value. Later ends are removed only with their
/// key.
const LATEST: u64 = 1 << 53;
/// The time for which an entry that cannot be read revokes at least, in seconds, as in the scripts.
const DAY: u64 = 86_400;

impl RevocationStore for RedisStore {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let deadline = self.deadline();
            let answer = match self.revoke_by(&REVOKE, entries, now, deadline).await {
                Err(error) if error.kind() == StoreErrorKind::Full => {
                    self.revoke_by(&REVOKE_WHEN_FULL, entries, now, deadline)
                        .await?
                }
                answer => answer?,
            };
            note_loss(&answer);
            Ok(())
        })
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        Box::pin(async move {
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            let place = self.keys().entries();
            let mut command = redis::cmd("HMGET");
            command.arg(&place);
            for key in keys {
                command.arg(key.to_bytes());
            }
            let (operation, deadline) = (Operation::command(command), self.deadline());
            let answer = self.servers().run(slot(&place), &operation, deadline);
            self.found(keys, answer.await?.value, now, deadline).await
        })
    }

    fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        issuer: &'a str,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        Some(Box::pin(self.session_and_revocations(id, issuer, now)))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async move {
            let values = self
                .begun(&SNAPSHOT, Vec::new(), now, self.deadline())
                .await?;
            self.read_entries(values, now).await
        })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            let values = self.begun(&POSITION, Vec::new(), 0, self.deadline());
            position(&values.await?)
        })
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move {
            let arguments = vec![after.sequence.to_string().into_bytes()];
            let values = self
                .begun(&CHANGES, arguments, now, self.deadline())
                .await?;
            let changes = self.read_entries(values, now).await?;
            let at = changes.position;
            Ok(Some(changes).filter(|_| at.epoch == after.epoch && at.sequence >= after.sequence))
        })
    }

    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        Box::pin(async move {
            let time = self.server_time(self.deadline()).await?;
            Ok(Some(time))
        })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        Box::pin(async move {
            let channel = self.keys().channel();
            let slot = slot(&self.keys().position());
            let ear = self
                .servers()
                .listen(slot, &channel, self.deadline())
                .await?;
            Ok(Box::new(Feed::new(ear, self.timeout())) as Box<dyn RevocationFeed>)
        })
    }
}

impl RedisStore {
    /// The keys of the revocations, in the order that the scripts expect.
    fn places(&self) -> Vec<String> {
        let keys = self.keys();
        vec![
            keys.position(),
            keys.order(),
            keys.entries(),
            keys.endings(),
        ]
    }

    /// Returns the time of the server that has the revocations.
    async fn server_time(&self, deadline: Instant) -> Result<u64, StoreError> {
        let operation = Operation::command(redis::cmd("TIME"));
        let slot = slot(&self.keys().position());
        let answer = self.servers().run(slot, &operation, deadline).await?;
        let (_, time) = timed(Value::Array(vec![Value::Nil, answer.value]))?;
        Ok(time)
    }

    /// Reads the answer to a query of these keys: the entries that have not ended.
    pub(crate) async fn found(
        &self,
        keys: &[RevocationKey],
        answer: Value,
        now: u64,
        deadline: Instant,
    ) -> Result<Vec<Revocation>, StoreError> {
        let found = match answer {
            Value::Array(found) if found.len() == keys.len() => found,
            _ => return Err(corrupt("unexpected length of an answer")),
        };
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (key, value) in keys.iter().map(RevocationKey::to_bytes).zip(found) {
            match value {
                // A key can be named twice.
                Value::BulkString(value) if pairs.iter().all(|(had, _)| *had != key) => {
                    pairs.push((key, value));
                }
                Value::BulkString(_) | Value::Nil => {}
                _ => return Err(corrupt("unexpected type of an entry")),
            }
        }
        // Only an entry that has ended by the caller's clock needs that of the server.
        let ends = |value: &[u8]| number(value.get(20..)?).ok();
        let late = pairs
            .iter()
            .any(|(_, value)| ends(value).is_some_and(|end| end <= now));
        let server = if late {
            self.server_time(deadline).await?
        } else {
            now
        };
        let entries = self.live(pairs, server, now).await;
        // A caller does not store again what it finds, so a failover must not lose it.
        if self.waits() && !entries.is_empty() {
            self.begin(now, deadline).await?;
        }
        Ok(entries)
    }

    async fn revoke_by(
        &self,
        script: &Script,
        entries: &[Revocation],
        now: u64,
        deadline: Instant,
    ) -> Result<Value, StoreError> {
        let ends = entries.iter().map(|entry| entry.expires_at);
        let end = ends.max().unwrap_or(now);
        let mut arguments = vec![
            digits(now),
            digits(end),
            digits(end.max(now.saturating_add(POSITION_LIFE))),
            new_epoch()?,
            self.keys().channel().into_bytes(),
        ];
        for entry in entries {
            arguments.extend([
                entry.key.to_bytes(),
                digits(entry.before),
                digits(entry.expires_at),
                score(entry.expires_at),
            ]);
        }
        let answer = self.write(script, self.places(), arguments, deadline);
        Ok(answer.await?.value)
    }

    /// Runs a script that requires a sequence, and begins one if there is none.
    async fn begun(
        &self,
        script: &Script,
        arguments: Vec<Vec<u8>>,
        now: u64,
        deadline: Instant,
    ) -> Result<Vec<Value>, StoreError> {
        // A new sequence begins once per history of a server. The history can end between the two
        // calls.
        for _ in 0..3 {
            match self
                .read(script, self.places(), arguments.clone(), deadline)
                .await?
            {
                Value::Array(values) => return Ok(values),
                Value::Nil => {}
                _ => break,
            }
            self.begin(now, deadline).await?;
        }
        Err(corrupt("unexpected answer of a script"))
    }

    /// Begins a sequence if there is none, and waits for the configured replicas.
    async fn begin(&self, now: u64, deadline: Instant) -> Result<(), StoreError> {
        let end = now.saturating_add(POSITION_LIFE);
        let arguments = vec![digits(now), digits(end), new_epoch()?];
        let answer = self.write(&BEGIN, self.places(), arguments, deadline);
        note_loss(&answer.await?.value);
        Ok(())
    }

    /// Reads a script's answer: the position, the time of the server, and the entries that have not
    /// ended.
    async fn read_entries(
        &self,
        mut values: Vec<Value>,
        now: u64,
    ) -> Result<RevocationSnapshot, StoreError> {
        let entries = match (values.len(), values.pop()) {
            (4, Some(entries)) => pairs(entries)?,
            _ => return Err(corrupt("unexpected length of an answer")),
        };
        let server = match values.last() {
            Some(Value::BulkString(seconds)) => number(seconds)?,
            _ => return Err(corrupt("malformed time of the server")),
        };
        Ok(RevocationSnapshot {
            position: position(&values)?,
            entries: self.live(entries, server, now).await,
        })
    }

    /// Returns the entries that have not ended. One that cannot be read is logged and repaired:
    /// until then, and if this fails, it revokes at least what it revoked before.
    async fn live(&self, found: Vec<(Vec<u8>, Vec<u8>)>, server: u64, now: u64) -> Vec<Revocation> {
        let at = ended_until(now, server);
        let mut entries = Vec::with_capacity(found.len());
        let (mut repaired, mut dropped) = (Vec::new(), Vec::new());
        for (key, value) in found {
            let Ok(name) = RevocationKey::from_bytes(&key) else {
                dropped.extend([key, value]);
                continue;
            };
            let entry = entry(name.clone(), &value).unwrap_or_else(|_| {
                let entry = widest(name, now);
                repaired.push(entry.clone());
                entry
            });
            if entry.expires_at > at {
                entries.push(entry);
            }
        }
        if !repaired.is_empty() {
            tracing::error!(target: "tollgate", entries = repaired.len(),
                "unreadable revocations count as revocations of everything until now");
            let repair = self.revoke_by(&REVOKE, &repaired, now, self.deadline());
            if let Err(error) = repair.await {
                tracing::warn!(target: "tollgate", %error, "revocations not repaired");
            }
        }
        if !dropped.is_empty() {
            tracing::error!(target: "tollgate", entries = dropped.len() / 2,
                "revocations with an unreadable key are removed; no token can match them");
            let keys = vec![self.keys().entries()];
            let _ = self.read(&LEAVE, keys, dropped, self.deadline()).await;
        }
        entries
    }
}

/// Returns the meaning of an entry that cannot be read, as the scripts do.
fn widest(key: RevocationKey, now: u64) -> Revocation {
    let by_time = matches!(
        key.kind(),
        RevocationKind::Subject | RevocationKind::SubjectSessions
    );
    Revocation {
        key,
        before: if by_time {
            now.saturating_add(1)
        } else {
            Revocation::ALL
        },
        expires_at: now.saturating_add(DAY),
    }
}

/// Logs that a script found a key of the revocations missing.
fn note_loss(answer: &Value) {
    if matches!(answer, Value::Int(2)) {
        tracing::error!(target: "tollgate",
            "revocations are lost: a key of them was evicted or deleted");
    }
}

fn new_epoch() -> Result<Vec<u8>, StoreError> {
    Ok(digits(u64::from_be_bytes(random()?)))
}

/// Reads the position: the first two numbers of a script's answer.
fn position(values: &[Value]) -> Result<Position, StoreError> {
    match values {
        [Value::BulkString(epoch), Value::BulkString(sequence), ..] => Ok(Position {
            epoch: number(epoch)?,
            sequence: number(sequence)?,
        }),
        _ => Err(corrupt("unexpected type of the position")),
    }
}

/// Reads an entry of the hash: both numbers, one after the other.
fn entry(key: RevocationKey, value: &[u8]) -> Result<Revocation, StoreError> {
    match value.split_at_checked(20) {
        Some((before, expires_at)) if expires_at.len() == 20 => Ok(Revocation {
            key,
            before: number(before)?,
            expires_at: number(expires_at)?,
        }),
        _ => Err(corrupt("malformed entry")),
    }
}

fn score(time: u64) -> Vec<u8> {
    // A value beyond this must never be found among the ended ones.
    if time >= LATEST {
        b"+inf".to_vec()
    } else {
        time.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_session::RevocationKind;

    #[test]
    fn the_end_of_a_distant_entry_is_never_reached() {
        assert_eq!(score(1_000), b"1000");
        assert_eq!(score(u64::MAX), b"+inf");
    }

    #[test]
    fn malformed_entries_and_positions_are_refused() {
        let key = RevocationKey::new(RevocationKind::Token, "i", "1");
        for malformed in [&b""[..], &[b'1'; 39], &[b'1'; 41], &[b'x'; 40], &[0xFF; 40]] {
            assert!(entry(key.clone(), malformed).is_err());
        }
        assert_eq!(
            entry(key, &[digits(1), digits(2)].concat())
                .unwrap()
                .expires_at,
            2
        );
        assert!(position(&[]).is_err());
        assert!(position(&[Value::Nil, Value::Int(1)]).is_err());
    }
}
