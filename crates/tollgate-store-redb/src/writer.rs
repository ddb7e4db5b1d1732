//! The thread that writes. Pending operations are committed together.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{broadcast, mpsc, oneshot};
use tollgate_session::{Announcement, Revocation, StoreError, StoreErrorKind, StoredSession};

use crate::database::Database;
use crate::failure::Failure;
use crate::tables::Tables;

/// The maximum number of pending operations. Further callers wait.
const WAITING: usize = 1024;
/// The maximum number of operations in a commit.
const TOGETHER: usize = 256;
/// The number of expired rows that are removed per operation.
const PURGED: usize = 4;
/// The number of announcements that may wait for a listener.
const BACKLOG: usize = 256;

/// A write operation.
#[derive(Debug)]
pub(crate) enum Operation {
    Insert(StoredSession),
    /// Replaces the session if it has this revision.
    Replace(StoredSession, u64),
    Revoke(Vec<Revocation>),
}

struct Request {
    operation: Operation,
    now: u64,
    reply: oneshot::Sender<Result<bool, StoreError>>,
}

/// The result of an operation, reported after the commit.
struct Done {
    result: Result<bool, StoreError>,
    announcement: Option<Announcement>,
}

pub(crate) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    announcements: broadcast::Sender<Announcement>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(database: Arc<Database>) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(WAITING);
        let announcements = broadcast::Sender::new(BACKLOG);
        let told = announcements.clone();
        let thread = std::thread::Builder::new()
            .name("tollgate-redb".to_owned())
            .spawn(move || run(&database, waiting, &told))
            .map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error.to_string()))?;
        Ok(Self {
            requests: Some(requests),
            announcements,
            thread: Some(thread),
        })
    }

    /// Waits until the operation is on disk. The operation is executed even if the caller stops
    /// waiting.
    pub(crate) async fn carry_out(
        &self,
        operation: Operation,
        now: u64,
    ) -> Result<bool, StoreError> {
        let gone = || StoreError::new(StoreErrorKind::Unavailable, "the writer thread has ended");
        let (reply, answer) = oneshot::channel();
        let request = Request {
            operation,
            now,
            reply,
        };
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(request).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Announcement> {
        self.announcements.subscribe()
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

fn run(
    database: &Database,
    mut waiting: mpsc::Receiver<Request>,
    announcements: &broadcast::Sender<Announcement>,
) {
    let mut batch = Vec::with_capacity(TOGETHER);
    while let Some(first) = waiting.blocking_recv() {
        batch.push(first);
        while batch.len() < TOGETHER
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        match database.with(|database| commit(database, &batch)) {
            Ok(done) => {
                for (request, done) in batch.drain(..).zip(done) {
                    if let Some(announcement) = done.announcement {
                        // There may be no listener.
                        let _ = announcements.send(announcement);
                    }
                    let _ = request.reply.send(done.result);
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

/// Executes the operations in order in one transaction and syncs it to disk.
fn commit(database: &redb::Database, batch: &[Request]) -> Result<Vec<Done>, Failure> {
    let transaction = database.begin_write()?;
    let mut tables = Tables::open(&transaction)?;
    let mut done = Vec::with_capacity(batch.len());
    for request in batch {
        done.push(match carry_out(&mut tables, request) {
            Ok(done) => done,
            Err(Failure::Row(what)) => Done {
                result: Err(Failure::Row(what).to_error()),
                announcement: None,
            },
            Err(failure) => return Err(failure),
        });
    }
    // The earliest of their times: an entry that has expired for one caller may not have for
    // another.
    if let Some(now) = batch.iter().map(|request| request.now).min() {
        tables.purge(now, PURGED * batch.len())?;
    }
    drop(tables);
    transaction.commit()?;
    Ok(done)
}

fn carry_out(tables: &mut Tables<'_>, request: &Request) -> Result<Done, Failure> {
    let now = request.now;
    let mut announcement = None;
    let result = match &request.operation {
        Operation::Insert(session) => tables.insert(session, now)?,
        Operation::Replace(session, expected) => tables.replace(session, *expected, now)?,
        Operation::Revoke(entries) => {
            announcement = Some(Announcement {
                position: tables.revoke(entries, now)?,
                entries: Some(entries.clone()),
            });
            true
        }
    };
    Ok(Done {
        result: Ok(result),
        announcement,
    })
}
