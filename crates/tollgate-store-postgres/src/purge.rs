//! Removing what has expired.

use std::sync::atomic::Ordering;

use tollgate_session::{StoreError, StoreErrorKind};

use crate::column::{self, Number};
use crate::store::{PostgresStore, Shared};

/// Rows that one statement removes at the most, so that none holds its locks for long.
const BATCH: i64 = 500;
/// Batches that a store removes of its own accord in one second.
const BATCHES_A_SECOND: usize = 2;

/// All of it.
pub(crate) async fn all(shared: &Shared, now: u64) -> Result<u64, StoreError> {
    let mut removed = 0;
    for sql in tables(shared) {
        loop {
            let batch = batch(shared, sql, now).await?;
            removed += batch;
            if batch < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(removed)
}

impl PostgresStore {
    /// Removes some, unless that was done in this second of the caller's time already. It is over when this returns: what
    /// another caller puts there afterwards, by a time of its own, is not touched.
    pub(crate) async fn purge_in_passing(&self, now: u64) {
        if self.shared.purged_at.fetch_max(now, Ordering::Relaxed) >= now {
            return;
        }
        if let Err(error) = some(&self.shared, now).await {
            tracing::debug!(%error, "expired rows were not removed");
        }
    }
}

async fn some(shared: &Shared, now: u64) -> Result<(), StoreError> {
    for sql in tables(shared) {
        for _ in 0..BATCHES_A_SECOND {
            if batch(shared, sql, now).await? < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}

fn tables(shared: &Shared) -> [&str; 2] {
    [
        &shared.statements.purge_sessions,
        &shared.statements.purge_revocations,
    ]
}

async fn batch(shared: &Shared, sql: &str, now: u64) -> Result<u64, StoreError> {
    let rows = shared.pool.write(sql, &[&Number(now), &BATCH]).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "a count has no row"))?;
    Ok(column::get::<i64>(row, 0)?.unsigned_abs())
}
