//! The last failures of a store and the skew of its clock, as a status shows them.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{StoreError, StoreErrorKind, StoreFuture, bounded};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// The time for which a failed operation makes the status show the store as failing. An operation
/// that is not tried again, such as while a readiness probe keeps the requests away, must not do so
/// for ever.
const RECENT: Duration = Duration::from_secs(5);

/// A kind of operation on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Revoke,
    Find,
    Snapshot,
    Position,
    Changes,
    Clock,
    ReadSession,
    ListSessions,
    AddSession,
    WriteSession,
    ConfirmSession,
    ForgetSubject,
    /// An operation of the sessions, with all its steps.
    Whole,
}

impl Operation {
    const NAMES: [&'static str; 13] = [
        "revoke",
        "find",
        "snapshot",
        "position",
        "changes",
        "clock",
        "read session",
        "read session",
        "write session",
        "write session",
        "write session",
        "forget subject",
        "session operation",
    ];
}

/// The last failure of an operation on a store that has not succeeded since.
///
/// ```
/// use tollgate::session::{MemoryStore, Revocations, StoreErrorKind};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let revocations = Revocations::builder(MemoryStore::new(1, 0), "https://id.example.com")
///     .build()?;
/// assert!(revocations.revoke_key("2030-12").await.is_err(), "the store has no room");
/// let failure = revocations.status().last_error.expect("it is remembered");
/// assert_eq!((failure.operation, failure.kind), ("revoke", StoreErrorKind::Full));
/// # Ok::<(), tollgate::ConfigError>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreFailure {
    /// The operation: a method of [`RevocationStore`](crate::RevocationStore), `read session`,
    /// `write session`, or `session operation` if its steps together took too long.
    pub operation: &'static str,
    /// The kind of the error.
    pub kind: StoreErrorKind,
    /// The time since the failure.
    pub age: Duration,
}

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = StoreError::new(self.kind, "");
        let seconds = self.age.as_secs();
        write!(f, "`{}` failed {seconds} s ago: {kind}", self.operation)
    }
}

#[derive(Default)]
pub(crate) struct Health {
    /// One bit for each operation whose last execution failed.
    failing: AtomicU32,
    failures: Mutex<[Option<(StoreErrorKind, Instant)>; Operation::NAMES.len()]>,
    skew: Mutex<Skew>,
}

#[derive(Default)]
struct Skew {
    /// The last skew, in seconds.
    current: Option<i64>,
    /// The skew of the last log entry.
    logged: i64,
}

impl Health {
    /// Executes an operation on the store, bounded by `timeout`, and remembers a failure.
    pub(crate) async fn watch<T>(
        &self,
        operation: Operation,
        timeout: Duration,
        work: StoreFuture<'_, T>,
    ) -> Result<T, StoreError> {
        let mut unfinished = Unfinished {
            health: self,
            operation,
            timeout,
            start: Some(Instant::now()),
        };
        let result = bounded(timeout, work).await;
        unfinished.start = None;
        match &result {
            Ok(_) => self.succeed(operation),
            Err(error) => self.fail(operation, error.kind()),
        }
        result
    }

    fn succeed(&self, operation: Operation) {
        let bit = 1 << operation as u32;
        if self.failing.load(Ordering::Relaxed) & bit != 0 {
            self.failures()[operation as usize] = None;
            self.failing.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    fn fail(&self, operation: Operation, kind: StoreErrorKind) {
        self.failures()[operation as usize] = Some((kind, Instant::now()));
        self.failing
            .fetch_or(1 << operation as u32, Ordering::Relaxed);
    }

    /// The most recent failure of an operation that has not succeeded since.
    pub(super) fn last_error(&self) -> Option<StoreFailure> {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let failures = self.failures();
        let failed = failures.iter().zip(Operation::NAMES);
        let failed = failed.filter_map(|(failure, name)| Some((name, (*failure)?)));
        let (operation, (kind, at)) = failed.max_by_key(|(_, (_, at))| *at)?;
        Some(StoreFailure {
            operation,
            kind,
            age: at.elapsed(),
        })
    }

    /// Returns whether the store fails: an operation failed a moment ago and has not succeeded
    /// since. One malformed session is no failure of the store, and a store may have no clock.
    pub(super) fn is_failing(&self) -> bool {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let failures = self.failures();
        failures.iter().enumerate().any(|(index, failure)| {
            failure.is_some_and(|(kind, at)| {
                index != Operation::Clock as usize
                    && (kind != StoreErrorKind::Corrupt || !reads_records(index))
                    && at.elapsed() < RECENT
            })
        })
    }

    /// The caller's clock minus the store's, in seconds; `None` if unknown.
    /// Notes the end of an operation of the sessions. A store can be slow although no step fails.
    pub(super) fn note_whole(&self, too_late: bool) {
        if !too_late {
            self.succeed(Operation::Whole);
        } else if !self.is_failing() {
            self.fail(Operation::Whole, StoreErrorKind::Timeout);
        }
    }

    pub(super) fn skew(&self) -> Option<i64> {
        self.skew_now().current
    }

    /// Remembers the skew of a read of the store's clock, which showed `store` while the caller's
    /// showed the times in between `before` and `after`. Logs each change to or from a skew beyond
    /// `supported` seconds.
    pub(super) fn note_clock(&self, store: u64, before: u64, after: u64, supported: u64) {
        let signed = |seconds| i64::try_from(seconds).unwrap_or(i64::MAX);
        let (first, last) = (before.min(after), before.max(after));
        // The least that explains the answer, however long it took.
        let (got, skew) = if store < first {
            (first, signed(first - store))
        } else if store > last {
            (last, -signed(store - last))
        } else {
            (store, 0)
        };
        let mut noted = self.skew_now();
        noted.current = Some(skew);
        if skew.unsigned_abs() > supported {
            if noted.logged.abs_diff(skew) > supported {
                noted.logged = skew;
                tracing::warn!(target: "tollgate", expected = store, got, skew,
                    "the clock differs from the store's by more than half the leeway");
            }
        } else if noted.logged != 0 {
            noted.logged = 0;
            tracing::info!(target: "tollgate", skew, "the clock agrees with the store's again");
        }
    }

    fn failures(
        &self,
    ) -> MutexGuard<'_, [Option<(StoreErrorKind, Instant)>; Operation::NAMES.len()]> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn skew_now(&self) -> MutexGuard<'_, Skew> {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An operation in progress. A caller with a timeout of its own may give it up.
/// Returns whether an operation reads or writes one record, which may be malformed.
const fn reads_records(index: usize) -> bool {
    index >= Operation::ReadSession as usize
}

struct Unfinished<'a> {
    health: &'a Health,
    operation: Operation,
    timeout: Duration,
    start: Option<Instant>,
}

impl Drop for Unfinished<'_> {
    /// An operation that was given up counts as timed out if it took at least half the timeout. A
    /// client that closes its connection soon proves nothing about the store.
    fn drop(&mut self) {
        if self
            .start
            .is_some_and(|start| start.elapsed() >= self.timeout / 2)
        {
            self.health.fail(self.operation, StoreErrorKind::Timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn run(health: &Health, operation: Operation, error: Option<StoreErrorKind>) {
        let result = error.map_or(Ok(()), |kind| Err(StoreError::new(kind, "")));
        let _ = health
            .watch(operation, SECOND, Box::pin(ready(result)))
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shown_until_the_operation_succeeds() {
        let health = Health::default();
        assert!(health.last_error().is_none() && !health.is_failing());
        run(&health, Operation::Find, Some(StoreErrorKind::Denied)).await;
        tokio::time::sleep(SECOND).await;
        run(
            &health,
            Operation::WriteSession,
            Some(StoreErrorKind::ReadOnly),
        )
        .await;
        run(&health, Operation::ReadSession, None).await;
        let last = health.last_error().unwrap();
        assert_eq!(
            (last.operation, last.kind),
            ("write session", StoreErrorKind::ReadOnly)
        );
        run(&health, Operation::WriteSession, None).await;
        let last = health.last_error().unwrap();
        assert_eq!((last.operation, last.age), ("find", SECOND));
        assert_eq!(
            last.to_string(),
            "`find` failed 1 s ago: the store denied access"
        );
        assert!(health.is_failing());
        tokio::time::sleep(RECENT).await;
        assert!(!health.is_failing(), "a failure ages");
        assert!(health.last_error().is_some());
        run(&health, Operation::Find, None).await;
        assert!(health.last_error().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_malformed_record_or_a_missing_clock_is_no_failure_of_the_store() {
        let health = Health::default();
        run(
            &health,
            Operation::ReadSession,
            Some(StoreErrorKind::Corrupt),
        )
        .await;
        run(&health, Operation::Clock, Some(StoreErrorKind::Denied)).await;
        assert!(!health.is_failing() && health.last_error().is_some());
        run(&health, Operation::Find, Some(StoreErrorKind::Corrupt)).await;
        assert!(health.is_failing(), "no revocation can be read");
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_was_given_up_late_has_timed_out() {
        let health = Health::default();
        for (patience, failed) in [(SECOND / 4, false), (SECOND * 3 / 4, true)] {
            let hanging = health.watch(
                Operation::ReadSession,
                SECOND,
                Box::pin(pending::<Result<(), StoreError>>()),
            );
            tokio::time::timeout(patience, hanging).await.unwrap_err();
            let kind = health.last_error().map(|error| error.kind);
            assert_eq!(kind, failed.then_some(StoreErrorKind::Timeout));
        }
    }

    #[test]
    fn a_slow_answer_is_no_skew() {
        let health = Health::default();
        for (store, before, after, skew) in [
            (100, 100, 100, 0),
            (100, 90, 110, 0),
            (100, 103, 110, 3),
            (100, 20, 30, -70),
            (100, 110, 90, 0), // set back meanwhile
            (0, u64::MAX, u64::MAX, i64::MAX),
            (u64::MAX, 0, 0, -i64::MAX),
        ] {
            health.note_clock(store, before, after, 30);
            assert_eq!(health.skew(), Some(skew), "{store} {before} {after}");
        }
    }
}
