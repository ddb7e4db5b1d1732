//! The removal of a subject.

use tollgate_session::StoredSession;

use super::super::odd::{fresh, fresh_id};
use super::super::{NOW, answer};
use super::{Pair, session};

impl Pair {
    pub(super) async fn a_subject_is_forgotten(&self) {
        let (mine, theirs) = (fresh(), fresh());
        let mut sessions = Vec::new();
        // More than any store handles at a time.
        for count in 0..70 {
            let subject = if count == 3 { &theirs } else { &mine };
            let session = StoredSession {
                id: fresh_id(),
                subject: subject.clone(),
                ..session()
            };
            sessions.push(self.inserted(session).await);
        }
        let other = sessions.remove(3);
        let expired = sessions.pop().expect("70 sessions");
        let ended = StoredSession {
            revision: 2,
            expires_at: NOW + 1,
            ..expired
        };
        assert!(
            answer(self.other.replace(&ended, 1, NOW).await),
            "a replacement failed"
        );
        let removed = answer(self.one.forget(&mine, NOW + 1).await);
        assert!(
            (68..=69).contains(&removed),
            "68 sessions and an expired one were removed, {removed} were counted"
        );
        self.is_gone(&ended, NOW + 1).await;
        for session in &sessions {
            self.is_gone(session, NOW).await;
            let late = StoredSession {
                revision: session.revision + 1,
                ..session.clone()
            };
            for store in [&self.one, &self.other] {
                assert!(
                    !answer(store.replace(&late, session.revision, NOW).await),
                    "a forgotten session was replaced"
                );
            }
        }
        self.holds(&other, NOW).await;
        assert!(
            answer(self.other.forget(&mine, NOW + 1).await) == 0,
            "a subject was forgotten twice"
        );
        let again = StoredSession {
            subject: mine,
            ..session()
        };
        self.inserted(again.clone()).await;
        self.holds(&again, NOW).await;
    }
}
