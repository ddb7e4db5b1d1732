//! Acknowledged writes survive a kill of the process at any moment.

#![allow(clippy::unwrap_used)]

mod child;
mod directory;

use std::collections::HashMap;

use child::{number, say, start};
use directory::Directory;
use tollgate_session::{
    Revocation, RevocationKey, RevocationKind, RevocationStore, SessionId, SessionStore,
    StoreErrorKind, StoredSession, SystemRandom,
};
use tollgate_store_redb::RedbStore;

const NOW: u64 = 1_700_000_000;
const ROUNDS: usize = 50;

fn session(id: SessionId, revision: u64) -> StoredSession {
    StoredSession {
        id,
        subject: format!("owner of {id}"),
        revision,
        expires_at: NOW + 900 + revision,
        // Several pages, so that a commit consists of several writes.
        data: revision.to_be_bytes().repeat(1000),
    }
}

fn entry(value: &str) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Session, "iss", value),
        before: Revocation::ALL,
        expires_at: NOW + 900,
    }
}

/// Rotates and revokes until it is killed, and prints each acknowledged write. Does nothing without
/// the variable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_process() {
    let Some(path) = child::path() else {
        return;
    };
    let store = RedbStore::open(path).unwrap();
    say("ready");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let id = SessionId::generate(&SystemRandom).unwrap();
            assert!(store.insert(&session(id, 1), NOW).await.unwrap());
            say(&format!("kept {id} 1"));
            for revision in 2.. {
                assert!(
                    store
                        .replace(&session(id, revision), revision - 1, NOW)
                        .await
                        .unwrap(),
                    "another writer has replaced the session"
                );
                say(&format!("kept {id} {revision}"));
                let name = format!("{id}-{revision}");
                store.revoke(&[entry(&name)], NOW).await.unwrap();
                say(&format!("revoked {name}"));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[derive(Default)]
struct Acknowledged {
    revisions: HashMap<SessionId, u64>,
    revoked: Vec<String>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["kept", id, revision] => {
                // The writes of one session are in order.
                self.revisions
                    .insert(id.parse().unwrap(), revision.parse().unwrap());
            }
            ["revoked", name] => self.revoked.push(name.to_owned()),
            _ => return false,
        }
        true
    }

    async fn all_there(&self, store: &RedbStore) {
        for (id, revision) in &self.revisions {
            let found = store
                .load(id, NOW)
                .await
                .unwrap()
                .expect("an acknowledged session is lost");
            // One more write may be stored, if the child was killed before it printed the line.
            let one_more = revision + 1;
            assert!(
                found.revision == *revision || found.revision == one_more,
                "acknowledged {revision}, found {}",
                found.revision
            );
            assert!(
                found == session(*id, found.revision),
                "a session was stored partially"
            );
            let listed = store.of_subject(&found.subject, 9, NOW).await.unwrap();
            assert!(listed == [found], "the index differs from the sessions");
        }
        let keys: Vec<_> = self.revoked.iter().map(|name| entry(name).key).collect();
        let found = store.find(&keys, NOW).await.unwrap();
        assert_eq!(
            found.len(),
            keys.len(),
            "an acknowledged revocation is lost"
        );
        let snapshot = store.snapshot(NOW).await.unwrap();
        let revocations = u64::try_from(snapshot.entries.len()).unwrap();
        assert_eq!(
            snapshot.position.sequence, revocations,
            "the sequence does not equal the number of stored calls"
        );
    }
}

#[tokio::test]
async fn a_killed_process_loses_no_acknowledged_write() {
    if child::path().is_some() {
        return;
    }
    let directory = Directory::new("kill");
    let path = directory.file("sessions.redb");
    let mut acknowledged = Acknowledged::default();
    let mut epoch = None;
    for round in 0..ROUNDS {
        let (mut process, mut lines) = start(child::command(&[], &path));
        assert!(
            lines.any(|line| line == "ready"),
            "the child process did not start"
        );
        if round == 0 {
            let error = RedbStore::open(&path).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(error.to_string().contains("is already open"), "{error}");
        }
        let mut left = number(300);
        while left > 0 {
            let line = lines.next().expect("the child process ended early");
            left -= u64::from(acknowledged.note(&line));
        }
        // Kills the child at a random time after an acknowledgement.
        std::thread::sleep(std::time::Duration::from_micros(number(5_000)));
        process.kill().unwrap();
        let status = process.wait().unwrap();
        assert!(!status.success(), "the child process was not killed");
        for line in lines {
            acknowledged.note(&line);
        }
        let store = RedbStore::open(&path).unwrap();
        acknowledged.all_there(&store).await;
        let position = store.position().await.unwrap();
        assert_eq!(
            *epoch.get_or_insert(position.epoch),
            position.epoch,
            "the epoch has changed"
        );
    }
    assert!(acknowledged.revisions.len() > ROUNDS && acknowledged.revoked.len() > ROUNDS);
}
