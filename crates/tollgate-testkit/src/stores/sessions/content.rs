//! Content that a store must not interpret.

use tollgate_session::StoredSession;

use super::super::odd::{fresh_id, incompressible, texts};
use super::super::{NOW, answer};
use super::{Pair, session};

impl Pair {
    pub(super) async fn any_bytes_come_back(&self) {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let contents = [
            Vec::new(),
            vec![0],
            all.clone(),
            all.repeat(256),
            b"\r\n$-1\r\n'\"\\{}".to_vec(),
            incompressible(20_000).into_bytes(),
        ];
        for data in contents {
            let first = StoredSession { data, ..session() };
            self.inserted(first.clone()).await;
            self.holds(&first, NOW).await;
            let mut reversed = first.clone();
            reversed.data.reverse();
            reversed.revision = 2;
            assert!(
                answer(self.other.replace(&reversed, 1, NOW).await),
                "a replacement failed because of its data"
            );
            self.holds(&reversed, NOW).await;
        }
    }

    pub(super) async fn subjects_are_distinguished(&self) {
        let before = self.sessions_of_unusual_subjects().await;
        let mut sessions = Vec::new();
        for subject in texts() {
            // Random IDs, so that no part of a subject runs into an ID.
            let session = StoredSession {
                id: fresh_id(),
                subject,
                ..session()
            };
            sessions.push(self.inserted(session).await);
        }
        for session in &sessions {
            self.holds(session, NOW).await;
            let listed = self.of_subject(&session.subject, NOW).await;
            let mine = listed.iter().filter(|listed| !before.contains(&listed.id));
            assert!(
                mine.clone().all(|listed| listed == session),
                "sessions of different subjects are mixed up: {:?}",
                session.subject
            );
            assert!(
                mine.count() == 1,
                "a session is listed twice: {:?}",
                session.subject
            );
        }
    }

    /// Lists existing sessions, as the suite may run on the same store again.
    async fn sessions_of_unusual_subjects(&self) -> Vec<tollgate_session::SessionId> {
        let mut ids = Vec::new();
        for subject in texts() {
            ids.extend(
                self.of_subject(&subject, NOW)
                    .await
                    .iter()
                    .map(|session| session.id),
            );
        }
        ids
    }
}
