//! Keeps the replica in step with the store.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, timeout};
use tollgate_core::Clock;

use super::replica::{OverFull, Replica};
use super::store::{Announcement, Position, RevocationFeed, RevocationStore};
use crate::store::{StoreError, StoreErrorKind, StoreFuture};

/// How often the store is asked where it stands.
const HEARTBEAT: Duration = Duration::from_millis(250);
/// How long the feed may be behind where the store says it stands, before an announcement counts as lost.
const CATCH_UP: Duration = Duration::from_millis(500);
/// The pause before beginning anew; it doubles each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause where there are more entries than fit: to read them all again soon is no use.
const OVER_FULL_PAUSE: Duration = Duration::from_secs(10);
/// How many heartbeats lie between two cleanings.
const CLEANING: u32 = 40;
/// A snapshot may take so many times as long as any other answer.
const SNAPSHOT_PATIENCE: u32 = 10;

/// Follows the store for as long as anybody reads the replica.
pub(super) struct Follower {
    pub(super) store: Arc<dyn RevocationStore>,
    pub(super) replica: Arc<Replica>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timeout: Duration,
}

/// Why the replica is out of step.
enum Lost {
    /// The store failed.
    Store(StoreError),
    /// An announcement did not come, or the store began anew.
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

/// What the follower waits for.
enum Event {
    Told(Result<Announcement, StoreError>),
    Stands(Result<Position, StoreError>),
    Beat,
}

/// The store is being asked where it stands.
struct Question<'a> {
    asked: Instant,
    /// Where the replica stood then.
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
                    tracing::warn!(target: "tollgate", %error, "revocations are out of sync");
                    sleep(pause).await;
                }
                Lost::Announcement => {
                    tracing::info!(target: "tollgate", "an announcement of revocations was missed");
                    sleep(pause).await;
                }
                Lost::OverFull => {
                    tracing::error!(target: "tollgate", "there are more revocations than `max_entries`: every token is asked for at the store");
                    sleep(OVER_FULL_PAUSE).await;
                }
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Listens, takes a snapshot, and then goes by announcements until one is missing.
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
        // Where the store stood when it was asked, and the feed has not come to yet.
        let mut awaited: Option<(Instant, Position)> = None;
        loop {
            match next_event(&mut *feed, question.as_mut(), &mut beats).await {
                Event::Told(told) => {
                    let told = told?;
                    if told.position.epoch == at.epoch && told.position.sequence <= at.sequence {
                        continue; // the snapshot had it
                    }
                    if !told.position.follows(at) {
                        return Err(Lost::Announcement);
                    }
                    if let Some(entries) = &told.entries {
                        self.replica.learn(entries, self.clock.now())?;
                        at = told.position;
                    } else {
                        self.replica.lose_sync();
                        let taken = self.take_snapshot().await?;
                        if taken.epoch != told.position.epoch || taken.sequence < told.position.sequence {
                            return Err(Lost::Announcement);
                        }
                        at = taken;
                    }
                    if let Some((asked, stands)) = awaited
                        && at.sequence >= stands.sequence
                    {
                        self.replica.confirm(asked);
                        awaited = None;
                    }
                }
                Event::Stands(answer) => {
                    let Some(Question { asked, from, .. }) = question.take() else {
                        continue;
                    };
                    match answer {
                        Ok(stands) if stands.epoch != at.epoch || stands.sequence < from.sequence => {
                            return Err(Lost::Announcement);
                        }
                        Ok(stands) if stands.sequence <= at.sequence => {
                            self.replica.confirm(asked);
                            *pause = FIRST_PAUSE;
                        }
                        Ok(stands) => awaited = Some((asked, stands)),
                        // The next beat asks again; until then the confirmation grows old.
                        Err(error) => {
                            tracing::debug!(target: "tollgate", %error, "the store does not say where it stands");
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
                        Some((asked, _)) if asked.elapsed() >= CATCH_UP => return Err(Lost::Announcement),
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

    /// Learns all that the store has, and tells where it stood then.
    async fn take_snapshot(&self) -> Result<Position, Lost> {
        let asked = Instant::now();
        let now = self.clock.now();
        let patience = self.timeout.saturating_mul(SNAPSHOT_PATIENCE);
        let snapshot = bounded(patience, self.store.snapshot(now)).await?;
        self.replica.begin_anew(now);
        self.replica.learn(&snapshot.entries, now)?;
        self.replica.confirm(asked);
        Ok(snapshot.position)
    }
}

/// Whatever happens first; an announcement before anything else.
async fn next_event(
    feed: &mut dyn RevocationFeed,
    mut question: Option<&mut Question<'_>>,
    beats: &mut Interval,
) -> Event {
    let mut told = feed.next();
    poll_fn(|context| {
        if let Poll::Ready(told) = told.as_mut().poll(context) {
            return Poll::Ready(Event::Told(told));
        }
        if let Some(question) = &mut question
            && let Poll::Ready(answer) = Pin::new(&mut question.answer).poll(context)
        {
            return Poll::Ready(Event::Stands(answer));
        }
        beats.poll_tick(context).map(|_| Event::Beat)
    })
    .await
}

/// The store's answer, if it comes in time.
pub(super) async fn bounded<T>(
    time: Duration,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(time, answer).await.unwrap_or_else(|_| {
        Err(StoreError::new(
            StoreErrorKind::Timeout,
            format!("no answer within {time:?}"),
        ))
    })
}
