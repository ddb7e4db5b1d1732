//! The store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio_postgres::Config;
use tollgate_session::StoreError;

use crate::connection::Dial;
use crate::pool::Pool;
use crate::statements::{Names, Statements};
use crate::{migration, purge};

/// Sessions and revocations in PostgreSQL. A clone is another handle on the same pool.
///
/// Every operation answers within the connect timeout and the statement timeout together; only a
/// [snapshot](tollgate_session::RevocationStore::snapshot) and [`migrate`](Self::migrate) have bounds of their own. A
/// connection that broke is replaced when it is next needed.
///
/// ```no_run
/// use tollgate_store_postgres::PostgresStore;
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
    pub(crate) statements: Statements,
    pub(crate) names: Names,
    pub(crate) snapshot_timeout: Duration,
    /// How a connection for listening is made.
    pub(crate) config: Config,
    pub(crate) dial: Arc<dyn Dial>,
    /// The second that expired rows were last looked for.
    pub(crate) purged_at: AtomicU64,
}

impl PostgresStore {
    /// Makes the tables, or brings them up to date; says how many steps that took, 0 if there was nothing to do.
    ///
    /// It is one transaction under an advisory lock, so that any number of instances can call it at their start. Where
    /// nothing is to be done it only reads, and a role that may not create tables can call it. Tables that a later version
    /// of this crate has made are left as they are.
    ///
    /// # Errors
    /// As the server's, or `Timeout` after a minute, which another migration may have taken.
    ///
    /// ```no_run
    /// # async fn start(store: tollgate_store_postgres::PostgresStore) -> Result<(), tollgate_session::StoreError> {
    /// store.migrate().await?;
    /// assert_eq!(store.migrate().await?, 0, "the second time there is nothing to do");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn migrate(&self) -> Result<usize, StoreError> {
        migration::run(&self.shared).await
    }

    /// Removes all that has expired at `now` (seconds since the epoch), a bounded batch at a time, and says how many rows
    /// that were. The store does so by itself, a little with each second in which it keeps something; this is for those who
    /// keep nothing for a long time, or want their disk back now.
    ///
    /// # Errors
    /// If the server does not answer, or may not be written to; what was removed by then stays so.
    ///
    /// ```no_run
    /// # async fn night(store: tollgate_store_postgres::PostgresStore) -> Result<(), tollgate_session::StoreError> {
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
    /// Without the server's name and the role.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("names", &self.shared.names)
            .field("pool", &self.shared.pool)
            .finish_non_exhaustive()
    }
}
