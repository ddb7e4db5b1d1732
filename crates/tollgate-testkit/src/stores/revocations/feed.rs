//! Hints about revocations.

use std::time::Duration;

use tollgate_session::RevocationFeed;

use super::super::{NOW, answer};
use super::{Pair, entry};

/// The time after which a hint counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time after which a feed counts as silent.
const SILENCE: Duration = Duration::from_millis(20);
/// The number of revocations that no listener waits for.
const BURST: usize = 100;

impl Pair {
    pub(super) async fn every_revocation_gives_a_hint(&self) {
        let mut feeds = self.feeds().await;
        for index in 0..6 {
            let store = if index % 3 == 0 {
                &self.other
            } else {
                &self.one
            };
            answer(store.revoke(&[entry()], NOW).await);
            for feed in &mut feeds {
                hint(&mut **feed).await;
            }
        }
        // A listener that subscribes later receives later hints.
        let mut late = answer(self.one.feed().await);
        drain(&mut *late).await;
        answer(self.other.revoke(&[entry()], NOW).await);
        hint(&mut *late).await;
    }

    pub(super) async fn an_idle_feed_loses_no_hint(&self) {
        let mut feed = answer(self.one.feed().await);
        for _ in 0..5 {
            // The wait is dropped while pending, as in a task that waits for several events.
            drain(&mut *feed).await;
            answer(self.other.revoke(&[entry()], NOW).await);
            hint(&mut *feed).await;
        }
    }

    pub(super) async fn a_burst_does_not_end_a_feed(&self) {
        let mut feeds = self.feeds().await;
        for _ in 0..BURST {
            answer(self.one.revoke(&[entry()], NOW).await);
        }
        for feed in &mut feeds {
            hint(&mut **feed).await;
            drain(&mut **feed).await;
        }
        answer(self.other.revoke(&[entry()], NOW).await);
        for feed in &mut feeds {
            hint(&mut **feed).await;
        }
    }

    async fn feeds(&self) -> [Box<dyn RevocationFeed>; 2] {
        let mut feeds = [
            answer(self.one.feed().await),
            answer(self.other.feed().await),
        ];
        for feed in &mut feeds {
            drain(&mut **feed).await;
        }
        feeds
    }
}

/// Waits for a hint, and then for silence.
async fn hint(feed: &mut dyn RevocationFeed) {
    let Ok(hint) = tokio::time::timeout(PATIENCE, feed.next()).await else {
        panic!("no hint of a revocation within {PATIENCE:?}");
    };
    answer(hint);
    drain(feed).await;
}

async fn drain(feed: &mut dyn RevocationFeed) {
    while let Ok(hint) = tokio::time::timeout(SILENCE, feed.next()).await {
        answer(hint);
    }
}
