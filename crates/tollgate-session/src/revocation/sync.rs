//! The task that keeps the replica in sync with the store.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tollgate_core::Clock;

use super::health::{Health, Operation};
use super::replica::{OverFull, Replica};
use super::store::{Position, RevocationSnapshot, RevocationStore};
use crate::clock::SteadyClock;
use crate::store::{StoreError, StoreFuture, bounded};

/// The longest time between the starts of two reads of the store. No hint is needed for them.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// The time in which all hints become one.
const COALESCED: Duration = Duration::from_millis(50);
/// The first pause before a restart. It doubles each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause if there are more entries than fit, as reading them again soon does not help.
const OVER_FULL_PAUSE: Duration = Duration::from_secs(10);
/// The time between two purges.
const CLEANING: Duration = Duration::from_secs(10);
/// The time between two reads of the store's clock.
const CLOCK_READ: Duration = Duration::from_secs(60);
/// The factor by which the timeout of a snapshot is longer.
const SNAPSHOT_PATIENCE: u32 = 10;

/// The task that follows the store while the replica is in use.
pub(super) struct Follower {
    pub(super) store: Arc<dyn RevocationStore>,
    pub(super) replica: Arc<Replica>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
    pub(super) health: Arc<Health>,
    /// The largest skew to the store's clock that is not reported, in seconds.
    pub(super) supported_skew: u64,
    /// The clock of a store that has none.
    pub(super) steady: SteadyClock,
}

/// A reason why the replica is out of sync.
enum Lost {
    /// The store failed.
    Store(StoreError),
    /// The store cannot tell the changes, such as after its sequence restarted.
    Sequence,
    /// The clock was set back, so that entries which were dropped as expired may live again.
    Clock,
    /// There are more entries than the replica may hold.
    OverFull,
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<OverFull> for Lost {
    fn from(OverFull: OverFull) -> Self {
        Self::OverFull
    }
}

impl Follower {
    pub(super) async fn run(self) {
        let hints = Notify::new();
        let (mut listening, mut following) = (pin!(self.listen(&hints)), pin!(self.follow(&hints)));
        let mut timing = pin!(self.follow_clock());
        poll_fn(|context| {
            // None of them ends.
            let _ = listening.as_mut().poll(context);
            let _ = timing.as_mut().poll(context);
            following.as_mut().poll(context)
        })
        .await;
    }

    /// Forwards the hints of the store, at most one in [`COALESCED`]. Anyone may forge, suppress or
    /// repeat them, so they and the state of the feed decide only how soon the store is read.
    async fn listen(&self, hints: &Notify) {
        let mut pause = FIRST_PAUSE;
        loop {
            let start = Instant::now();
            let Err(error) = self.hear(hints).await;
            tracing::info!(target: "tollgate", %error, "no hints of revocations");
            if start.elapsed() >= LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn hear(&self, hints: &Notify) -> Result<Infallible, StoreError> {
        let mut feed = bounded(self.timeout, self.store.feed()).await?;
        loop {
            // The first time for calls before the subscription.
            hints.notify_one();
            sleep(COALESCED).await;
            feed.next().await?;
        }
    }

    /// Reads the store's clock, apart from the entries: a slow answer delays none of them.
    async fn follow_clock(&self) -> Infallible {
        loop {
            sleep(CLOCK_READ).await;
            self.read_clock().await;
        }
    }

    async fn read_clock(&self) {
        let before = self.clock.now();
        let read = self.watch(Operation::Clock, self.store.clock()).await;
        match read {
            Ok(Some(store)) => {
                let after = self.clock.now();
                self.replica.set_store_clock(store);
                self.health
                    .note_clock(store, before, after, self.supported_skew);
                self.record_skew();
            }
            Ok(None) => self.replica.set_store_clock(self.steady.now()),
            // The last one is carried on.
            Err(error) => {
                tracing::debug!(target: "tollgate", %error, "read of the store's clock failed");
            }
        }
    }

    async fn watch<T>(
        &self,
        operation: Operation,
        work: StoreFuture<'_, T>,
    ) -> Result<T, StoreError> {
        self.health.watch(operation, self.timeout, work).await
    }

    async fn follow(&self, hints: &Notify) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(lost) = self.try_follow(hints, &mut pause).await;
            self.replica.lose_sync();
            match lost {
                Lost::Store(error) => {
                    tracing::warn!(target: "tollgate", %error, "revocations out of sync");
                    sleep(pause).await;
                }
                Lost::Sequence => {
                    tracing::info!(target: "tollgate", "the sequence of revocations restarted");
                    sleep(pause).await;
                }
                Lost::Clock => {
                    tracing::info!(target: "tollgate", "the clock was set back");
                }
                Lost::OverFull => {
                    tracing::error!(target: "tollgate",
                        "more revocations than `max_entries`; querying the store for every token");
                    sleep(OVER_FULL_PAUSE).await;
                }
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Takes a snapshot, then reads the changes at each hint and at each heartbeat.
    async fn try_follow(&self, hints: &Notify, pause: &mut Duration) -> Result<Infallible, Lost> {
        let mut latest = self.clock.now();
        let mut at = self.take_snapshot(latest).await?;
        let mut asked = Instant::now();
        let mut cleaned = asked;
        loop {
            let _ = timeout_at(asked + HEARTBEAT, hints.notified()).await;
            // A complete answer proves that nothing was missing when the read started.
            asked = Instant::now();
            let now = self.clock.now();
            if now < latest {
                return Err(Lost::Clock);
            }
            latest = now;
            match self.changes(at, now).await {
                Ok(Some(changes)) => {
                    let learnt = self.replica.learn(&changes.entries, now);
                    self.record();
                    learnt?;
                    self.replica.confirm(asked);
                    at = changes.position;
                    *pause = FIRST_PAUSE;
                }
                Ok(None) => return Err(Lost::Sequence),
                // The next heartbeat reads again. Until then the confirmation ages.
                Err(error) if self.replica.is_in_sync() => {
                    tracing::debug!(target: "tollgate", %error, "read of revocations failed");
                }
                Err(error) => return Err(error.into()),
            }
            if cleaned.elapsed() >= CLEANING {
                cleaned = Instant::now();
                self.replica.purge(now);
            }
        }
    }

    /// Reads the changes after `at`; `None` if the store cannot tell them.
    async fn changes(
        &self,
        at: Position,
        now: u64,
    ) -> Result<Option<RevocationSnapshot>, StoreError> {
        let position = self
            .watch(Operation::Position, self.store.position())
            .await?;
        if position == at {
            let entries = Vec::new();
            return Ok(Some(RevocationSnapshot { position, entries }));
        }
        if position.epoch != at.epoch {
            return Ok(None);
        }
        let changes = self
            .watch(Operation::Changes, self.store.changes(at, now))
            .await?;
        // An older answer, such as of a server that lags behind, would lack entries.
        Ok(changes.filter(|changes| {
            changes.position.epoch == at.epoch && changes.position.sequence >= position.sequence
        }))
    }

    /// Reads all entries of the store into the replica and returns the position of the snapshot.
    async fn take_snapshot(&self, now: u64) -> Result<Position, Lost> {
        // First, as it decides which entries have ended.
        self.read_clock().await;
        let asked = Instant::now();
        let patience = self.timeout.saturating_mul(SNAPSHOT_PATIENCE);
        let snapshot = self
            .health
            .watch(Operation::Snapshot, patience, self.store.snapshot(now))
            .await?;
        self.replica.restart(now);
        let learnt = self.replica.learn(&snapshot.entries, now);
        self.record();
        learnt?;
        self.replica.confirm(asked);
        Ok(snapshot.position)
    }

    /// Reports the fill level of the replica.
    #[cfg(feature = "metrics")]
    #[allow(clippy::cast_precision_loss, reason = "exact for all sizes of memory")]
    fn record(&self) {
        let issuer = self.replica.issuer().to_owned();
        metrics::gauge!("tollgate_revocation_entries", "issuer" => issuer.clone())
            .set(self.replica.size().0 as f64);
        metrics::gauge!("tollgate_revocation_max_entries", "issuer" => issuer)
            .set(self.replica.most() as f64);
    }

    /// Reports the skew to the store's clock.
    #[cfg(feature = "metrics")]
    #[allow(clippy::cast_precision_loss, reason = "exact for all plausible skews")]
    fn record_skew(&self) {
        if let Some(skew) = self.health.skew() {
            let issuer = self.replica.issuer().to_owned();
            metrics::gauge!("tollgate_store_clock_skew_seconds", "issuer" => issuer)
                .set(skew as f64);
        }
    }

    #[cfg(not(feature = "metrics"))]
    #[allow(clippy::unused_self)]
    const fn record(&self) {}

    #[cfg(not(feature = "metrics"))]
    #[allow(clippy::unused_self)]
    const fn record_skew(&self) {}
}
