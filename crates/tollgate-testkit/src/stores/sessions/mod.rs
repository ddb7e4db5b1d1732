//! The contract of a session store.

mod attempts;
mod clocks;
mod confirm;
mod content;
mod expiry;
mod forget;
mod races;
mod subjects;

use std::sync::Arc;

use tollgate_session::{SessionId, SessionStore, StoredSession};

use super::odd::{fresh, fresh_id};
use super::{HOUR, NOW, answer};

/// A pair of instances over the same data.
#[derive(Clone)]
pub(in crate::stores) struct Pair {
    pub(in crate::stores) one: Arc<dyn SessionStore>,
    pub(in crate::stores) other: Arc<dyn SessionStore>,
}

impl Pair {
    pub(in crate::stores) async fn run(&self) {
        self.an_inserted_session_is_loaded().await;
        self.a_session_is_replaced_by_its_revision().await;
        self.any_bytes_come_back().await;
        self.subjects_are_distinguished().await;
        self.a_subject_lists_only_its_sessions().await;
        self.the_limit_of_a_list_is_respected().await;
        self.sessions_expire_by_the_callers_time().await;
        self.a_replacement_moves_the_expiry().await;
        self.extreme_times_are_accepted().await;
        self.a_caller_that_is_ahead_removes_no_live_session().await;
        self.a_current_session_is_confirmed().await;
        self.another_revision_is_not_confirmed().await;
        self.a_subject_is_forgotten().await;
        self.one_of_many_inserts().await;
        self.one_of_many_writers_replaces().await;
        self.no_update_is_lost().await;
        self.budgets_follow_the_rule().await;
        self.attempts_at_once_stay_in_the_budget().await;
    }

    async fn an_inserted_session_is_loaded(&self) {
        let session = session();
        assert!(
            self.load(&session.id, NOW).await.is_none(),
            "a session exists that was not inserted"
        );
        assert!(
            answer(self.one.insert(&session, NOW).await),
            "a new session was not inserted"
        );
        self.holds(&session, NOW).await;
        let second = StoredSession {
            data: b"another".to_vec(),
            ..session.clone()
        };
        for store in [&self.one, &self.other] {
            assert!(
                !answer(store.insert(&second, NOW).await),
                "a session was inserted although its ID exists"
            );
        }
        self.holds(&session, NOW).await;
    }

    async fn a_session_is_replaced_by_its_revision(&self) {
        let first = self.inserted(session()).await;
        let second = StoredSession {
            revision: 2,
            data: b"a longer one than the first was".to_vec(),
            ..first.clone()
        };
        for wrong in [0, 2, 3, u64::MAX] {
            assert!(
                !answer(self.one.replace(&second, wrong, NOW).await),
                "a session of revision 1 was replaced with expected revision {wrong}"
            );
        }
        self.holds(&first, NOW).await;
        assert!(
            answer(self.other.replace(&second, 1, NOW).await),
            "a replacement with the correct revision failed"
        );
        self.holds(&second, NOW).await;
        let late = StoredSession {
            data: b"late".to_vec(),
            ..second.clone()
        };
        for store in [&self.one, &self.other] {
            assert!(
                !answer(store.replace(&late, 1, NOW).await),
                "a revision was replaced twice"
            );
        }
        self.holds(&second, NOW).await;
        let third = StoredSession {
            revision: 3,
            data: Vec::new(),
            ..second.clone()
        };
        assert!(
            answer(self.one.replace(&third, 2, NOW).await),
            "the second replacement failed"
        );
        self.holds(&third, NOW).await;

        let unknown = session();
        for expected in [0, 1] {
            assert!(
                !answer(self.one.replace(&unknown, expected, NOW).await),
                "a missing session was replaced"
            );
        }
        assert!(
            self.load(&unknown.id, NOW).await.is_none(),
            "a replacement created a session"
        );
    }

    /// Loads by both instances, which must return the same.
    async fn load(&self, id: &SessionId, now: u64) -> Option<StoredSession> {
        let one = answer(self.one.load(id, now).await);
        let other = answer(self.other.load(id, now).await);
        assert!(one == other, "two instances load different sessions");
        one
    }

    async fn of_subject(&self, subject: &str, now: u64) -> Vec<StoredSession> {
        let mut one = answer(self.one.of_subject(subject, 1000, now).await);
        let mut other = answer(self.other.of_subject(subject, 1000, now).await);
        for sessions in [&mut one, &mut other] {
            sessions.sort_by_key(|session| session.id);
        }
        assert!(one == other, "two instances list different sessions");
        one
    }

    async fn holds(&self, session: &StoredSession, now: u64) {
        let found = self.load(&session.id, now).await;
        assert!(
            found.is_some(),
            "a live session is missing: {session:?} at {now}"
        );
        assert!(
            found.as_ref() == Some(session),
            "{session:?} was loaded as {found:?}, or with other data"
        );
        let listed = self.of_subject(&session.subject, now).await;
        assert!(
            listed.contains(session),
            "{session:?} is missing or outdated in its subject's list at {now}"
        );
    }

    async fn is_gone(&self, session: &StoredSession, now: u64) {
        let found = self.load(&session.id, now).await;
        assert!(found.is_none(), "{session:?} still exists at {now}");
        let listed = self.of_subject(&session.subject, now).await;
        assert!(
            listed.iter().all(|listed| listed.id != session.id),
            "{session:?} is still listed at {now}"
        );
    }

    async fn inserted(&self, session: StoredSession) -> StoredSession {
        assert!(
            answer(self.one.insert(&session, NOW).await),
            "a new session was not inserted: {session:?}"
        );
        session
    }
}

/// Creates a session of a random subject.
fn session() -> StoredSession {
    StoredSession {
        id: fresh_id(),
        subject: fresh(),
        revision: 1,
        expires_at: NOW + HOUR,
        data: b"{}".to_vec(),
    }
}
