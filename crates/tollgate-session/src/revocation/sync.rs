//! The task that keeps the replica in sync with the store.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};
use tollgate_core::Clock;

use super::replica::{OverFull, Replica};
use super::store::{Announcement, Position, RevocationFeed, RevocationStore};
use crate::store::{StoreError, StoreFuture, bounded};

/// The interval between queries for the store's position.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// The time that the feed may lag behind the store's position before an announcement counts as
/// lost.
const CATCH_UP: Duration = Duration::from_millis(500);
/// The first pause before a restart. It doubles each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause if there are more entries than fit, as reading them again soon does not help.
const OVER_FULL_PAUSE: Duration = Duration::from_secs(10);
/// The number of heartbeats between two purges.
const CLEANING: u32 = 40;
/// The factor by which the timeout of a snapshot is longer.
const SNAPSHOT_PATIENCE: u32 = 10;

/// The task that follows the store while the replica is in use.
pub(super) struct Follower {
    pub(super) store: Arc<dyn RevocationStore>,
    pub(super) replica: Arc<Replica>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
}

/// A reason why the replica is out of sync.
enum Lost {
    /// The store failed.
    Store(StoreError),
    /// An announcement was lost, or the store's sequence restarted.
    Announcement,
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

/// An event that the follower handles.
enum Event {
    Announced(Result<Announcement, StoreError>),
    Position(Result<Position, StoreError>),
    Beat,
}

/// A pending query for the store's position.
struct Question<'a> {
    asked: Instant,
    /// The position of the replica when the query started.
    from: Position,
    answer: StoreFuture<'a, Position>,
}

impl Follower {
    pub(super) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let lost = self.follow(&mut pause).await;
            self.replica.lose_sync();
            match lost {
                Lost::Store(error) => {
                    tracing::warn!(target: "tollgate", %error, "revocations out of sync");
                    sleep(pause).await;
                }
                Lost::Announcement => {
                    tracing::info!(target: "tollgate", "revocation announcement lost");
                    sleep(pause).await;
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

    /// Subscribes, takes a snapshot, then applies announcements until one is missing.
    async fn follow(&self, pause: &mut Duration) -> Lost {
        match self.try_follow(pause).await {
            Ok(never) => match never {},
            Err(lost) => lost,
        }
    }

    async fn try_follow(&self, pause: &mut Duration) -> Result<std::convert::Infallible, Lost> {
        let mut feed = bounded(self.timeout, self.store.feed()).await?;
        let mut at = self.take_snapshot().await?;
        let mut beats = interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cleaning = CLEANING;
        let mut question: Option<Question<'_>> = None;
        // The position of the store that the feed has not reached yet, and when the query for it
        // started.
        let mut awaited: Option<(Instant, Position)> = None;
        loop {
            match next_event(&mut *feed, question.as_mut(), &mut beats).await {
                Event::Announced(announcement) => {
                    let announcement = announcement?;
                    if announcement.position.epoch == at.epoch
                        && announcement.position.sequence <= at.sequence
                    {
                        continue; // the snapshot had it
                    }
                    if !announcement.position.follows(at) {
                        return Err(Lost::Announcement);
                    }
                    if let Some(entries) = &announcement.entries {
                        self.replica.learn(entries, self.clock.now())?;
                        at = announcement.position;
                    } else {
                        self.replica.lose_sync();
                        let taken = self.take_snapshot().await?;
                        if taken.epoch != announcement.position.epoch
                            || taken.sequence < announcement.position.sequence
                        {
                            return Err(Lost::Announcement);
                        }
                        at = taken;
                    }
                    if let Some((asked, position)) = awaited
                        && at.sequence >= position.sequence
                    {
                        self.replica.confirm(asked);
                        awaited = None;
                    }
                }
                Event::Position(answer) => {
                    let Some(Question { asked, from, .. }) = question.take() else {
                        continue;
                    };
                    match answer {
                        Ok(position)
                            if position.epoch != at.epoch || position.sequence < from.sequence =>
                        {
                            return Err(Lost::Announcement);
                        }
                        Ok(position) if position.sequence <= at.sequence => {
                            self.replica.confirm(asked);
                            *pause = FIRST_PAUSE;
                        }
                        Ok(position) => awaited = Some((asked, position)),
                        // The next heartbeat queries again. Until then the confirmation ages.
                        Err(error) => {
                            tracing::debug!(target: "tollgate", %error,
                                "query for the store position failed");
                        }
                    }
                }
                Event::Beat => {
                    cleaning -= 1;
                    if cleaning == 0 {
                        cleaning = CLEANING;
                        self.replica.purge(self.clock.now());
                    }
                    match awaited {
                        Some((asked, _)) if asked.elapsed() >= CATCH_UP => {
                            return Err(Lost::Announcement);
                        }
                        None if question.is_none() => {
                            question = Some(Question {
                                asked: Instant::now(),
                                from: at,
                                answer: Box::pin(bounded(self.timeout, self.store.position())),
                            });
                        }
                        Some(_) | None => {}
                    }
                }
            }
        }
    }

    /// Reads all entries of the store into the replica and returns the position of the snapshot.
    async fn take_snapshot(&self) -> Result<Position, Lost> {
        let asked = Instant::now();
        let now = self.clock.now();
        let patience = self.timeout.saturating_mul(SNAPSHOT_PATIENCE);
        let snapshot = bounded(patience, self.store.snapshot(now)).await?;
        self.replica.restart(now);
        self.replica.learn(&snapshot.entries, now)?;
        self.replica.confirm(asked);
        Ok(snapshot.position)
    }
}

/// Waits for the first event. Announcements take precedence.
async fn next_event(
    feed: &mut dyn RevocationFeed,
    mut question: Option<&mut Question<'_>>,
    beats: &mut Interval,
) -> Event {
    let mut announcement = feed.next();
    poll_fn(|context| {
        if let Poll::Ready(announcement) = announcement.as_mut().poll(context) {
            return Poll::Ready(Event::Announced(announcement));
        }
        if let Some(question) = &mut question
            && let Poll::Ready(answer) = Pin::new(&mut question.answer).poll(context)
        {
            return Poll::Ready(Event::Position(answer));
        }
        beats.poll_tick(context).map(|_| Event::Beat)
    })
    .await
}
