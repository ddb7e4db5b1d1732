//! Callers whose clocks differ from the store's.

use tollgate_core::{Clock, SystemClock};
use tollgate_session::StoredSession;

use super::super::{HOUR, answer};
use super::{Pair, session};

impl Pair {
    pub(super) async fn a_caller_that_is_ahead_removes_no_live_session(&self) {
        let now = SystemClock.now();
        let live = StoredSession {
            expires_at: now + HOUR / 4,
            ..session()
        };
        assert!(
            answer(self.one.insert(&live, now).await),
            "a new session was not inserted: {live:?}"
        );
        let ahead = now + HOUR;
        self.is_gone(&live, ahead).await;
        // Enough for a store that removes a few expired sessions with each write.
        for number in 0..16 {
            let other = StoredSession {
                expires_at: ahead + HOUR + number,
                ..session()
            };
            let next = StoredSession {
                revision: 2,
                ..other.clone()
            };
            for store in [&self.one, &self.other] {
                let inserted = answer(store.insert(&other, ahead).await);
                let replaced = answer(store.replace(&next, 1, ahead).await);
                assert!(inserted == replaced, "{other:?} was stored partially");
            }
        }
        self.holds(&live, now).await;
        let next = StoredSession {
            revision: 2,
            ..live.clone()
        };
        assert!(
            !answer(self.other.replace(&next, 1, ahead).await),
            "a session was replaced that has expired by the caller's clock"
        );
        assert!(
            answer(self.other.replace(&next, 1, now).await),
            "a live session was not replaced after a caller was an hour ahead"
        );
        self.holds(&next, now - HOUR).await;
    }
}
