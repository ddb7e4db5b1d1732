//! Announcements.

use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_session::{Announcement, Position, Revocation, RevocationFeed};

use super::super::odd::incompressible;
use super::super::{NOW, answer};
use super::{Pair, entry};

/// The time after which an announcement counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

impl Pair {
    pub(super) async fn announcements_reach_all_in_order(&self) {
        let mut feeds = self.feeds().await;
        let start = answer(self.one.position().await);
        let calls: Vec<Vec<Revocation>> = (1..=12)
            .map(|size| (0..=size % 4).map(|_| entry()).collect())
            .collect();
        for (index, call) in calls.iter().enumerate() {
            let store = if index % 3 == 0 {
                &self.other
            } else {
                &self.one
            };
            answer(store.revoke(call, NOW).await);
        }
        let end = answer(self.other.position().await);
        for feed in &mut feeds {
            let mut last = start;
            for call in &calls {
                let heard = following(&mut **feed, last).await;
                covers(&heard, call);
                last = heard.position;
            }
            assert!(
                last == end,
                "the last announcement has position {last:?}, but the store has {end:?}"
            );
        }
        // A listener that subscribes later receives later announcements.
        let mut late = answer(self.one.feed().await);
        let call = [entry()];
        answer(self.other.revoke(&call, NOW).await);
        covers(&following(&mut *late, end).await, &call);
        for feed in &mut feeds {
            covers(&following(&mut **feed, end).await, &call);
        }
    }

    pub(super) async fn an_idle_feed_loses_nothing(&self) {
        let mut feed = answer(self.one.feed().await);
        let mut last = answer(self.one.position().await);
        for _ in 0..5 {
            // Dropped while pending, as in a task that waits for several events.
            let wait = tokio::time::timeout(Duration::from_millis(2), feed.next()).await;
            if let Ok(early) = wait {
                let early = answer(early);
                assert!(
                    early.position.sequence <= last.sequence,
                    "there was an announcement without a revocation"
                );
            }
            let call = [entry()];
            answer(self.other.revoke(&call, NOW).await);
            let heard = following(&mut *feed, last).await;
            covers(&heard, &call);
            last = heard.position;
        }
    }

    pub(super) async fn a_large_call_is_announced(&self) {
        let mut feeds = self.feeds().await;
        let start = answer(self.one.position().await);
        let mut long = entry();
        long.key = tollgate_session::RevocationKey::new(long.key.kind(), "i", incompressible(4096));
        let mut much: Vec<Revocation> = (0..400).map(|_| entry()).collect();
        much.push(long);
        answer(self.one.revoke(&much, NOW).await);
        let next = [entry()];
        answer(self.one.revoke(&next, NOW).await);
        for feed in &mut feeds {
            let heard = following(&mut **feed, start).await;
            covers(&heard, &much);
            covers(&following(&mut **feed, heard.position).await, &next);
        }
        let keys: Vec<_> = much.iter().map(|entry| entry.key.clone()).collect();
        let found = answer(self.other.find(&keys, NOW).await);
        assert!(
            found.len() == much.len(),
            "of {} entries of one call, {} were stored",
            much.len(),
            found.len()
        );
    }

    pub(super) async fn concurrent_announcements_have_one_order(&self) {
        const CALLERS: usize = 40;
        let mut feeds = self.feeds().await;
        let start = answer(self.one.position().await);
        let mut callers = JoinSet::new();
        for index in 0..CALLERS {
            let store = if index % 2 == 0 {
                self.one.clone()
            } else {
                self.other.clone()
            };
            callers.spawn(async move { answer(store.revoke(&[entry()], NOW).await) });
        }
        callers.join_all().await;
        let end = answer(self.one.position().await);
        for feed in &mut feeds {
            let mut last = start;
            for _ in 0..CALLERS {
                last = following(&mut **feed, last).await.position;
            }
            assert!(
                last == end,
                "{CALLERS} calls ended at {last:?}, but the store has {end:?}"
            );
        }
    }

    async fn feeds(&self) -> [Box<dyn RevocationFeed>; 2] {
        [
            answer(self.one.feed().await),
            answer(self.other.feed().await),
        ]
    }
}

/// Waits for the first announcement after `last`, and skips earlier ones.
async fn following(feed: &mut dyn RevocationFeed, last: Position) -> Announcement {
    loop {
        let Ok(heard) = tokio::time::timeout(PATIENCE, feed.next()).await else {
            panic!("no announcement after {last:?} within {PATIENCE:?}");
        };
        let heard = answer(heard);
        if heard.position.epoch == last.epoch && heard.position.sequence <= last.sequence {
            continue;
        }
        assert!(
            heard.position.follows(last),
            "after {last:?}, {:?} was announced",
            heard.position
        );
        return heard;
    }
}

/// Asserts that the announcement contains every revoked entry, or requires a snapshot.
fn covers(heard: &Announcement, call: &[Revocation]) {
    // `None` requires a snapshot.
    let Some(entries) = &heard.entries else {
        return;
    };
    for revoked in call {
        assert!(
            entries.iter().any(|told| told.key == revoked.key
                && told.before >= revoked.before
                && told.expires_at >= revoked.expires_at),
            "the announcement lacks {revoked:?}"
        );
    }
    assert!(
        entries
            .iter()
            .all(|told| call.iter().any(|revoked| revoked.key == told.key)),
        "an announcement contains an entry that was not revoked"
    );
}
