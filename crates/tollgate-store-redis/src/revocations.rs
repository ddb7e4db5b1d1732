//! The revocation store. All keys are in one slot, so each call and each snapshot is atomic.

use redis::Value;
use tokio::time::Instant;
use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot, RevocationStore,
    StoreError, StoreFuture,
};

use crate::failure::corrupt;
use crate::feed::Feed;
use crate::keys::slot;
use crate::operation::{Operation, Script};
use crate::scripts::{BEGIN, CHANGES, POSITION, REVOKE, SNAPSHOT};
use crate::sessions::pairs;
use crate::store::{RedisStore, SLACK, digits, life, number, random};

/// The time that the position outlives the last revocation, in seconds: 30 days. After that a new
/// epoch begins.
const POSITION_LIFE: u64 = 30 * 86_400;
/// Redis sorts by numbers that are exact up to this value. Later ends are removed only with their
/// key.
const LATEST: u64 = 1 << 53;

impl RevocationStore for RedisStore {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let end = entries
                .iter()
                .map(|entry| entry.expires_at)
                .max()
                .unwrap_or(now);
            let mut arguments = vec![
                digits(now),
                long_gone(now),
                life(end, now),
                new_epoch()?,
                life(end.max(now.saturating_add(POSITION_LIFE)), now),
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
            let keys = vec![
                self.keys().position(),
                self.keys().order(),
                self.keys().entries(),
                self.keys().endings(),
            ];
            self.write(&REVOKE, keys, arguments, self.deadline())
                .await?;
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
            let operation = Operation::command(command);
            let value = self
                .servers()
                .run(slot(&place), &operation, self.deadline())
                .await?
                .value;
            let found = match value {
                Value::Array(found) if found.len() == keys.len() => found,
                _ => return Err(corrupt("unexpected length of an answer")),
            };
            let mut entries: Vec<Revocation> = Vec::new();
            for (key, value) in keys.iter().zip(found) {
                match value {
                    Value::Nil => {}
                    Value::BulkString(value) => {
                        let entry = entry(key.clone(), &value)?;
                        if entry.expires_at > now && !entries.contains(&entry) {
                            entries.push(entry);
                        }
                    }
                    _ => return Err(corrupt("unexpected type of an entry")),
                }
            }
            Ok(entries)
        })
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async move {
            let keys = [self.keys().position(), self.keys().entries()];
            let values = self
                .begun(&SNAPSHOT, &keys, Vec::new(), self.deadline())
                .await?;
            read(values, now)
        })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            let keys = [self.keys().position()];
            let values = self.begun(&POSITION, &keys, Vec::new(), self.deadline());
            position(&values.await?)
        })
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move {
            let keys = [
                self.keys().position(),
                self.keys().order(),
                self.keys().entries(),
            ];
            let arguments = vec![after.sequence.to_string().into_bytes()];
            let values = self
                .begun(&CHANGES, &keys, arguments, self.deadline())
                .await?;
            let changes = read(values, now)?;
            let at = changes.position;
            Ok(Some(changes).filter(|_| at.epoch == after.epoch && at.sequence >= after.sequence))
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
    /// Runs a script that requires a sequence, and begins one if there is none.
    async fn begun(
        &self,
        script: &Script,
        keys: &[String],
        arguments: Vec<Vec<u8>>,
        deadline: Instant,
    ) -> Result<Vec<Value>, StoreError> {
        // A new sequence begins once per history of a server. The history can end between the two
        // calls.
        for _ in 0..3 {
            match self
                .read(script, keys.to_vec(), arguments.clone(), deadline)
                .await?
            {
                Value::Array(values) => return Ok(values),
                Value::Nil => {}
                _ => break,
            }
            let begun = vec![self.keys().position(), self.keys().order()];
            let arguments = vec![new_epoch()?, life(POSITION_LIFE, 0)];
            self.write(&BEGIN, begun, arguments, deadline).await?;
        }
        Err(corrupt("unexpected answer of a script"))
    }
}

fn new_epoch() -> Result<Vec<u8>, StoreError> {
    Ok(digits(u64::from_be_bytes(random()?)))
}

/// Reads a script's answer: the position, and the entries that have not expired.
fn read(mut values: Vec<Value>, now: u64) -> Result<RevocationSnapshot, StoreError> {
    let entries = match (values.len(), values.pop()) {
        (3, Some(entries)) => pairs(entries)?,
        _ => return Err(corrupt("unexpected length of an answer")),
    };
    let mut snapshot = RevocationSnapshot {
        position: position(&values)?,
        entries: Vec::with_capacity(entries.len()),
    };
    for (key, value) in entries {
        let entry = entry(RevocationKey::from_bytes(&key)?, &value)?;
        if entry.expires_at > now {
            snapshot.entries.push(entry);
        }
    }
    Ok(snapshot)
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

/// Returns the time before which ended entries are removed. A clock that is far off, for instance
/// before 1970, removes nothing that others need.
fn long_gone(now: u64) -> Vec<u8> {
    match now.saturating_sub(SLACK) {
        LATEST.. => b"-inf".to_vec(),
        before => score(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_session::RevocationKind;

    #[test]
    fn a_clock_that_is_far_off_removes_nothing() {
        assert_eq!(long_gone(u64::MAX), b"-inf");
        assert_eq!(long_gone(1_000), b"700");
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
