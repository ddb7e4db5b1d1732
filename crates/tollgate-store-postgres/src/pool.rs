//! A bounded set of connections, and statements with timeouts.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Row;
use tollgate_session::{StoreError, StoreErrorKind};

use crate::connection::{Dialer, Link, Parameters};
use crate::failure::{Failure, Retry};

/// The maximum number of attempts, if another transaction conflicts or the connection has ended.
const TRIES: u32 = 8;

/// The time for the answer to an abandoned statement, before the server is asked to cancel it.
const LATE: Duration = Duration::from_millis(50);

/// The time after which a connection is given up on which nothing arrives. By then TCP has closed
/// it if the other side is gone (see `builder`).
pub(crate) const HOPELESS: Duration = Duration::from_secs(30);

/// Ends the session by the server, so that its end is known when the connection is closed.
pub(crate) const TERMINATE: &str =
    "SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())";

/// The kind of an operation. Each has a connection that the others cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// A read of revocations. It may use all connections.
    Reading = 1,
    /// A revocation. It may use all connections but one.
    Revoking = 2,
    /// An operation on sessions. It may use all connections but two.
    Sessions = 3,
}

/// A bounded set of connections. A slot is free again only when its connection is idle, or the
/// server has closed it.
pub(crate) struct Pool(Arc<Slots>);

struct Slots {
    dialer: Dialer,
    /// The pool that the user configured.
    given: Option<deadpool_postgres::Pool>,
    idle: Mutex<Vec<Link>>,
    /// The slots, the part of them for writes, and the part of that for sessions.
    permits: [Arc<Semaphore>; 3],
    most: usize,
    /// The number of slots that wait for the server, without a caller.
    stuck: AtomicUsize,
    times: Times,
}

/// The timeouts of an operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// For a free or new connection.
    pub(crate) connect: Duration,
    /// For the answer to a statement.
    pub(crate) statement: Duration,
}

impl Pool {
    /// Creates a pool of at most so many connections. They are taken from `given`, or else made.
    pub(crate) fn new(
        dialer: Dialer,
        given: Option<deadpool_postgres::Pool>,
        most: usize,
        times: Times,
    ) -> Self {
        let permits = [0, 1, 2].map(|kept| {
            let part = most.saturating_sub(kept).max(1);
            Arc::new(Semaphore::new(part.min(Semaphore::MAX_PERMITS)))
        });
        Self(Arc::new(Slots {
            dialer,
            given,
            idle: Mutex::default(),
            permits,
            most,
            stuck: AtomicUsize::new(0),
            times,
        }))
    }

    /// Executes a statement that only reads.
    pub(crate) async fn read(
        &self,
        of: Use,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows(of, sql, parameters, true).await
    }

    /// Executes a statement that writes. It is retried only if the server reports that nothing was
    /// done.
    pub(crate) async fn write(
        &self,
        of: Use,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.rows(of, sql, parameters, false).await
    }

    async fn rows(
        &self,
        of: Use,
        sql: &str,
        parameters: Parameters<'_>,
        reading: bool,
    ) -> Result<Vec<Row>, StoreError> {
        let times = self.0.times;
        let end = Instant::now() + times.connect + times.statement;
        let mut tries = 1;
        loop {
            let lease = self.lease_until(of, end).await?;
            let bound = end.min(Instant::now() + times.statement);
            let answer = match timeout_at(bound, lease.rows(sql, parameters, reading)).await {
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

    /// Takes a connection.
    pub(crate) async fn lease(&self, of: Use) -> Result<Lease, StoreError> {
        self.lease_until(of, Instant::now() + self.0.times.connect)
            .await
    }

    async fn lease_until(&self, of: Use, end: Instant) -> Result<Lease, StoreError> {
        let slots = &self.0;
        let start = Instant::now();
        // Earlier than the timeouts of the callers, so that they learn the cause.
        let Ok(permit) = timeout_at(
            end.min(start + slots.times.connect * 4 / 5),
            slots.permit(of),
        )
        .await
        else {
            return Err(slots.exhausted());
        };
        if let Some(link) = slots.take_idle() {
            return Ok(Lease::new(slots, link, permit));
        }
        // An attempt to connect keeps its slot if its caller stops waiting.
        let (send, connected) = oneshot::channel();
        let task = Arc::clone(slots);
        tokio::spawn(async move {
            let _stuck = Stuck::new(&task);
            let link = match timeout(HOPELESS, task.connect()).await {
                Ok(Ok(link)) => Ok(Lease::new(&task, link, permit)),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(connect_timeout()),
            };
            if let Err(Ok(lease)) = send.send(link) {
                lease.settle(true);
            }
        });
        match timeout_at(end.min(start + slots.times.connect), connected).await {
            Ok(Ok(lease)) => lease,
            Ok(Err(_)) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "the runtime is shutting down",
            )),
            Err(_) => Err(connect_timeout()),
        }
    }
}

pub(crate) fn connect_timeout() -> StoreError {
    StoreError::new(
        StoreErrorKind::Timeout,
        "no answer to an attempt to connect",
    )
}

fn refused(error: PoolError) -> StoreError {
    let (kind, text) = match error {
        PoolError::Backend(error) => return Failure::from(error).error,
        PoolError::Timeout(_) => (StoreErrorKind::Exhausted, "a timeout of the pool passed"),
        PoolError::Closed => (StoreErrorKind::Unavailable, "the pool is closed"),
        PoolError::NoRuntimeSpecified => (
            StoreErrorKind::Unavailable,
            "the pool has timeouts but no runtime",
        ),
        PoolError::PostCreateHook(_) => (StoreErrorKind::Unavailable, "a hook of the pool failed"),
    };
    StoreError::new(kind, text)
}

impl Slots {
    async fn permit(&self, of: Use) -> Vec<OwnedSemaphorePermit> {
        let mut held = Vec::with_capacity(of as usize);
        for permits in self.permits[..of as usize].iter().rev() {
            // The semaphores are never closed.
            held.extend(Arc::clone(permits).acquire_owned().await);
        }
        held
    }

    async fn connect(&self) -> Result<Link, StoreError> {
        if let Some(pool) = &self.given {
            return pool.get().await.map(Link::Given).map_err(refused);
        }
        let opened = Link::open(&self.dialer).await;
        opened.map_err(|error| Failure::from(error).error)
    }

    fn take_idle(&self) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(link) = idle.pop() {
            if !link.is_closed() {
                return Some(link);
            }
        }
        None
    }

    fn give_back(&self, link: Link) {
        // A connection of another pool returns to it on drop.
        if let Link::Own { .. } = link {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(link);
        }
    }

    fn exhausted(&self) -> StoreError {
        let stuck = self.stuck.load(Ordering::Relaxed);
        let most = self.most;
        if stuck >= most {
            return StoreError::new(
                StoreErrorKind::Timeout,
                format!("the server does not answer on any of the {most} connections"),
            );
        }
        StoreError::new(
            StoreErrorKind::Exhausted,
            format!(
                "all connections that this operation may use are in use: `max_connections` is \
                 {most}, {stuck} wait for an answer of the server"
            ),
        )
    }
}

/// Counts a slot as stuck while it exists.
struct Stuck(Arc<Slots>);

impl Stuck {
    fn new(slots: &Arc<Slots>) -> Self {
        slots.stuck.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(slots))
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.0.stuck.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection on loan with its slot. If it is dropped while an answer is pending, the statement
/// is cancelled, and the slot stays occupied until the server has answered or closed.
pub(crate) struct Lease(Option<Loan>);

struct Loan {
    slots: Arc<Slots>,
    link: Link,
    permit: Vec<OwnedSemaphorePermit>,
}

impl Lease {
    fn new(slots: &Arc<Slots>, link: Link, permit: Vec<OwnedSemaphorePermit>) -> Self {
        Self(Some(Loan {
            slots: Arc::clone(slots),
            link,
            permit,
        }))
    }

    /// The connection.
    pub(crate) fn link(&mut self) -> Result<&mut Link, Failure> {
        let loan = self.0.as_mut();
        loan.map(|loan| &mut loan.link).ok_or_else(returned)
    }

    /// Executes a statement.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
        reading: bool,
    ) -> Result<Vec<Row>, Failure> {
        let link = &self.0.as_ref().ok_or_else(returned)?.link;
        if reading {
            return Ok(link.rows(sql, parameters).await?);
        }
        link.expect_no_warning();
        let rows = link.rows(sql, parameters).await?;
        if link.was_warned() {
            return Err(Failure {
                keeps_connection: true,
                ..Failure::timeout("the wait for a synchronous standby was cancelled")
            });
        }
        Ok(rows)
    }

    /// Gives the connection back, or ends it if it must not be used again.
    pub(crate) fn settle(mut self, keep: bool) {
        let Some(loan) = self.0.take() else {
            return;
        };
        if keep && !loan.link.is_closed() {
            loan.slots.give_back(loan.link);
        } else {
            loan.release(false);
        }
    }
}

fn returned() -> Failure {
    StoreError::new(StoreErrorKind::Unavailable, "the connection was given back").into()
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(loan) = self.0.take() {
            loan.release(true);
        }
    }
}

impl Loan {
    /// Ends what happens on the connection, without waiting.
    fn release(self, reuse: bool) {
        // Without a runtime there is no connection either.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            let Self {
                slots,
                link,
                permit,
            } = self;
            let _stuck = Stuck::new(&slots);
            if let Some(link) = end(&slots.dialer, link, reuse).await {
                slots.give_back(link);
            }
            drop(permit);
        });
    }
}

/// Waits until the server has answered the pending statement, which it is asked to cancel unless
/// there is a pooler in between, or has closed the connection. Returns the connection if it can be
/// used again.
async fn end(dialer: &Dialer, link: Link, reuse: bool) -> Option<Link> {
    if answers(dialer, &link, reuse).await {
        return Some(link);
    }
    link.close();
    None
}

/// Returns `true` if the connection can be used again. Otherwise nothing is pending on it.
async fn answers(dialer: &Dialer, link: &Link, reuse: bool) -> bool {
    // Answers arrive in order: after this one none is pending.
    let answered = async { link.simple_query("").await.is_ok() };
    let mut answered = pin!(answered);
    let mut open = match timeout(LATE, &mut answered).await {
        Ok(true) if reuse => return true,
        Ok(open) => Some(open),
        Err(_) => None,
    };
    if dialer.is_pooled() {
        // PgBouncer 1.18 can end, with all its connections, at a request to cancel. If this side
        // closed first, its session would go on at the server, and PgBouncer would begin another.
        if open.is_none() {
            answered.await;
        }
        return false;
    }
    // A later statement could be cancelled instead, so the connection is not used again.
    if open != Some(true) {
        let token = link.cancel_token();
        let mut pause = Duration::from_millis(500);
        let hopeless = Instant::now() + HOPELESS;
        loop {
            // A request that does not get through is repeated.
            let _ = timeout(Duration::from_secs(1), dialer.dial.cancel(token.clone())).await;
            if open.is_some() || Instant::now() >= hopeless {
                break;
            }
            open = timeout(pause, &mut answered).await.ok();
            if open.is_some() {
                break;
            }
            pause *= 2;
        }
    }
    if open == Some(true) {
        // Without the right to the function the connection is closed by this side.
        let ended = async {
            let _ = link.simple_query(TERMINATE).await;
            let _ = link.simple_query("").await;
        };
        let _ = timeout(Duration::from_secs(1), ended).await;
    }
    false
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("max_connections", &self.0.most)
            .field("free", &self.0.permits[0].available_permits())
            .field("times", &self.0.times)
            .finish_non_exhaustive()
    }
}
