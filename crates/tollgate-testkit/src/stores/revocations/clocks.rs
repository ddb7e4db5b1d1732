//! The store's clock, and callers whose clocks differ from it.

use tollgate_core::{Clock, SystemClock};
use tollgate_session::{MAX_RETENTION, Revocation};

use super::super::{HOUR, answer};
use super::{Pair, entry};

/// The largest plausible difference of two reads of one clock, in seconds.
const CLOSE: u64 = 60;

impl Pair {
    /// The store's clock; that of this machine if the store has none.
    async fn time(&self) -> u64 {
        let clock = answer(self.one.clock().await);
        clock.unwrap_or_else(|| SystemClock.now())
    }

    pub(super) async fn instances_show_one_clock(&self) {
        let (one, other) = (self.one.clock().await, self.other.clock().await);
        let (one, other) = (answer(one), answer(other));
        let close = match (one, other) {
            (Some(one), Some(other)) => one.abs_diff(other) <= CLOSE,
            (None, None) => true,
            _ => false,
        };
        assert!(
            close,
            "two instances show different clocks of the store: {one:?} and {other:?}"
        );
        let again = answer(self.one.clock().await);
        assert!(again >= one, "the store's clock went back");
    }

    pub(super) async fn a_caller_that_is_ahead_removes_no_live_entry(&self) {
        let now = self.time().await;
        let ahead = now + HOUR;
        let live = Revocation {
            expires_at: now + HOUR / 4,
            ..entry()
        };
        let before = answer(self.one.position().await);
        self.revoke(std::slice::from_ref(&live), now).await;
        assert!(
            self.find(&live.key, ahead).await.as_ref() == Some(&live),
            "an entry that lives by the store's clock is not found by a caller that is ahead"
        );
        // Enough for a store that removes a few ended entries with each write.
        for number in 0..16 {
            let other = Revocation {
                expires_at: ahead + HOUR + number,
                ..entry()
            };
            answer(self.other.revoke(&[other], ahead).await);
        }
        for at in [now, now - HOUR, now + 90, ahead] {
            let found = self.find(&live.key, at).await;
            assert!(
                found.as_ref() == Some(&live),
                "after a caller was an hour ahead, {live:?} was found as {found:?} at {at}"
            );
            let changes = answer(self.other.changes(before, at).await);
            let changes = changes.map(|changes| changes.entries);
            assert!(
                changes.is_none_or(|changes| changes.contains(&live)),
                "after a caller was an hour ahead, {live:?} is not among the changes at {at}"
            );
        }
        // A caller that is behind extends the entry.
        let longer = Revocation {
            expires_at: live.expires_at + 60,
            ..live.clone()
        };
        self.revoke(std::slice::from_ref(&longer), now - HOUR).await;
        assert!(
            self.find(&live.key, now).await == Some(longer),
            "an entry was not extended by a caller that is behind"
        );
    }

    /// An instance whose clock is ahead revokes a token that has expired for it alone.
    pub(super) async fn a_caller_that_is_ahead_stores_a_live_entry(&self) {
        let now = self.time().await;
        let live = Revocation {
            expires_at: now + HOUR / 4,
            ..entry()
        };
        self.revoke(std::slice::from_ref(&live), now + HOUR).await;
        assert!(
            self.find(&live.key, now).await.as_ref() == Some(&live),
            "a caller that is an hour ahead could not revoke what lives by the store's clock"
        );
    }

    pub(super) async fn an_entry_ends_in_a_store_that_is_behind(&self) {
        let now = self.time().await;
        let entry = Revocation {
            expires_at: now + HOUR,
            ..entry()
        };
        self.revoke(std::slice::from_ref(&entry), now).await;
        let end = entry.expires_at + MAX_RETENTION;
        assert!(
            self.find(&entry.key, end).await.is_none(),
            "an entry was found two hours after its end"
        );
    }
}
