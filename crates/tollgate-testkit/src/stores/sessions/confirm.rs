//! The confirmation of a session that was read.

use tollgate_session::StoredSession;

use super::super::{NOW, answer};
use super::{Pair, session};

impl Pair {
    pub(super) async fn a_current_session_is_confirmed(&self) {
        let mut current = self.inserted(session()).await;
        for store in [&self.one, &self.other, &self.one] {
            assert!(
                answer(store.confirm(&current, NOW).await),
                "a session was not confirmed in its current revision"
            );
            let found = self.load(&current.id, NOW).await;
            let revision = found.as_ref().map_or(0, |found| found.revision);
            let next = current.revision + 1;
            assert!(
                revision == current.revision || revision == next,
                "the confirmation of {current:?} left revision {revision}"
            );
            current.revision = revision;
            assert!(
                found.as_ref() == Some(&current),
                "a confirmation changed the session to {found:?}"
            );
        }
        let next = StoredSession {
            revision: current.revision + 1,
            data: b"next".to_vec(),
            ..current.clone()
        };
        assert!(
            answer(self.other.replace(&next, current.revision, NOW).await),
            "a confirmed session was not replaced"
        );
        self.holds(&next, NOW).await;
    }

    pub(super) async fn another_revision_is_not_confirmed(&self) {
        let first = self.inserted(session()).await;
        let second = StoredSession {
            revision: 2,
            data: b"second".to_vec(),
            ..first.clone()
        };
        let third = StoredSession {
            revision: 3,
            ..second.clone()
        };
        assert!(
            answer(self.one.replace(&second, 1, NOW).await),
            "a replacement failed"
        );
        let missing = session();
        for store in [&self.one, &self.other] {
            for (wrong, at) in [(&first, NOW), (&third, NOW), (&missing, NOW)] {
                assert!(
                    !answer(store.confirm(wrong, at).await),
                    "{wrong:?} was confirmed at {at}, where the store has {second:?}"
                );
            }
        }
        self.holds(&second, NOW).await;
        assert!(
            self.load(&missing.id, NOW).await.is_none(),
            "a confirmation created a session"
        );
        assert!(
            !answer(self.one.confirm(&second, second.expires_at).await),
            "an expired session was confirmed"
        );
    }
}
