//! Statements on pooled connections, with timeouts.

use std::fmt;
use std::time::Duration;

use deadpool_postgres::{Object, PoolError, TimeoutType};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tollgate_session::{StoreError, StoreErrorKind};

use crate::failure::{Failure, Retry};

/// The parameters of a statement.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The maximum number of attempts, if another transaction conflicts or the connection has ended.
const TRIES: u32 = 8;

/// The connection pool and its timeouts.
pub(crate) struct Pool {
    pub(crate) connections: deadpool_postgres::Pool,
    /// The timeout for a free or new connection.
    pub(crate) connect_timeout: Duration,
    /// The timeout for the answer to a statement.
    pub(crate) statement_timeout: Duration,
}

impl Pool {
    /// Executes a statement that only reads.
    pub(crate) async fn read(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows(sql, parameters, true).await
    }

    /// Executes a statement that writes. It is retried only if the server reports that nothing was
    /// done.
    pub(crate) async fn write(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows(sql, parameters, false).await
    }

    async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
        reading: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let end = Instant::now() + self.connect_timeout + self.statement_timeout;
        let mut tries = 1;
        loop {
            let mut lease = self.lease_until(end).await?;
            let bound = end.min(Instant::now() + self.statement_timeout);
            let answer = match timeout_at(bound, lease.rows(sql, parameters)).await {
                Ok(answer) => answer,
                Err(_) => Err(Failure::timeout("no answer to a statement")),
            };
            match answer {
                Ok(rows) => {
                    lease.settle(true);
                    return Ok(rows);
                }
                Err(failure) => {
                    lease.settle(failure.keeps_connection);
                    let again = failure.retry == Retry::Always
                        || (failure.retry == Retry::IfReading && reading);
                    if !again || tries == TRIES || Instant::now() >= end {
                        return Err(failure.error);
                    }
                }
            }
            tries += 1;
        }
    }

    /// Takes a connection from the pool.
    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        self.lease_until(Instant::now() + self.connect_timeout)
            .await
    }

    async fn lease_until(&self, end: Instant) -> Result<Lease, StoreError> {
        let bound = end.min(Instant::now() + self.connect_timeout);
        match timeout_at(bound, self.connections.get()).await {
            Ok(Ok(connection)) => Ok(Lease {
                connection: Some(connection),
                drain: self.statement_timeout,
            }),
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Err(StoreError::new(
                StoreErrorKind::Timeout,
                "no free or new connection",
            )),
        }
    }
}

fn refused(error: PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => Failure::from(error).error,
        PoolError::Timeout(which) => StoreError::new(
            StoreErrorKind::Timeout,
            match which {
                TimeoutType::Wait => "no free connection",
                TimeoutType::Create => "connecting failed",
                TimeoutType::Recycle => "a connection did not answer",
            },
        ),
        PoolError::Closed => StoreError::new(StoreErrorKind::Unavailable, "the pool is closed"),
        PoolError::NoRuntimeSpecified => StoreError::new(
            StoreErrorKind::Unavailable,
            "the pool has timeouts but no runtime",
        ),
        PoolError::PostCreateHook(_) => {
            StoreError::new(StoreErrorKind::Unavailable, "a hook of the pool failed")
        }
    }
}

/// A connection on loan. If the caller drops it while an answer is pending, it returns to the pool
/// after the answer, or is closed if there is none.
pub(crate) struct Lease {
    connection: Option<Object>,
    drain: Duration,
}

impl Lease {
    /// The connection.
    pub(crate) fn connection(&mut self) -> Result<&mut Object, Failure> {
        self.connection.as_mut().ok_or_else(|| Failure {
            error: StoreError::new(
                StoreErrorKind::Unavailable,
                "the connection was returned to the pool",
            ),
            keeps_connection: false,
            retry: Retry::Never,
        })
    }

    async fn rows(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, Failure> {
        let connection = self.connection()?;
        let statement = connection.prepare_cached(sql).await?;
        Ok(connection.query(&statement, parameters).await?)
    }

    /// Returns the connection to the pool, or closes it if it must not be used again.
    pub(crate) fn settle(mut self, keep: bool) {
        if let Some(connection) = self.connection.take()
            && !keep
        {
            close(connection);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(drain(connection, self.drain))),
            Err(_) => close(connection),
        }
    }
}

async fn drain(connection: Object, bound: Duration) {
    // Answers arrive in order: after this one none is pending.
    if !matches!(timeout(bound, connection.simple_query("")).await, Ok(Ok(_))) {
        close(connection);
    }
}

fn close(connection: Object) {
    drop(Object::take(connection));
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("status", &self.connections.status())
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}
