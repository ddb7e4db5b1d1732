//! The sessions of one subject.

use tollgate_session::StoredSession;

use super::super::odd::fresh;
use super::super::{HOUR, NOW, answer};
use super::{Pair, session};

impl Pair {
    pub(super) async fn a_subject_lists_only_its_sessions(&self) {
        let (mine, theirs) = (fresh(), fresh());
        assert!(
            self.of_subject(&mine, NOW).await.is_empty(),
            "a subject has sessions that were not inserted"
        );
        let mut sessions = Vec::new();
        for subject in [&mine, &theirs, &mine, &theirs, &mine] {
            sessions.push(self.inserted(of(subject)).await);
        }
        sessions[0].revision = 2;
        sessions[0].data = b"changed".to_vec();
        assert!(
            answer(self.other.replace(&sessions[0], 1, NOW).await),
            "a replacement failed"
        );
        for subject in [&mine, &theirs] {
            let mut wanted: Vec<_> = sessions
                .iter()
                .filter(|session| session.subject == *subject)
                .cloned()
                .collect();
            wanted.sort_by_key(|session| session.id);
            assert!(
                self.of_subject(subject, NOW).await == wanted,
                "the list of a subject's sessions is incomplete, outdated or has duplicates"
            );
        }
    }

    pub(super) async fn the_limit_of_a_list_is_respected(&self) {
        let subject = fresh();
        for _ in 0..4 {
            let short = StoredSession {
                expires_at: NOW + 100,
                ..of(&subject)
            };
            self.inserted(short).await;
        }
        for _ in 0..3 {
            self.inserted(of(&subject)).await;
        }
        for (most, wanted) in [(0, 0), (1, 1), (5, 5), (7, 7), (8, 7), (usize::MAX, 7)] {
            let listed = answer(self.other.of_subject(&subject, most, NOW).await);
            assert!(
                listed.len() == wanted,
                "of 7 sessions with a limit of {most}, {} were listed",
                listed.len()
            );
        }
        let listed = answer(self.one.of_subject(&subject, 3, NOW + 100).await);
        assert!(
            listed.len() == 3
                && listed
                    .iter()
                    .all(|session| session.expires_at == NOW + HOUR),
            "expired sessions displace others in a bounded list"
        );
    }
}

fn of(subject: &str) -> StoredSession {
    StoredSession {
        subject: subject.to_owned(),
        ..session()
    }
}
