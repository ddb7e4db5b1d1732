//! The removal of expired rows.

use std::sync::atomic::Ordering;

use tokio_postgres::types::Type;
use tollgate_session::{StoreError, StoreErrorKind};

use crate::column::{self, Number};
use crate::pool::Use::Sessions;
use crate::store::{PostgresStore, Shared};

/// The maximum number of rows per statement, which bounds how long locks are held.
const BATCH: i64 = 500;
/// The maximum number of batches that a store removes automatically per second.
const BATCHES_A_SECOND: usize = 2;

/// Removes all expired rows.
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
    /// Removes some expired rows, at most once per second of the caller's time. Completes before it
    /// returns, so rows that another caller adds afterwards are not touched.
    pub(crate) async fn purge_in_passing(&self, now: u64) {
        if self.shared.purged_at.swap(now, Ordering::Relaxed) == now {
            return;
        }
        if let Err(error) = some(&self.shared, now).await {
            tracing::warn!(target: "tollgate", %error, "purge failed");
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

fn tables(shared: &Shared) -> [&str; 3] {
    [
        &shared.statements.purge_sessions,
        &shared.statements.purge_revocations,
        &shared.statements.purge_attempts,
    ]
}

async fn batch(shared: &Shared, sql: &str, now: u64) -> Result<u64, StoreError> {
    let rows = shared
        .pool
        .write(
            Sessions,
            sql,
            &[(&Number(now), Type::NUMERIC), (&BATCH, Type::INT8)],
        )
        .await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::new(StoreErrorKind::Corrupt, "missing row of a count"))?;
    Ok(column::require::<i64>(row, 0)?.unsigned_abs())
}
