//! Concurrent writers.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tollgate_session::{SessionStore, StoredSession};

use super::super::odd::fresh_id;
use super::super::{NOW, answer};
use super::{Pair, session};

/// The number of concurrent writers.
const MANY: u32 = 64;

impl Pair {
    pub(super) async fn one_of_many_inserts(&self) {
        for _ in 0..4 {
            let id = fresh_id();
            let winners = self
                .race(|name| StoredSession { id, ..marked(name) }, None)
                .await;
            self.won(&winners, "inserted one id").await;
        }
    }

    pub(super) async fn one_of_many_writers_replaces(&self) {
        let first = self.inserted(session()).await;
        for expected in 1..=4 {
            let next = |name| StoredSession {
                revision: expected + 1,
                data: marked(name).data,
                ..first.clone()
            };
            let winners = self.race(next, Some(expected)).await;
            self.won(&winners, "replaced one revision").await;
        }
    }

    async fn won(&self, winners: &[StoredSession], what: &str) {
        assert!(
            winners.len() == 1,
            "{} of {MANY} callers {what}",
            winners.len()
        );
        for winner in winners {
            let found = self.load(&winner.id, NOW).await;
            assert!(
                found.as_ref() == Some(winner),
                "the caller that got `true` is not the one that {what}"
            );
        }
    }

    /// Makes every writer store its own session at the same moment, through one or the other
    /// instance. Returns the writers that succeeded.
    async fn race(
        &self,
        of: impl Fn(u32) -> StoredSession,
        expected: Option<u64>,
    ) -> Vec<StoredSession> {
        let start = Arc::new(Barrier::new(MANY as usize));
        let mut racers = JoinSet::new();
        for name in 0..MANY {
            let (store, start, session) = (self.instance(name), start.clone(), of(name));
            racers.spawn(async move {
                start.wait().await;
                let won = answer(match expected {
                    Some(expected) => store.replace(&session, expected, NOW).await,
                    None => store.insert(&session, NOW).await,
                });
                won.then_some(session)
            });
        }
        racers.join_all().await.into_iter().flatten().collect()
    }

    pub(super) async fn no_update_is_lost(&self) {
        const WRITERS: u32 = 8;
        const UPDATES: u64 = 12;
        let first = StoredSession {
            data: Vec::new(),
            ..session()
        };
        self.inserted(first.clone()).await;
        let mut writers = JoinSet::new();
        for name in 0..WRITERS {
            let (store, id) = (self.instance(name), first.id);
            writers.spawn(async move {
                for _ in 0..UPDATES {
                    loop {
                        let Some(mut session) = answer(store.load(&id, NOW).await) else {
                            panic!("a session disappeared while it was updated");
                        };
                        let expected = session.revision;
                        session.revision += 1;
                        session.data.extend(name.to_be_bytes());
                        if answer(store.replace(&session, expected, NOW).await) {
                            break;
                        }
                    }
                }
            });
        }
        writers.join_all().await;
        let Some(last) = self.load(&first.id, NOW).await else {
            panic!("a session disappeared while it was updated");
        };
        let updates = u64::from(WRITERS) * UPDATES;
        assert!(
            last.revision == 1 + updates,
            "of {updates} updates, {} took effect",
            last.revision - 1
        );
        for name in 0..WRITERS {
            let kept = last
                .data
                .chunks(4)
                .filter(|chunk| **chunk == name.to_be_bytes());
            assert!(
                kept.count() as u64 == UPDATES,
                "an update was acknowledged and lost"
            );
        }
    }

    fn instance(&self, name: u32) -> Arc<dyn SessionStore> {
        if name.is_multiple_of(2) {
            self.one.clone()
        } else {
            self.other.clone()
        }
    }
}

/// Creates a session that contains the number of its writer.
fn marked(name: u32) -> StoredSession {
    StoredSession {
        data: name.to_be_bytes().to_vec(),
        ..session()
    }
}
