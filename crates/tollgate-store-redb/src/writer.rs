//! The thread that writes. Pending operations are committed together.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use tollgate_session::{Revocation, StoreError, StoreErrorKind, StoredSession};

use crate::database::Database;
use crate::failure::Failure;
use crate::writing::Tables;

/// The maximum number of pending operations. Further callers wait.
const WAITING: usize = 1024;
/// The maximum number of operations in a commit.
const TOGETHER: usize = 256;
/// The number of expired rows that are removed per operation.
const PURGED: usize = 4;

/// A write operation.
#[derive(Debug)]
pub(crate) enum Operation {
    Insert(StoredSession),
    /// Replaces the session if it has this revision.
    Replace(StoredSession, u64),
    /// Removes the sessions of this subject.
    Forget(String),
    Revoke(Vec<Revocation>),
}

struct Request {
    operation: Operation,
    now: u64,
    /// The time up to which revocations have ended.
    ended: u64,
    reply: oneshot::Sender<Result<usize, StoreError>>,
}

pub(crate) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    hints: watch::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(database: Arc<Database>) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(WAITING);
        let hints = watch::Sender::new(());
        let hinted = hints.clone();
        let thread = std::thread::Builder::new()
            .name("tollgate-redb".to_owned())
            .spawn(move || run(&database, waiting, &hinted))
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error.to_string()))?;
        Ok(Self {
            requests: Some(requests),
            hints,
            thread: Some(thread),
        })
    }

    /// Waits until the operation is on disk. The operation is executed even if the caller stops
    /// waiting.
    pub(crate) async fn carry_out(
        &self,
        operation: Operation,
        now: u64,
        ended: u64,
    ) -> Result<usize, StoreError> {
        let gone = || StoreError::new(StoreErrorKind::Unavailable, "the writer thread has ended");
        let (reply, answer) = oneshot::channel();
        let request = Request {
            operation,
            now,
            ended,
            reply,
        };
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(request).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.hints.subscribe()
    }
}

impl Drop for Writer {
    /// Waits for all accepted operations, so that the file is closed afterwards.
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

fn run(database: &Database, mut waiting: mpsc::Receiver<Request>, hints: &watch::Sender<()>) {
    let mut batch = Vec::with_capacity(TOGETHER);
    let mut purged = None;
    while let Some(first) = waiting.blocking_recv() {
        batch.push(first);
        while batch.len() < TOGETHER
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        match database.with(|database| commit(database, &batch, &mut purged)) {
            Ok(results) => {
                let revokes = |request: &Request| matches!(request.operation, Operation::Revoke(_));
                if batch.iter().any(revokes) {
                    hints.send_replace(());
                }
                for (request, result) in batch.drain(..).zip(results) {
                    let _ = request.reply.send(result);
                }
            }
            Err(error) => {
                tracing::error!(target: "tollgate", %error, "write failed");
                for request in batch.drain(..) {
                    let _ = request.reply.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Executes the operations in order in one transaction and syncs it to disk. `purged` is the last
/// time for which no expired row was left; a further look in the same second would find none.
fn commit(
    database: &redb::Database,
    batch: &[Request],
    purged: &mut Option<u64>,
) -> Result<Vec<Result<usize, StoreError>>, Failure> {
    let transaction = database.begin_write()?;
    let mut tables = Tables::of(&transaction);
    let mut results = Vec::with_capacity(batch.len());
    for request in batch {
        results.push(match carry_out(&mut tables, request) {
            Ok(result) => Ok(result),
            Err(Failure::Row(what)) => Err(Failure::Row(what).to_error()),
            Err(failure) => return Err(failure),
        });
    }
    // The earliest of their times: an entry that has expired for one caller may not have for
    // another.
    let now = batch.iter().map(|request| request.now).min();
    let none_left = match now {
        Some(now) if *purged != Some(now) => tables.purge(now, PURGED * batch.len())?,
        _ => false,
    };
    drop(tables);
    transaction.commit()?;
    if none_left {
        *purged = now;
    }
    Ok(results)
}

/// Returns the number of sessions that were written or removed.
fn carry_out(tables: &mut Tables<'_>, request: &Request) -> Result<usize, Failure> {
    let now = request.now;
    match &request.operation {
        Operation::Insert(session) => tables.insert(session, now).map(usize::from),
        Operation::Replace(session, expected) => {
            tables.replace(session, *expected, now).map(usize::from)
        }
        Operation::Forget(subject) => tables.forget(subject),
        Operation::Revoke(entries) => tables.revoke(entries, request.ended).map(|()| 0),
    }
}
