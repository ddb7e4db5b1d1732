//! The store.

mod migration;
mod purge;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::time::Duration;

use tokio::sync::Semaphore;
use tollgate_session::StoreError;

use crate::connection::Dialer;
use crate::pool::Pool;
use crate::statements::{Names, Statements};

/// A store of sessions and revocations in PostgreSQL. Clones share the pool.
///
/// Every operation completes within the connect timeout plus the statement timeout. Only a
/// [snapshot](tollgate_session::RevocationStore::snapshot) and [`migrate`](Self::migrate) have
/// their own timeouts. A broken connection is replaced when it is next needed.
///
/// ```no_run
/// use tollgate::stores::postgres::PostgresStore;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::builder("postgres://app@localhost/app".parse()?).build()?;
/// store.migrate().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) pool: Pool,
    /// One connection for the positions, which other operations must not delay.
    pub(crate) polls: Pool,
    pub(crate) statements: Statements,
    pub(crate) names: Names,
    pub(crate) snapshot_timeout: Duration,
    pub(crate) dialer: Dialer,
    pub(crate) connect_timeout: Duration,
    /// The second of the last purge.
    pub(crate) purged_at: AtomicU64,
    /// The state of the hints.
    pub(crate) hinting: AtomicU8,
    /// One connection of a feed begins or ends at a time.
    pub(crate) feeding: Arc<Semaphore>,
}

impl PostgresStore {
    /// Creates or updates the tables and returns the number of migrations that ran.
    ///
    /// The migration is one transaction under an advisory lock, so that any number of instances can
    /// call this at startup. If there is nothing to do it only reads, so that a role without the
    /// right to create tables can call it. Tables of a later version of this crate are not
    /// changed.
    ///
    /// # Errors
    /// The errors of the server, or `Timeout` after a minute, for instance if another migration is
    /// running.
    ///
    /// ```no_run
    /// # use tollgate::stores::postgres::PostgresStore;
    /// # async fn start(store: PostgresStore) -> Result<(), tollgate::session::StoreError> {
    /// store.migrate().await?;
    /// assert_eq!(store.migrate().await?, 0, "the tables are up to date");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        migration::run(&self.shared).await
    }

    /// Removes all rows that have expired at `now` (in seconds since the epoch) in bounded batches,
    /// and returns their number. The store also removes a few batches with its writes, at most
    /// once per second. Call this if the service writes rarely, or to free disk space now.
    ///
    /// # Errors
    /// The errors of the server. Rows that were removed stay removed.
    ///
    /// ```no_run
    /// # use tollgate::stores::postgres::PostgresStore;
    /// # async fn purge(store: PostgresStore) -> Result<(), tollgate::session::StoreError> {
    /// let now = 1_700_000_000;
    /// store.purge(now).await?;
    /// assert_eq!(store.purge(now).await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn purge(&self, now: u64) -> Result<u64, StoreError> {
        purge::all(&self.shared, now).await
    }
}

impl fmt::Debug for PostgresStore {
    /// Omits the server's name and the role.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("names", &self.shared.names)
            .field("pool", &self.shared.pool)
            .finish_non_exhaustive()
    }
}
