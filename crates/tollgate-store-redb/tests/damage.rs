//! Rows and bytes of a file that were damaged.

#![allow(clippy::unwrap_used)]

mod directory;

use std::path::Path;

use directory::Directory;
use proptest::prelude::*;
use redb::{Database, TableDefinition, WriteTransaction};
use tollgate_session::{
    MAX_RETENTION, Revocation, RevocationKey, RevocationKind, RevocationStore, SessionId,
    SessionStore, StoreErrorKind, StoredSession,
};
use tollgate_store_redb::RedbStore;

const NOW: u64 = 1_700_000_000;
const SESSIONS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("sessions");
const OF_SUBJECT: TableDefinition<'_, (&str, [u8; 16]), ()> =
    TableDefinition::new("sessions of subject");
const SESSION_ENDS: TableDefinition<'_, (u64, [u8; 16]), ()> = TableDefinition::new("session ends");
const REVOCATIONS: TableDefinition<'_, &[u8], (u64, u64)> = TableDefinition::new("revocations");
const REVOCATION_ENDS: TableDefinition<'_, (u64, &[u8]), ()> =
    TableDefinition::new("revocation ends");
const ORDER: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("revocation order");
const SEQUENCES: TableDefinition<'_, &[u8], u64> = TableDefinition::new("revocation sequences");
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
/// The number of sessions and of revocations.
const ROWS: u8 = 8;

fn session(id: u8) -> StoredSession {
    StoredSession {
        id: SessionId::new([id; 16]),
        subject: "u-7".to_owned(),
        revision: 1,
        expires_at: NOW + 900,
        data: b"{}".to_vec(),
    }
}

fn entry(number: u8) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Session, "iss", number.to_string()),
        before: Revocation::ALL,
        expires_at: NOW + 900,
    }
}

async fn fill(path: &Path) {
    let store = RedbStore::open(path).unwrap();
    for number in 0..ROWS {
        assert!(store.insert(&session(number), NOW).await.unwrap());
        store.revoke(&[entry(number)], NOW).await.unwrap();
    }
}

fn change(path: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_malformed_session_affects_no_other() {
    let directory = Directory::new("malformed-session");
    let path = directory.file("sessions.redb");
    fill(&path).await;
    change(&path, |transaction| {
        let mut sessions = transaction.open_table(SESSIONS).unwrap();
        sessions.insert([1; 16], &b"rubbish"[..]).unwrap();
    });
    let store = RedbStore::open(&path).unwrap();
    let malformed = session(1);
    let error = store.load(&malformed.id, NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(store.confirm(&malformed, NOW).await.is_err());
    assert!(!store.replace(&malformed, 1, NOW).await.unwrap());
    let listed = store.of_subject("u-7", 99, NOW).await.unwrap();
    assert_eq!(listed.len(), usize::from(ROWS) - 1);
    assert!(!listed.contains(&malformed) && listed.contains(&session(2)));
    assert!(store.insert(&malformed, NOW).await.unwrap());
    let loaded = store.load(&malformed.id, NOW).await.unwrap();
    assert_eq!(loaded, Some(malformed));
}

#[tokio::test]
async fn a_malformed_session_is_removed_at_its_end() {
    let directory = Directory::new("malformed-end");
    let path = directory.file("sessions.redb");
    fill(&path).await;
    change(&path, |transaction| {
        let mut sessions = transaction.open_table(SESSIONS).unwrap();
        sessions.insert([1; 16], &b"rubbish"[..]).unwrap();
    });
    let store = RedbStore::open(&path).unwrap();
    for id in 100..110 {
        let later = StoredSession {
            expires_at: NOW + 99_000,
            ..session(id)
        };
        let end = NOW + 900 + MAX_RETENTION;
        assert!(store.insert(&later, end).await.unwrap());
    }
    drop(store);
    change(&path, |transaction| {
        let sessions = transaction.open_table(SESSIONS).unwrap();
        let rows = redb::ReadableTableMetadata::len(&sessions).unwrap();
        assert_eq!(rows, 10);
    });
}

#[tokio::test]
async fn a_revocation_whose_row_was_lost_still_applies() {
    let directory = Directory::new("lost-revocation");
    let path = directory.file("sessions.redb");
    fill(&path).await;
    change(&path, |transaction| {
        let mut revocations = transaction.open_table(REVOCATIONS).unwrap();
        revocations.remove(&*entry(1).key.to_bytes()).unwrap();
        revocations.insert(&b"rubbish"[..], (0, u64::MAX)).unwrap();
        let mut ends = transaction.open_table(REVOCATION_ENDS).unwrap();
        ends.insert((5, &b"rubbish of another kind"[..]), ())
            .unwrap();
    });
    let store = RedbStore::open(&path).unwrap();
    let found = store.find(&[entry(1).key], NOW).await.unwrap();
    assert_eq!(found, [entry(1)]);
    let snapshot = store.snapshot(NOW).await.unwrap();
    assert_eq!(snapshot.entries.len(), usize::from(ROWS));
    let after = store.position().await.unwrap();
    store.revoke(&[entry(9)], NOW).await.unwrap();
    let changes = store.changes(after, NOW).await.unwrap().unwrap();
    assert_eq!(changes.entries, [entry(9)]);
}

#[tokio::test]
async fn a_file_without_a_position_gets_a_new_one() {
    let directory = Directory::new("position");
    for fact in ["epoch", "sequence", "format"] {
        let path = directory.file(&format!("{fact}.redb"));
        fill(&path).await;
        change(&path, |transaction| {
            transaction.open_table(FACTS).unwrap().remove(fact).unwrap();
        });
        let store = RedbStore::open(&path).unwrap();
        let before = store.position().await.unwrap();
        store.revoke(&[entry(9)], NOW).await.unwrap();
        let changes = store.changes(before, NOW).await.unwrap().unwrap();
        assert!(changes.entries.contains(&entry(9)), "{fact}");
        let snapshot = store.snapshot(NOW).await.unwrap();
        assert_eq!(snapshot.entries.len(), usize::from(ROWS) + 1, "{fact}");
    }
}

#[tokio::test]
async fn a_sequence_at_its_end_starts_a_new_epoch() {
    let directory = Directory::new("last-sequence");
    let path = directory.file("sessions.redb");
    fill(&path).await;
    change(&path, |transaction| {
        let mut facts = transaction.open_table(FACTS).unwrap();
        facts.insert("sequence", u64::MAX).unwrap();
    });
    let store = RedbStore::open(&path).unwrap();
    let before = store.position().await.unwrap();
    assert!(store.changes(before, NOW).await.unwrap().is_some());
    store.revoke(&[entry(9)], NOW).await.unwrap();
    let after = store.position().await.unwrap();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(store.changes(before, NOW).await.unwrap(), None);
    assert_eq!(
        store.snapshot(NOW).await.unwrap().entries.len(),
        usize::from(ROWS) + 1
    );
}

#[test]
fn a_file_of_a_later_version_is_refused_with_its_cause() {
    let runtime = runtime();
    let directory = Directory::new("later");
    let path = directory.file("sessions.redb");
    runtime.block_on(fill(&path));
    change(&path, |transaction| {
        let mut facts = transaction.open_table(FACTS).unwrap();
        facts.insert("format", 3).unwrap();
    });
    let error = RedbStore::open(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store is unavailable: the file has format 3, which a later version has written"
    );
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

/// A change of one row.
#[derive(Clone, Debug)]
struct Damage {
    table: usize,
    row: u8,
    bytes: Vec<u8>,
    number: u64,
    removed: bool,
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let numbers = prop_oneof![Just(0), Just(u64::MAX), Just(NOW), any::<u64>()];
    (0..7_usize, 0..ROWS, bytes, numbers, any::<bool>()).prop_map(
        |(table, row, bytes, number, removed)| Damage {
            table,
            row,
            bytes,
            number,
            removed,
        },
    )
}

impl Damage {
    fn apply(&self, transaction: &WriteTransaction) {
        let (id, key) = ([self.row; 16], entry(self.row).key.to_bytes());
        let (key, bytes, end) = (&*key, &*self.bytes, NOW + 900);
        match self.table {
            0 => {
                let mut table = transaction.open_table(SESSIONS).unwrap();
                // The row with some of its bytes changed, or others.
                let mut row = redb::ReadableTable::get(&table, id)
                    .unwrap()
                    .unwrap()
                    .value()
                    .to_vec();
                if self.removed {
                    row.clone_from(&self.bytes);
                } else {
                    for byte in bytes {
                        let at = usize::from(*byte) % row.len();
                        row[at] ^= byte;
                    }
                }
                table.insert(id, &*row).unwrap();
            }
            1 => {
                let mut table = transaction.open_table(OF_SUBJECT).unwrap();
                if self.removed {
                    table.remove(("u-7", id)).unwrap();
                }
                table.insert(("u-7", [self.row + 100; 16]), ()).unwrap();
            }
            2 => {
                let mut table = transaction.open_table(SESSION_ENDS).unwrap();
                if self.removed {
                    table.remove((end, id)).unwrap();
                }
                table.insert((self.number, id), ()).unwrap();
            }
            3 => {
                let mut table = transaction.open_table(REVOCATIONS).unwrap();
                if self.removed {
                    table.remove(key).unwrap();
                }
                table.insert(bytes, (self.number, self.number)).unwrap();
            }
            4 => {
                let mut table = transaction.open_table(REVOCATION_ENDS).unwrap();
                if self.removed {
                    table.remove((end, key)).unwrap();
                }
                table.insert((self.number, bytes), ()).unwrap();
            }
            5 => {
                let mut table = transaction.open_table(ORDER).unwrap();
                table.insert((self.number, bytes), ()).unwrap();
            }
            _ => {
                let mut table = transaction.open_table(SEQUENCES).unwrap();
                table.insert(key, self.number).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damaged_rows_affect_no_others(damages in prop::collection::vec(damage(), 1..5)) {
        let directory = Directory::new("rows");
        let path = directory.file("sessions.redb");
        runtime().block_on(async {
            fill(&path).await;
            change(&path, |transaction| {
                for damage in &damages {
                    damage.apply(transaction);
                }
            });
            let store = RedbStore::open(&path).unwrap();
            let hit = |table, row| {
                damages.iter().any(|damage| damage.table == table && damage.row == row)
            };
            let listed = store.of_subject("u-7", 99, NOW).await.unwrap();
            for row in 0..ROWS {
                let loaded = store.load(&session(row).id, NOW).await;
                if !hit(0, row) {
                    assert_eq!(loaded.unwrap(), Some(session(row)), "a session is lost");
                    assert!(hit(1, row) || listed.contains(&session(row)), "it is not listed");
                }
            }
            // No damage undoes a revocation whose end and key are known.
            let snapshot = store.snapshot(NOW).await.unwrap();
            for row in 0..ROWS {
                if hit(3, row) && hit(4, row) {
                    continue;
                }
                let key = entry(row).key;
                let found = store.find(std::slice::from_ref(&key), NOW).await.unwrap();
                assert!(found.iter().any(|found| found.key == key), "{row} is undone");
                assert!(snapshot.entries.iter().any(|entry| entry.key == key));
            }
            // Everything goes on.
            let at = store.position().await.unwrap();
            store.revoke(&[entry(50)], NOW).await.unwrap();
            let changes = store.changes(at, NOW).await.unwrap().unwrap();
            assert!(changes.entries.contains(&entry(50)));
            for row in 50..60 {
                assert!(store.insert(&session(row), NOW + 1).await.unwrap());
                let next = StoredSession { revision: 2, ..session(row) };
                assert!(store.replace(&next, 1, NOW).await.unwrap());
            }
            for row in 0..ROWS {
                store.revoke(&[entry(row)], NOW).await.unwrap();
                let _ = store.insert(&session(row), NOW).await.unwrap();
                assert!(store.load(&session(row).id, NOW).await.unwrap().is_some());
            }
            let found = store.find(&[entry(50).key], NOW).await.unwrap();
            assert_eq!(found, [entry(50)]);
        });
    }

    /// Any bytes of the file: an operation may fail, but it returns.
    #[test]
    fn damaged_bytes_never_end_the_process(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 1..60),
    ) {
        let directory = Directory::new("bytes");
        let path = directory.file("sessions.redb");
        runtime().block_on(async {
            fill(&path).await;
            let mut bytes = std::fs::read(&path).unwrap();
            for (index, flip) in flips {
                let at = index.index(bytes.len());
                bytes[at] ^= flip;
            }
            std::fs::write(&path, bytes).unwrap();
            let Ok(store) = RedbStore::open(&path) else {
                return;
            };
            for round in 0..3 {
                for row in 0..ROWS {
                    let _ = store.load(&session(row).id, NOW).await;
                    let _ = store.revoke(&[entry(row)], NOW).await;
                    let _ = store.insert(&session(row + 50), NOW + round).await;
                }
                let _ = store.of_subject("u-7", 99, NOW).await;
                let _ = store.snapshot(NOW).await;
                if let Ok(at) = store.position().await {
                    let _ = store.changes(at, NOW).await;
                }
            }
        });
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = Directory::new("no-database");
    let path = directory.file("letter.txt");
    std::fs::write(&path, "Dear Sir or Madam, ".repeat(1000)).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
}
