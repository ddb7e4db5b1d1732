//! Several entries, and the position of the store.

use std::collections::HashSet;

use tokio::task::JoinSet;
use tollgate_session::{Revocation, RevocationKey};

use super::super::{NOW, answer};
use super::{Pair, entry};

impl Pair {
    pub(super) async fn a_snapshot_shows_its_position(&self) {
        const CALLS: usize = 40;
        let start = answer(self.one.position().await);
        let again = answer(self.other.position().await);
        assert!(
            start == again,
            "two instances have different positions, or a query moved it"
        );
        let entries: Vec<Revocation> = (0..CALLS).map(|_| entry()).collect();
        let (writer, written) = (self.one.clone(), entries.clone());
        let writing = tokio::spawn(async move {
            for entry in written {
                answer(writer.revoke(&[entry], NOW).await);
            }
        });
        loop {
            let over = writing.is_finished();
            let snapshot = answer(self.other.snapshot(NOW).await);
            let at = snapshot.position;
            assert!(
                at.epoch == start.epoch,
                "the epoch changed without a loss of data"
            );
            let calls =
                usize::try_from(at.sequence.wrapping_sub(start.sequence)).unwrap_or(usize::MAX);
            assert!(
                calls <= CALLS,
                "the position is {at:?}, impossible {CALLS} calls after {start:?}"
            );
            let shown: HashSet<&RevocationKey> =
                snapshot.entries.iter().map(|entry| &entry.key).collect();
            for (index, entry) in entries.iter().enumerate() {
                assert!(
                    shown.contains(&entry.key) == (index < calls),
                    "the snapshot has the position after {calls} calls, but not the content \
                     of call {}",
                    index + 1
                );
            }
            if over {
                assert!(
                    calls == CALLS,
                    "{CALLS} calls moved the position by {calls}"
                );
                break;
            }
        }
        if let Err(error) = writing.await {
            std::panic::resume_unwind(error.into_panic());
        }
    }

    pub(super) async fn a_call_is_atomic(&self) {
        const TOGETHER: usize = 10;
        let calls: Vec<Vec<Revocation>> = (0..20)
            .map(|_| (0..TOGETHER).map(|_| entry()).collect())
            .collect();
        let mut writers = JoinSet::new();
        for (index, call) in calls.iter().cloned().enumerate() {
            let store = if index % 2 == 0 {
                self.one.clone()
            } else {
                self.other.clone()
            };
            writers.spawn(async move { answer(store.revoke(&call, NOW).await) });
        }
        loop {
            while writers.try_join_next().is_some() {}
            let over = writers.is_empty();
            let snapshot = answer(self.one.snapshot(NOW).await);
            let shown: HashSet<&RevocationKey> =
                snapshot.entries.iter().map(|entry| &entry.key).collect();
            for call in &calls {
                let seen = call
                    .iter()
                    .filter(|entry| shown.contains(&entry.key))
                    .count();
                assert!(
                    seen == TOGETHER || (seen == 0 && !over),
                    "{seen} of {TOGETHER} entries of one call are visible"
                );
            }
            if over {
                break;
            }
        }
    }
}
