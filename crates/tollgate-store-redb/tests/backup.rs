//! The backup of a file in use.

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
const ROUNDS: usize = 15;

fn session(id: SessionId, revision: u64) -> StoredSession {
    StoredSession {
        id,
        subject: format!("owner of {id}"),
        revision,
        expires_at: NOW + 900 + revision,
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

/// Rotates, revokes and makes backups until it is killed. Does nothing without the variable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_process() {
    let Some(path) = child::path() else { return };
    let store = RedbStore::open(&path).unwrap();
    say("ready");
    for _ in 0..4 {
        let store = store.clone();
        tokio::spawn(async move {
            let id = SessionId::generate(&SystemRandom).unwrap();
            assert!(store.insert(&session(id, 1), NOW).await.unwrap());
            for revision in 2.. {
                let next = session(id, revision);
                assert!(store.replace(&next, revision - 1, NOW).await.unwrap());
                say(&format!("kept {id} {revision}"));
                let name = format!("{id}-{revision}");
                store.revoke(&[entry(&name)], NOW).await.unwrap();
                say(&format!("revoked {name}"));
            }
        });
    }
    let path = path.into_string().unwrap();
    let process = std::process::id();
    for number in 0.. {
        let copy = format!("{path}-{process}-{number}");
        say(&format!("begin {copy}"));
        store.backup_to(&copy).await.unwrap();
        say(&format!("end {copy}"));
    }
}

#[derive(Clone, Default)]
struct Acknowledged {
    revisions: HashMap<SessionId, u64>,
    revoked: Vec<String>,
}

impl Acknowledged {
    /// Checks that the store has at least this, and is consistent.
    async fn are_in(&self, store: &RedbStore) {
        for (id, revision) in &self.revisions {
            let found = store.load(id, NOW).await.unwrap().unwrap();
            assert!(found.revision >= *revision, "a backup lacks a write");
            assert!(found == session(*id, found.revision));
            let listed = store.of_subject(&found.subject, 9, NOW).await.unwrap();
            assert!(listed == [found], "the index differs from the sessions");
        }
        let keys: Vec<_> = self.revoked.iter().map(|name| entry(name).key).collect();
        let found = store.find(&keys, NOW).await.unwrap();
        assert_eq!(found.len(), keys.len(), "a backup lacks a revocation");
        let snapshot = store.snapshot(NOW).await.unwrap();
        let entries = u64::try_from(snapshot.entries.len()).unwrap();
        assert_eq!(snapshot.position.sequence, entries);
    }
}

#[tokio::test]
async fn a_backup_under_load_is_complete_even_if_the_process_is_killed() {
    if child::path().is_some() {
        return;
    }
    let directory = Directory::new("backup");
    let path = directory.file("sessions.redb");
    let mut now = Acknowledged::default();
    let mut checked = 0;
    for _ in 0..ROUNDS {
        let (mut process, lines) = start(child::command(&[], &path));
        let mut copies: HashMap<String, Acknowledged> = HashMap::new();
        let mut left = number(150) + 20;
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["kept", id, revision] => {
                    let revision = revision.parse().unwrap();
                    now.revisions.insert(id.parse().unwrap(), revision);
                }
                ["revoked", name] => now.revoked.push(name.to_owned()),
                ["begin", copy] => {
                    copies.insert(copy.to_owned(), now.clone());
                }
                _ => continue,
            }
            left = left.saturating_sub(1);
            if left == 0 {
                // Lines that were written before the kill are read after it.
                process.kill().unwrap();
            }
        }
        assert!(!process.wait().unwrap().success(), "it was not killed");
        // Also a copy that the process did not report any more.
        for (copy, before) in copies {
            if std::path::Path::new(&copy).exists() {
                let restored = RedbStore::open(&copy).unwrap();
                before.are_in(&restored).await;
                checked += 1;
                drop(restored);
                std::fs::remove_file(copy).unwrap();
            }
        }
    }
    assert!(checked > 3, "only {checked} backups");
}

#[tokio::test]
async fn a_restored_file_has_an_epoch_of_its_own_and_goes_on() {
    let directory = Directory::new("restore");
    let store = RedbStore::open(directory.file("sessions.redb")).unwrap();
    let id = SessionId::new([7; 16]);
    store.insert(&session(id, 1), NOW).await.unwrap();
    store.revoke(&[entry("a")], NOW).await.unwrap();
    let (one, two) = (directory.file("one.redb"), directory.file("two.redb"));
    store.backup_to(&one).await.unwrap();
    store.replace(&session(id, 2), 1, NOW).await.unwrap();
    store.revoke(&[entry("b")], NOW).await.unwrap();
    store.backup_to(&two).await.unwrap();
    let (one, two) = (
        RedbStore::open(&one).unwrap(),
        RedbStore::open(&two).unwrap(),
    );
    let mut epochs = Vec::new();
    for (copy, revision, entries) in [(&one, 1, 1), (&two, 2, 2), (&store, 2, 2)] {
        let found = copy.load(&id, NOW).await.unwrap();
        assert_eq!(found, Some(session(id, revision)));
        let snapshot = copy.snapshot(NOW).await.unwrap();
        assert_eq!(snapshot.entries.len(), entries);
        epochs.push(snapshot.position.epoch);
        copy.revoke(&[entry("c")], NOW).await.unwrap();
        let changes = copy.changes(snapshot.position, NOW).await.unwrap();
        assert_eq!(changes.unwrap().entries, [entry("c")]);
    }
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 3);
}

#[tokio::test]
async fn a_backup_replaces_no_file_and_leaves_none_behind() {
    let directory = Directory::new("refused");
    let path = directory.file("sessions.redb");
    let store = RedbStore::open(&path).unwrap();
    let error = store.backup_to(&path).await.unwrap_err();
    assert!(
        error.to_string().ends_with("sessions.redb exists"),
        "{error}"
    );
    let nowhere = directory.file("no/such/directory/copy.redb");
    let error = store.backup_to(&nowhere).await.unwrap_err();
    assert!(error.to_string().ends_with("the directory does not exist"));

    // The part file of a killed process is replaced.
    let copy = directory.file("copy.redb");
    std::fs::write(directory.file("copy.redb.part"), "rubbish").unwrap();
    store.backup_to(&copy).await.unwrap();
    drop(RedbStore::open(&copy).unwrap());
    let names = std::fs::read_dir(copy.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Two at once: one of them is refused, or the other was faster.
    let (one, two) = (directory.file("1.redb"), directory.file("2.redb"));
    let results = tokio::join!(store.backup_to(&one), store.backup_to(&two));
    let kinds = [results.0, results.1].map(|result| result.map_err(|error| error.kind()));
    assert!(kinds.contains(&Ok(())), "{kinds:?}");
    assert!(
        kinds
            .iter()
            .all(|kind| matches!(kind, Ok(()) | Err(StoreErrorKind::Unavailable)))
    );
}
