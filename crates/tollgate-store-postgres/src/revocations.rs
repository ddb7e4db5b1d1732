//! The revocation store: rows, the head row with the position, and hints.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::Object;
use tokio::time::timeout;
use tokio_postgres::{IsolationLevel, Row};
use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot, RevocationStore,
    StoreError, StoreFuture,
};

use crate::column::{self, Number, Private};
use crate::failure::Failure;
use crate::feed::Feed;
use crate::store::{PostgresStore, Shared};

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
                    &self.shared.statements.revoke,
                    &[&Private(keys), &before, &ends, &Number(now)],
                )
                .await?;
            self.hint();
            self.purge_in_passing(now).await;
            position(&rows).map(drop)
        })
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        Box::pin(async move {
            let keys: Vec<Vec<u8>> = keys.iter().map(RevocationKey::to_bytes).collect();
            let rows = self
                .shared
                .pool
                .read(
                    &self.shared.statements.find,
                    &[&Private(keys), &Number(now)],
                )
                .await?;
            rows.iter().map(entry).collect()
        })
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async move {
            // The transaction only reads, so a missing head is created before it.
            self.position().await?;
            let mut lease = self.shared.pool.lease().await?;
            let answer = match lease.connection() {
                Ok(connection) => {
                    timeout(
                        self.shared.snapshot_timeout,
                        snapshot(&self.shared, connection, now),
                    )
                    .await
                }
                Err(failure) => Ok(Err(failure)),
            };
            match answer {
                Ok(Ok((head, entries))) => {
                    lease.settle(true);
                    Ok(RevocationSnapshot {
                        position: position(&head)?,
                        entries: entries.iter().map(entry).collect::<Result<_, _>>()?,
                    })
                }
                Ok(Err(failure)) => {
                    // By then the interrupted work is rolled back, or the connection is closed.
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
            let rows = self
                .shared
                .pool
                .read(&self.shared.statements.head, &[])
                .await?;
            if !rows.is_empty() {
                return position(&rows);
            }
            position(
                &self
                    .shared
                    .pool
                    .write(&self.shared.statements.begin, &[])
                    .await?,
            )
        })
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move {
            let rows = self
                .shared
                .pool
                .read(
                    &self.shared.statements.changes,
                    &[&Number(after.sequence), &Number(now)],
                )
                .await?;
            // A missing head begins a new epoch.
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let position = position(&rows)?;
            if position.epoch != after.epoch || position.sequence < after.sequence {
                return Ok(None);
            }
            let none = column::get::<Option<&[u8]>>(row, 2)?.is_none();
            let rows = if none { &[][..] } else { &rows[..] };
            let entries = rows.iter().map(|row| entry_from(row, 2));
            Ok(Some(RevocationSnapshot {
                position,
                entries: entries.collect::<Result<_, _>>()?,
            }))
        })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        Box::pin(async move {
            Ok(Box::new(Feed::begin(&self.shared).await?) as Box<dyn RevocationFeed>)
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
                let hinted = shared.pool.write(shared.statements.hint, &[&channel]).await;
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

/// Reads the head and the entries as of one moment.
async fn snapshot(
    shared: &Shared,
    connection: &mut Object,
    now: u64,
) -> Result<(Vec<Row>, Vec<Row>), Failure> {
    let transaction = connection
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = {}",
            shared.snapshot_timeout.as_millis().max(1)
        ))
        .await?;
    let head = transaction.prepare_cached(&shared.statements.head).await?;
    let head = transaction.query(&head, &[]).await?;
    let entries = transaction
        .prepare_cached(&shared.statements.entries)
        .await?;
    let entries = transaction.query(&entries, &[&Number(now)]).await?;
    transaction.commit().await?;
    Ok((head, entries))
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

fn position(rows: &[Row]) -> Result<Position, StoreError> {
    let row = rows
        .first()
        .ok_or_else(|| column::corrupt("the head of the revocations is missing"))?;
    Ok(Position {
        epoch: column::bits(column::get(row, 0)?),
        sequence: column::get::<Number>(row, 1)?.0,
    })
}

fn entry(row: &Row) -> Result<Revocation, StoreError> {
    entry_from(row, 0)
}

/// Reads the entry whose columns begin at `index`.
fn entry_from(row: &Row, index: usize) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        key: RevocationKey::from_bytes(column::get(row, index)?)?,
        before: column::get::<Number>(row, index + 1)?.0,
        expires_at: column::get::<Number>(row, index + 2)?.0,
    })
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
