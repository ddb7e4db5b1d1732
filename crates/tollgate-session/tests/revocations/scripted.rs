//! A scripted store.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tollgate_session::{
    MemoryStore, Position, Revocation, RevocationFeed, RevocationKey, RevocationKind,
    RevocationSnapshot, RevocationStore, StoreError, StoreErrorKind, StoreFuture,
};

/// The behaviour of a part of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Fine,
    Down,
    Hanging,
    Slow(Duration),
    Rubbish,
}

pub(crate) const FAULTS: [Mood; 4] = [
    Mood::Down,
    Mood::Hanging,
    Mood::Slow(Duration::from_secs(30)),
    Mood::Rubbish,
];

#[derive(Default)]
pub(crate) struct Script {
    pub(crate) find: Mood,
    pub(crate) position: Mood,
    pub(crate) snapshot: Mood,
    pub(crate) feed: Mood,
    pub(crate) changes: Mood,
    /// `None` if the store has no clock.
    pub(crate) clock: Option<Mood>,
    /// Hints are lost.
    pub(crate) deaf: bool,
    /// Every wait for a hint ends at once with a forged one.
    pub(crate) forging: bool,
    /// The store cannot tell changes.
    pub(crate) forgetful: bool,
    /// Added to the epoch, as after a restart of the sequence.
    pub(crate) epoch: u64,
    /// The number of queries.
    pub(crate) finds: usize,
    pub(crate) snapshots: usize,
    pub(crate) positions: usize,
    pub(crate) subscriptions: usize,
}

impl Script {
    pub(crate) fn all(&mut self, mood: Mood) {
        self.find = mood;
        self.position = mood;
        self.snapshot = mood;
        self.changes = mood;
        self.feed = mood;
    }
}

#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) inner: MemoryStore,
    script: Arc<Mutex<Script>>,
    /// The number of times that all feeds were cut.
    cut: Arc<watch::Sender<u32>>,
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryStore::default(),
            script: Arc::default(),
            cut: Arc::new(watch::Sender::new(0)),
        }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(crate) fn cut_feeds(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn listeners(&self) -> usize {
        self.cut.receiver_count()
    }

    fn moved(&self, mut position: Position) -> Position {
        position.epoch = position.epoch.wrapping_add(self.script().epoch);
        position
    }
}

fn down() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "scripted failure")
}

/// Fails or waits by the mood. Returns whether the answer must be corrupt.
async fn bear(mood: Mood) -> Result<bool, StoreError> {
    match mood {
        Mood::Fine => Ok(false),
        Mood::Rubbish => Ok(true),
        Mood::Down => Err(down()),
        Mood::Hanging => pending().await,
        Mood::Slow(time) => {
            tokio::time::sleep(time).await;
            Ok(false)
        }
    }
}

impl RevocationStore for Scripted {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.inner.revoke(entries, now)
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        Box::pin(async move {
            let mood = {
                let mut script = self.script();
                script.finds += 1;
                script.find
            };
            if bear(mood).await? {
                return Ok(vec![Revocation {
                    key: RevocationKey::new(RevocationKind::Token, "rubbish", "rubbish"),
                    before: 0,
                    expires_at: u64::MAX,
                }]);
            }
            self.inner.find(keys, now).await
        })
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        Box::pin(async move {
            let mood = {
                let mut script = self.script();
                script.snapshots += 1;
                script.snapshot
            };
            if bear(mood).await? {
                return Err(StoreError::new(StoreErrorKind::Corrupt, "rubbish"));
            }
            let mut snapshot = self.inner.snapshot(now).await?;
            snapshot.position = self.moved(snapshot.position);
            Ok(snapshot)
        })
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        Box::pin(async move {
            let mood = {
                let mut script = self.script();
                script.positions += 1;
                script.position
            };
            if bear(mood).await? {
                return Ok(Position {
                    epoch: 0xbad,
                    sequence: 0,
                });
            }
            Ok(self.moved(self.inner.position().await?))
        })
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        Box::pin(async move {
            let (mood, forgetful) = {
                let script = self.script();
                (script.changes, script.forgetful)
            };
            if bear(mood).await? {
                return Err(StoreError::new(StoreErrorKind::Corrupt, "rubbish"));
            }
            let inner = self.inner.position().await?;
            if forgetful || self.moved(inner).epoch != after.epoch {
                return Ok(None);
            }
            let after = Position {
                epoch: inner.epoch,
                ..after
            };
            let mut changes = self.inner.changes(after, now).await?;
            if let Some(changes) = &mut changes {
                changes.position = self.moved(changes.position);
            }
            Ok(changes)
        })
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        Box::pin(async move {
            let mood = {
                let mut script = self.script();
                script.subscriptions += 1;
                script.feed
            };
            if bear(mood).await? {
                return Err(StoreError::new(StoreErrorKind::Corrupt, "rubbish"));
            }
            Ok(Box::new(Feed {
                inner: self.inner.feed().await?,
                cut: self.cut.subscribe(),
                store: self.clone(),
            }) as Box<dyn RevocationFeed>)
        })
    }

    fn clock(&self) -> StoreFuture<'_, Option<u64>> {
        Box::pin(async move {
            let Some(mood) = self.script().clock else {
                return Ok(None);
            };
            if bear(mood).await? {
                return Err(StoreError::new(StoreErrorKind::Corrupt, "rubbish"));
            }
            self.inner.clock().await
        })
    }
}

struct Feed {
    inner: Box<dyn RevocationFeed>,
    cut: watch::Receiver<u32>,
    store: Scripted,
}

impl RevocationFeed for Feed {
    fn next(&mut self) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            loop {
                if self.store.script().forging {
                    return Ok(());
                }
                tokio::select! {
                    _ = self.cut.changed() => return Err(down()),
                    hint = self.inner.next() => {
                        hint?;
                        if !self.store.script().deaf {
                            return Ok(());
                        }
                    }
                }
            }
        })
    }
}
