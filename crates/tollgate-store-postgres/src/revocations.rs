//! The revocation store: rows, the head row with the position, and hints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot, RevocationStore,
    SessionId, StoreError, StoreFuture, StoredSession,
};

use crate::column::{self, Number, Private};
use crate::failure::Failure;
use crate::feed;
use crate::pool::Use::{Reading, Revoking, Sessions};
use crate::store::PostgresStore;

impl RevocationStore for PostgresStore {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let entries = distinct(entries);
            let keys: Vec<&[u8]> = entries.keys().map(Vec::as_slice).collect();
            let before: Vec<Number> = entries.values().map(|entry| Number(entry.before)).collect();
            let ends: Vec<Number> = entries
                .values()
                .map(|entry| Number(entry.expires_at))
                .collect();
            let rows = self
                .shared
                .pool
                .write(
                    Revoking,
                    &self.shared.statements.revoke,
                    &[
                        (&Private(keys), Type::BYTEA_ARRAY),
                        (&before, Type::NUMERIC_ARRAY),
                        (&ends, Type::NUMERIC_ARRAY),
                        (&Number(now), Type::NUMERIC),
                    ],
                )
                .await?;
            self.hint();
            self.purge_in_passing(now).await;
            match rows.first() {
                Some(_) => Ok(()),
                None => Err(column::corrupt("the head of the revocations is missing")),
            }
        })
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        Box::pin(async move {
            let keys: Vec<Vec<u8>> = keys.iter().map(RevocationKey::to_bytes).collect();
            let rows = self
                .shared
                .pool
                .read(
                    Reading,
                    &self.shared.statements.find,
                    &[
                        (&Private(keys), Type::BYTEA_ARRAY),
                        (&Number(now), Type::NUMERIC),
                    ],
                )
                .await?;
            entries(&rows, 0)
        })
    }

    fn find_with_session<'a>(
        &'a self,
        id: &'a SessionId,
        issuer: &'a str,
        now: u64,
    ) -> Option<StoreFuture<'a, Option<(StoredSession, Vec<Revocation>)>>> {
        Some(Box::pin(async move {
            // The server adds the subject to the keys.
            let keys = RevocationKey::of_session(issuer, id, "").map(|key| key.to_bytes());
            let [of_id, of_subject, of_sessions] = &keys;
            let rows = self
                .shared
                .pool
                .read(
                    Sessions,
                    &self.shared.statements.find_with_session,
                    &[
                        (&id.as_bytes().as_slice(), Type::BYTEA),
                        (&Number(now), Type::NUMERIC),
                        (&Private(of_id.as_slice()), Type::BYTEA),
                        (&Private(of_subject.as_slice()), Type::BYTEA),
                        (&Private(of_sessions.as_slice()), Type::BYTEA),
                    ],
                )
                .await?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let none: bool = column::require(row, 5)?;
            let entries = entries(if none { &[] } else { &rows }, 6)?;
            Ok(Some((column::session(row)?, entries)))
        }))
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async move {
            // A missing head is created first.
            self.position().await?;
            let shared = &self.shared;
            let lease = shared.pool.lease(Reading).await?;
            let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), _); 1] =
                [(&Number(now), Type::NUMERIC)];
            let read = lease.rows(&shared.statements.entries, &parameters, true);
            match timeout(shared.snapshot_timeout, read).await {
                Ok(Ok(rows)) => {
                    lease.settle(true);
                    snapshot(&rows)?
                        .ok_or_else(|| column::corrupt("the head of the revocations is missing"))
                }
                Ok(Err(failure)) => {
                    lease.settle(failure.keeps_connection);
                    Err(failure.error)
                }
                Err(_) => {
                    lease.settle(false);
                    Err(Failure::timeout("no answer to a snapshot").error)
                }
            }
        })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            let shared = &self.shared;
            let head = &shared.statements.head;
            let mut rows = shared.polls.read(Reading, head, &[]).await?;
            if rows.is_empty() {
                let begin = &shared.statements.begin;
                shared.polls.write(Reading, begin, &[]).await?;
                rows = shared.polls.read(Reading, head, &[]).await?;
            }
            let row = rows
                .first()
                .ok_or_else(|| column::corrupt("the head of the revocations is missing"))?;
            position(row)
        })
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move {
            let rows = self
                .shared
                .polls
                .read(
                    Reading,
                    &self.shared.statements.changes,
                    &[
                        (&Number(now), Type::NUMERIC),
                        (&Number(after.sequence), Type::NUMERIC),
                    ],
                )
                .await?;
            // A missing head begins a new epoch.
            Ok(snapshot(&rows)?.filter(|changes| {
                changes.position.epoch == after.epoch && changes.position.sequence >= after.sequence
            }))
        })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        Box::pin(feed::open(self))
    }

    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        Box::pin(async move {
            let shared = &self.shared;
            let rows = shared
                .polls
                .read(Reading, shared.statements.clock, &[])
                .await?;
            let clock = rows.first().map(|row| column::require::<i64>(row, 0));
            Ok(clock.transpose()?.and_then(|clock| clock.try_into().ok()))
        })
    }
}

/// No hint is being sent.
const IDLE: u8 = 0;
const SENDING: u8 = 1;
/// A hint is being sent, and another one must follow.
const AGAIN: u8 = 2;

impl PostgresStore {
    /// Wakes the feeds, after the commit and without waiting: any role can fill the server's queue
    /// of notifications, or hold its lock for seconds. That must neither undo nor delay a
    /// revocation, nor use more than one connection. Without a hint, other instances read it a
    /// little later.
    fn hint(&self) {
        if self.shared.hinting.swap(AGAIN, Ordering::AcqRel) != IDLE {
            return;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let channel = shared.names.channel();
            loop {
                shared.hinting.store(SENDING, Ordering::Release);
                let hinted = shared
                    .pool
                    .write(Revoking, shared.statements.hint, &[(&channel, Type::TEXT)])
                    .await;
                if let Err(error) = hinted {
                    tracing::debug!(target: "tollgate", %error, "no hint of a revocation");
                }
                let ended = shared.hinting.compare_exchange(
                    SENDING,
                    IDLE,
                    Ordering::AcqRel,
                    Ordering::Acquire,
                );
                if ended.is_ok() {
                    return;
                }
            }
        });
    }
}

/// Merges entries with the same key and sorts them. A statement can change a row only once.
fn distinct(entries: &[Revocation]) -> BTreeMap<Vec<u8>, Revocation> {
    let mut distinct: BTreeMap<Vec<u8>, Revocation> = BTreeMap::new();
    for entry in entries {
        distinct
            .entry(entry.key.to_bytes())
            .and_modify(|other| {
                other.before = other.before.max(entry.before);
                other.expires_at = other.expires_at.max(entry.expires_at);
            })
            .or_insert_with(|| entry.clone());
    }
    distinct
}

/// Reads the columns of the head: the stored epoch, the sequence, and the history of the server,
/// which is mixed into the epoch.
fn position(row: &Row) -> Result<Position, StoreError> {
    let stored: i64 = column::require(row, 0)?;
    let timeline: &str = column::require(row, 2)?;
    let started: SystemTime = column::require(row, 3)?;
    let started = started
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    // FNV-1a.
    let mixed = timeline
        .bytes()
        .chain(started.to_be_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Ok(Position {
        epoch: column::bits(stored).wrapping_add(mixed),
        sequence: column::require::<Number>(row, 1)?.0,
    })
}

/// Reads rows of the head and an entry; `None` without a head.
fn snapshot(rows: &[Row]) -> Result<Option<RevocationSnapshot>, StoreError> {
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let none: bool = column::require(row, 4)?;
    let entries = entries(if none { &[] } else { rows }, 5)?;
    let position = position(row)?;
    Ok(Some(RevocationSnapshot { position, entries }))
}

/// Reads entries whose columns begin at `index`.
///
/// An entry revokes as much as can be, as long as can be, if its bound or end cannot be read. An
/// entry with an unreadable key revokes nothing, as no token matches it, and must not stop the
/// others.
fn entries(rows: &[Row], index: usize) -> Result<Vec<Revocation>, StoreError> {
    let mut entries = Vec::with_capacity(rows.len());
    let mut unreadable = 0_usize;
    for row in rows {
        let key = column::get(row, index)?.and_then(|key| RevocationKey::from_bytes(key).ok());
        let before = column::get::<Number>(row, index + 1)?;
        let expires_at = column::get::<Number>(row, index + 2)?;
        unreadable += usize::from(key.is_none() || before.is_none() || expires_at.is_none());
        entries.extend(key.map(|key| Revocation {
            key,
            before: before.map_or(Revocation::ALL, |Number(before)| before),
            expires_at: expires_at.map_or(u64::MAX, |Number(end)| end),
        }));
    }
    if unreadable > 0 {
        tracing::error!(target: "tollgate", rows = unreadable, "unreadable rows of revocations");
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use tollgate_session::RevocationKind;

    use super::*;

    #[test]
    fn entries_of_one_key_are_merged() {
        let entry = |before, expires_at| Revocation {
            key: RevocationKey::new(RevocationKind::Subject, "issuer", "u-7"),
            before,
            expires_at,
        };
        let distinct = distinct(&[entry(10, 90), entry(20, 80)]);
        assert_eq!(distinct.into_values().collect::<Vec<_>>(), [entry(20, 90)]);
    }
}
