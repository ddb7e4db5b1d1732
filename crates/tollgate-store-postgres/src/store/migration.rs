//! The creation and migration of the tables.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, IsolationLevel};
use tollgate_session::StoreError;

use crate::failure::Failure;
use crate::pool::Use::Sessions;
use crate::statements::Names;
use crate::store::Shared;

/// All migrations in order. A released migration is never changed.
const STEPS: [(i32, &str); 3] = [
    (
        1,
        include_str!("../../migrations/0001_sessions_and_revocations.sql"),
    ),
    (
        2,
        include_str!("../../migrations/0002_order_of_revocations.sql"),
    ),
    (3, include_str!("../../migrations/0003_login_attempts.sql")),
];

/// The key of the advisory lock: a number that no other program is likely to use.
const LOCK: i64 = 0x746f_6c6c_6761_7465;

/// A migration may rewrite a table, or wait for another instance.
const BOUND: Duration = Duration::from_secs(60);

pub(crate) async fn run(shared: &Shared) -> Result<usize, StoreError> {
    let mut lease = shared.pool.lease(Sessions).await?;
    let answer = match lease.link() {
        Ok(link) => timeout(BOUND, migrate(&shared.names, link)).await,
        Err(failure) => Ok(Err(failure)),
    };
    match answer {
        Ok(Ok(steps)) => {
            lease.settle(true);
            Ok(steps)
        }
        Ok(Err(failure)) => {
            lease.settle(failure.keeps_connection);
            Err(failure.error)
        }
        Err(_) => {
            lease.settle(false);
            Err(Failure::timeout("the migration timed out after a minute").error)
        }
    }
}

async fn migrate(names: &Names, client: &mut Client) -> Result<usize, Failure> {
    let versions = names.table("migrations");
    let latest_step = STEPS.last().map_or(0, |(version, _)| *version);
    if latest(&versions, client).await? >= latest_step {
        return Ok(0);
    }
    let transaction = client
        .build_transaction()
        // Each statement sees the commits made while the lock was awaited.
        .isolation_level(IsolationLevel::ReadCommitted)
        .read_only(false)
        .start()
        .await?;
    // For this transaction only: the session may belong to a pooler.
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = {}; \
             SET LOCAL search_path = pg_catalog, pg_temp; \
             SET LOCAL synchronous_commit = on; \
             SELECT pg_advisory_xact_lock({LOCK})",
            BOUND.as_millis()
        ))
        .await?;
    // Checked first, as `IF NOT EXISTS` requires the right to create even if there is nothing to
    // create.
    let exists = "SELECT true FROM pg_catalog.pg_namespace WHERE nspname = $1";
    if transaction
        .query_typed(exists, &[(&names.schema, Type::NAME)])
        .await?
        .is_empty()
    {
        transaction
            .batch_execute(&format!("CREATE SCHEMA \"{}\"", names.schema))
            .await?;
    }
    let latest = latest(&versions, transaction.client()).await?;
    let mut steps = 0;
    for (_, sql) in STEPS.iter().filter(|(version, _)| *version > latest) {
        transaction.batch_execute(&names.localize(sql)).await?;
        steps += 1;
    }
    transaction.commit().await?;
    Ok(steps)
}

/// Returns the last migration; 0 if there was none.
async fn latest(versions: &str, client: &Client) -> Result<i32, Failure> {
    let exists = "SELECT true WHERE pg_catalog.to_regclass($1) IS NOT NULL";
    if client
        .query_typed(exists, &[(&versions, Type::TEXT)])
        .await?
        .is_empty()
    {
        return Ok(0);
    }
    let sql = format!("SELECT COALESCE(pg_catalog.max(version), 0) FROM {versions}");
    Ok(client.query_typed_one(&sql, &[]).await?.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_records_its_version() {
        for (index, (version, sql)) in STEPS.iter().enumerate() {
            assert_eq!(usize::try_from(*version).unwrap(), index + 1);
            assert!(sql.contains(&format!(
                "INSERT INTO tollgate.migrations (version) VALUES ({version});"
            )));
        }
    }
}
