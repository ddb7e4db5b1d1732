//! The contract of a revocation store.

mod changes;
mod clocks;
mod entries;
mod feed;
mod together;

use std::sync::Arc;

use tollgate_session::{Revocation, RevocationKey, RevocationKind, RevocationStore};

use super::odd::fresh;
use super::{HOUR, NOW, answer};

/// A pair of instances over the same data.
#[derive(Clone)]
pub(in crate::stores) struct Pair {
    pub(in crate::stores) one: Arc<dyn RevocationStore>,
    pub(in crate::stores) other: Arc<dyn RevocationStore>,
}

impl Pair {
    pub(in crate::stores) async fn run(&self) {
        self.a_revoked_key_is_found().await;
        self.keys_are_distinguished().await;
        self.a_repeated_revocation_extends_the_entry().await;
        self.entries_expire_by_the_callers_time().await;
        self.extreme_times_are_accepted().await;
        self.instances_show_one_clock().await;
        self.a_caller_that_is_ahead_removes_no_live_entry().await;
        self.a_caller_that_is_ahead_stores_a_live_entry().await;
        self.an_entry_ends_in_a_store_that_is_behind().await;
        self.a_snapshot_shows_its_position().await;
        self.a_call_is_atomic().await;
        self.changes_are_exact().await;
        self.a_change_is_the_whole_entry().await;
        self.unknown_positions_have_no_changes().await;
        self.a_large_call_changes_much().await;
        self.changes_lead_to_their_position().await;
        self.every_revocation_gives_a_hint().await;
        self.an_idle_feed_loses_no_hint().await;
        self.a_burst_does_not_end_a_feed().await;
    }

    async fn revoke(&self, entries: &[Revocation], now: u64) {
        answer(self.one.revoke(entries, now).await);
    }

    /// Finds the entry of a key by both instances, alone and among others.
    async fn find(&self, key: &RevocationKey, now: u64) -> Option<Revocation> {
        let stranger = RevocationKey::new(RevocationKind::Token, "nobody", fresh());
        let alone = answer(self.one.find(std::slice::from_ref(key), now).await);
        let among = answer(self.other.find(&[stranger, key.clone()], now).await);
        assert!(
            alone == among,
            "two instances find different entries for {key:?}"
        );
        assert!(alone.len() <= 1, "one key has several entries: {key:?}");
        assert!(
            alone.iter().all(|entry| entry.key == *key),
            "an entry was found that was not queried"
        );
        let listed = self.listed(key, now).await;
        assert!(
            listed == alone,
            "the snapshot and the query differ for {key:?}: {listed:?} and {alone:?}"
        );
        alone.into_iter().next()
    }

    async fn listed(&self, key: &RevocationKey, now: u64) -> Vec<Revocation> {
        let snapshot = answer(self.other.snapshot(now).await);
        let entries = snapshot.entries.into_iter();
        entries.filter(|entry| entry.key == *key).collect()
    }
}

/// Creates an entry of a random key: all tokens, for an hour.
fn entry() -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Session, "https://id.example.com", fresh()),
        before: Revocation::ALL,
        expires_at: NOW + HOUR,
    }
}
