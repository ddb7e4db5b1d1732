//! The expiry of sessions.

use tollgate_session::StoredSession;

use super::super::{HOUR, NOW, answer};
use super::{Pair, session};

impl Pair {
    pub(super) async fn sessions_expire_by_the_callers_time(&self) {
        let session = self.inserted(session()).await;
        let end = session.expires_at;
        self.holds(&session, end - 1).await;
        self.is_gone(&session, end).await;
        let next = StoredSession {
            revision: 2,
            expires_at: end + HOUR,
            ..session.clone()
        };
        assert!(
            !answer(self.one.replace(&next, 1, end).await),
            "an expired session was replaced"
        );
        self.is_gone(&session, end).await;
        let successor = StoredSession {
            expires_at: end + HOUR,
            data: b"anew".to_vec(),
            ..session
        };
        assert!(
            answer(self.other.insert(&successor, end).await),
            "an expired session prevents one with its ID"
        );
        self.holds(&successor, end).await;

        let stillborn = StoredSession {
            expires_at: NOW,
            ..self::session()
        };
        // A session that expires at once cannot be distinguished from one that was never stored.
        answer(self.one.insert(&stillborn, NOW).await);
        self.is_gone(&stillborn, NOW).await;
    }

    pub(super) async fn a_replacement_moves_the_expiry(&self) {
        let first = self.inserted(session()).await;
        let longer = StoredSession {
            revision: 2,
            expires_at: first.expires_at + 10 * HOUR,
            ..first.clone()
        };
        assert!(
            answer(self.one.replace(&longer, 1, NOW).await),
            "a replacement failed"
        );
        self.holds(&longer, first.expires_at + HOUR).await;
        let shorter = StoredSession {
            revision: 3,
            expires_at: first.expires_at + 5 * HOUR,
            ..first.clone()
        };
        assert!(
            answer(
                self.other
                    .replace(&shorter, 2, first.expires_at + HOUR)
                    .await
            ),
            "a replacement failed after the original expiry of an extended session"
        );
        self.holds(&shorter, shorter.expires_at - 1).await;
        self.is_gone(&shorter, shorter.expires_at).await;

        let first = self.inserted(session()).await;
        let ended = StoredSession {
            revision: 2,
            expires_at: NOW,
            ..first
        };
        assert!(
            answer(self.one.replace(&ended, 1, NOW).await),
            "a replacement that expires at once failed"
        );
        self.is_gone(&ended, NOW).await;
    }

    pub(super) async fn extreme_times_are_accepted(&self) {
        let times = [
            (0, HOUR),
            (1, u64::MAX),
            (NOW, u64::MAX - 1),
            (u64::MAX - HOUR, u64::MAX),
        ];
        for (now, expires_at) in times {
            let first = StoredSession {
                expires_at,
                ..session()
            };
            assert!(
                answer(self.one.insert(&first, now).await),
                "a session that lives until {expires_at} was not inserted at {now}"
            );
            self.holds(&first, now).await;
            let second = StoredSession {
                revision: 2,
                ..first.clone()
            };
            assert!(
                answer(self.other.replace(&second, 1, now).await),
                "a session that lives until {expires_at} was not replaced at {now}"
            );
            self.holds(&second, expires_at - 1).await;
            self.is_gone(&second, expires_at).await;
        }
    }
}
