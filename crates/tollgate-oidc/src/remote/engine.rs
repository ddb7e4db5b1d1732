//! The task that fetches. No request drives a fetch, and none can stop one.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{timeout, timeout_at};

use super::Shared;
use super::schedule::Schedule;
use super::snapshot::{Snapshot, Times};
use crate::error::{OidcError, OidcErrorKind};
use crate::event::Event;
use crate::retrieval::{Retrieved, Retriever};

/// `true` if the last fetch returned keys, for waiting requests. The channel closes with the
/// engine.
pub(super) type Ended = bool;

/// Fetches when due, until dropped.
pub(super) struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) retriever: Retriever,
    pub(super) ended: watch::Sender<Ended>,
    /// Bounds the first fetch.
    pub(super) turn: Option<Turn>,
}

/// The permission of a first fetch, which is held until its end.
#[derive(Debug)]
pub(crate) enum Turn {
    Now(OwnedSemaphorePermit),
    /// The fetch waits for a permit.
    Later(Arc<Semaphore>),
}

impl Turn {
    async fn come(self) -> Option<OwnedSemaphorePermit> {
        match self {
            Self::Now(permit) => Some(permit),
            Self::Later(permits) => permits.acquire_owned().await.ok(),
        }
    }
}

impl Engine {
    /// Runs until dropped.
    pub(super) async fn run(mut self) {
        loop {
            let turn = match self.turn.take() {
                Some(turn) => turn.come().await,
                None => None,
            };
            if self.begin() {
                let _ = self.fetch().await;
            }
            drop(turn);
            self.expire();
            self.rest().await;
        }
    }

    /// Returns whether a fetch begins now.
    pub(super) fn begin(&self) -> bool {
        let mut schedule = self.shared.schedule();
        let begins = schedule.begin(self.shared.now());
        self.tell_readers(&schedule);
        begins
    }

    /// Makes the fetch that has begun, and publishes its outcome.
    pub(super) async fn fetch(&mut self) -> Result<(), OidcError> {
        let settings = &self.shared.settings;
        let retrieval = catch_panic(self.retriever.retrieve());
        let outcome = match timeout(settings.longest_retrieval(), retrieval).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(OidcError::new(
                OidcErrorKind::Unreachable,
                "the HTTP client panicked",
            )),
            Err(_) => Err(OidcError::new(
                OidcErrorKind::TimedOut,
                "the HTTP client did not respond",
            )),
        };
        let outcome = outcome.and_then(|retrieved| self.accept(retrieved));
        if let Err(error) = &outcome {
            self.fail(error.clone());
        }
        outcome
    }

    fn accept(&self, retrieved: Retrieved) -> Result<(), OidcError> {
        let shared = &*self.shared;
        let settings = &shared.settings;
        let before = shared.current.load_full();
        let (now, jitter) = (shared.now(), (settings.jitter)());
        let (found, said) = match retrieved {
            Retrieved::Changed(fresh) => (Some(fresh.found), fresh.life),
            Retrieved::Unchanged(fresh) => (None, fresh.life),
            Retrieved::Withdrawn => return Err(self.withdraw()),
        };
        let times = Times {
            now,
            clock: settings.clock.now(),
            life: settings.bounded_life(said),
            stale: settings.stale_if_error,
        };
        let changed = found.is_some();
        let after = match (found, before.as_deref()) {
            (Some(found), before) => Snapshot::changed(found, before, times),
            (None, Some(before)) => before.unchanged(times),
            (None, None) => {
                let detail = "the set is reported as unchanged, but there is none";
                return Err(OidcError::new(OidcErrorKind::Malformed, detail));
            }
        };
        let after = Arc::new(after);
        let brought: HashSet<_> = shared.names(&after.keys).collect();
        // The keys first: a request that is woken must find them.
        shared.current.store(Some(Arc::clone(&after)));
        let in_vain = {
            let mut schedule = shared.schedule();
            let in_vain = schedule.succeeded(now, times.life, jitter, &brought);
            schedule.expires(Some(after.expiry));
            self.ended.send_replace(true);
            in_vain
        };
        let source = Arc::clone(&shared.source);
        let (keys, life) = (after.keys.len(), times.life);
        if changed && !after.keys.tolerated().is_empty() {
            let tolerated = after.keys.tolerated().iter().map(ToString::to_string);
            let tolerated: Vec<_> = tolerated.collect();
            tracing::warn!(target: "tollgate", ?source, ?tolerated, "members of keys violate the standard and were tolerated");
        }
        shared.announce(&if changed {
            Event::Refreshed {
                source,
                keys,
                added: after.names_not_in(before.as_deref()),
                withdrawn: before.map_or_else(Vec::new, |before| before.names_not_in(Some(&after))),
                skipped: after.skipped(),
                life,
            }
        } else {
            Event::Unchanged { source, keys, life }
        });
        if let Some(in_vain) = in_vain {
            shared.announce(&Event::UnknownKey {
                source: Arc::clone(&shared.source),
                kid: in_vain.example,
                count: in_vain.count,
            });
        }
        Ok(())
    }

    /// Ends the keys, of which the issuer has withdrawn the last.
    fn withdraw(&self) -> OidcError {
        let shared = &*self.shared;
        let now = shared.now();
        let current = shared.current.load_full();
        if let Some(current) = current.filter(|current| current.is_usable(now)) {
            shared.current.store(Some(Arc::new(current.ended(now))));
            shared.schedule().expires(None);
            let source = Arc::clone(&shared.source);
            shared.announce(&Event::Withdrawn { source });
        }
        let detail = "the issuer has withdrawn its last key";
        OidcError::new(OidcErrorKind::NoUsableKey, detail)
    }

    fn fail(&self, error: OidcError) {
        let shared = &*self.shared;
        let (now, jitter) = (shared.now(), (shared.settings.jitter)());
        let consecutive = {
            let mut schedule = shared.schedule();
            schedule.failed(now, jitter, error.clone());
            self.tell_readers(&schedule);
            self.ended.send_replace(false);
            schedule.failures()
        };
        let expiry = shared.current.load().as_ref().map(|current| current.expiry);
        shared.announce(&Event::Failed {
            source: Arc::clone(&shared.source),
            error,
            consecutive,
            usable_for: expiry.map_or(Duration::ZERO, |expiry| expiry.saturating_sub(now)),
        });
    }

    /// Publishes the earliest next fetch to readers, which take no lock.
    fn tell_readers(&self, schedule: &Schedule) {
        let permitted = super::nanoseconds(schedule.permitted());
        self.shared.permitted.store(permitted, Ordering::Relaxed);
    }

    /// Reports once that the keys have expired.
    fn expire(&self) {
        let now = self.shared.now();
        if self.shared.schedule().has_expired(now) {
            let source = Arc::clone(&self.shared.source);
            self.shared.announce(&Event::Expired { source });
        }
    }

    /// Sleeps until the next action.
    async fn rest(&self) {
        let at = self.shared.schedule().next();
        let _ = timeout_at(self.shared.epoch + at, self.shared.wish.notified()).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.alive.store(false, Ordering::Relaxed);
    }
}

/// Returns the output of `future`, or `None` if it panics.
pub(super) async fn catch_panic<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        },
    )
    .await
}
