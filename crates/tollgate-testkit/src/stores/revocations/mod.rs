//! What a place that keeps revocations, and tells of them, must do.

mod entries;
mod feed;
mod together;

use std::sync::Arc;

use tollgate_session::{Revocation, RevocationKey, RevocationKind, RevocationStore};

use super::odd::fresh;
use super::{HOUR, NOW, answer};

/// Two instances over the same data.
#[derive(Clone)]
pub(in crate::stores) struct Pair {
    pub(in crate::stores) one: Arc<dyn RevocationStore>,
    pub(in crate::stores) other: Arc<dyn RevocationStore>,
}

impl Pair {
    pub(in crate::stores) async fn run(&self) {
        self.what_is_revoked_is_found().await;
        self.any_key_is_told_from_any_other().await;
        self.an_entry_widens_what_is_there().await;
        self.entries_end_by_the_time_of_the_caller().await;
        self.times_may_be_tiny_or_huge().await;
        self.a_snapshot_shows_its_position().await;
        self.a_call_is_seen_whole().await;
        self.announcements_come_in_order_to_all().await;
        self.a_feed_that_nobody_waits_for_loses_nothing().await;
        self.what_is_too_much_is_announced_all_the_same().await;
        self.announcements_of_many_callers_have_one_order().await;
    }

    async fn revoke(&self, entries: &[Revocation], now: u64) {
        answer(self.one.revoke(entries, now).await);
    }

    /// The entry for a key, as both instances find it, alone and among others.
    async fn find(&self, key: &RevocationKey, now: u64) -> Option<Revocation> {
        let stranger = RevocationKey::new(RevocationKind::Token, "nobody", fresh());
        let alone = answer(self.one.find(std::slice::from_ref(key), now).await);
        let among = answer(self.other.find(&[stranger, key.clone()], now).await);
        assert!(alone == among, "two instances find different entries for {key:?}");
        assert!(alone.len() <= 1, "one key has several entries: {key:?}");
        assert!(
            alone.iter().all(|entry| entry.key == *key),
            "an entry was found that was not asked for"
        );
        let listed = self.listed(key, now).await;
        assert!(
            listed == alone,
            "the snapshot shows for {key:?} another thing than is found: {listed:?} and {alone:?}"
        );
        alone.into_iter().next()
    }

    async fn listed(&self, key: &RevocationKey, now: u64) -> Vec<Revocation> {
        let snapshot = answer(self.other.snapshot(now).await);
        let entries = snapshot.entries.into_iter();
        entries.filter(|entry| entry.key == *key).collect()
    }
}

/// Of a fresh key: all tokens, for an hour.
fn entry() -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Session, "https://id.example.com", fresh()),
        before: Revocation::ALL,
        expires_at: NOW + HOUR,
    }
}
