//! The acceptance suite on a file, also after it was closed and opened again.

#![allow(clippy::unwrap_used)]

mod directory;

use std::sync::Arc;

use directory::Directory;
use tollgate_session::{
    MAX_RETENTION, Revocation, RevocationKey, RevocationKind, RevocationStore, SessionId,
    SessionStore, StoreErrorKind, StoredSession,
};
use tollgate_store_redb::RedbStore;
use tollgate_testkit::stores;

const NOW: u64 = 1_700_000_000;

fn session(id: u8) -> StoredSession {
    StoredSession {
        id: SessionId::new([id; 16]),
        subject: "u-7".to_owned(),
        revision: 1,
        expires_at: NOW + 900,
        data: b"{}".to_vec(),
    }
}

fn entry(value: &str) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Token, "iss", value),
        before: Revocation::ALL,
        expires_at: NOW + 900,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redb_store_passes_the_acceptance_suite() {
    let directory = Directory::new("acceptance");
    let path = directory.file("sessions.redb");
    let store = RedbStore::open(&path).unwrap();
    stores::accept(Arc::new(store.clone()), Arc::new(store)).await;
    // Again on the existing data.
    let store = RedbStore::open(&path).unwrap();
    stores::accept(Arc::new(store.clone()), Arc::new(store)).await;
}

#[tokio::test]
async fn the_sequence_continues_after_reopening_the_file() {
    let directory = Directory::new("sequence");
    let path = directory.file("sessions.redb");
    let store = RedbStore::open(&path).unwrap();
    for value in ["a", "b", "c"] {
        store.revoke(&[entry(value)], NOW).await.unwrap();
    }
    let before = store.position().await.unwrap();
    drop(store);
    let store = RedbStore::open(&path).unwrap();
    assert_eq!(store.position().await.unwrap(), before);
    let mut feed = store.feed().await.unwrap();
    store.revoke(&[entry("d")], NOW).await.unwrap();
    feed.next().await.unwrap();
    let changes = store.changes(before, NOW).await.unwrap().unwrap();
    assert_eq!(changes.entries, [entry("d")]);
    assert_eq!(store.snapshot(NOW).await.unwrap().entries.len(), 4);
    drop(store);
    assert_eq!(
        feed.next().await.unwrap_err().kind(),
        StoreErrorKind::Unavailable
    );

    let other = RedbStore::open(directory.file("other.redb")).unwrap();
    assert_ne!(other.position().await.unwrap().epoch, before.epoch);
}

#[tokio::test]
async fn a_file_of_the_first_format_is_updated() {
    let directory = Directory::new("format");
    let path = directory.file("sessions.redb");
    let store = RedbStore::open(&path).unwrap();
    store.revoke(&[entry("a")], NOW).await.unwrap();
    drop(store);
    let facts = redb::TableDefinition::<&str, u64>::new("facts");
    let order = redb::TableDefinition::<(u64, &[u8]), ()>::new("revocation order");
    let sequences = redb::TableDefinition::<&[u8], u64>::new("revocation sequences");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(facts)
        .unwrap()
        .insert("format", 1)
        .unwrap();
    transaction.delete_table(order).unwrap();
    transaction.delete_table(sequences).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let store = RedbStore::open(&path).unwrap();
    let snapshot = store.snapshot(NOW).await.unwrap();
    assert_eq!(snapshot.entries, [entry("a")]);
    let later = Revocation {
        expires_at: NOW + 950,
        ..entry("a")
    };
    store
        .revoke(std::slice::from_ref(&later), NOW)
        .await
        .unwrap();
    let changes = store.changes(snapshot.position, NOW).await.unwrap();
    assert_eq!(changes.unwrap().entries, [later]);
    drop(store);
    // A version that does not know the order refuses the file.
    let database = redb::Database::open(&path).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
    let facts = transaction.open_table(facts).unwrap();
    let format = facts.get("format").unwrap().unwrap().value();
    assert_eq!(format, 2);
}

#[tokio::test]
async fn expired_rows_are_removed_from_the_file() {
    let directory = Directory::new("purge");
    let path = directory.file("sessions.redb");
    let store = RedbStore::open(&path).unwrap();
    for id in 0..20 {
        store.insert(&session(id), NOW).await.unwrap();
        store.revoke(&[entry(&id.to_string())], NOW).await.unwrap();
    }
    for id in 100..120 {
        let later = StoredSession {
            expires_at: NOW + 99_000,
            ..session(id)
        };
        store
            .insert(&later, NOW + 900 + MAX_RETENTION)
            .await
            .unwrap();
    }
    drop(store);
    let database = redb::Database::open(&path).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
    let rows = |name| {
        let table = redb::TableHandle::name(&name).to_owned();
        let handle = transaction.open_untyped_table(name).unwrap();
        (table, redb::ReadableTableMetadata::len(&handle).unwrap())
    };
    let mut counts: Vec<_> = transaction.list_tables().unwrap().map(rows).collect();
    counts.sort();
    let counts: Vec<_> = counts.iter().map(|(name, rows)| (&**name, *rows)).collect();
    assert_eq!(
        counts,
        [
            ("facts", 3),
            ("revocation ends", 0),
            ("revocation order", 0),
            ("revocation sequences", 0),
            ("revocations", 0),
            ("session ends", 20),
            ("sessions", 20),
            ("sessions of subject", 20),
        ]
    );
}

/// A process that starts with a wrong clock has no right one.
#[tokio::test]
async fn a_process_that_starts_ahead_removes_no_live_row() {
    let directory = Directory::new("ahead");
    let path = directory.file("sessions.redb");
    let open = |now| RedbStore::open(&path).unwrap().with_clock(move || now);
    let store = open(NOW);
    store.insert(&session(1), NOW).await.unwrap();
    store.revoke(&[entry("a")], NOW).await.unwrap();
    drop(store);
    let ahead = NOW + 3600;
    let store = open(ahead);
    assert!(
        store
            .find(&[entry("a").key], ahead)
            .await
            .unwrap()
            .is_empty()
    );
    for id in 2..30 {
        let later = StoredSession {
            expires_at: ahead + 900,
            ..session(id)
        };
        store.insert(&later, ahead).await.unwrap();
        let later = Revocation {
            expires_at: ahead + 900,
            ..entry(&id.to_string())
        };
        store.revoke(&[later], ahead).await.unwrap();
    }
    drop(store);
    let store = open(NOW);
    let found = store.find(&[entry("a").key], NOW).await.unwrap();
    assert_eq!(found, [entry("a")]);
    let snapshot = store.snapshot(NOW).await.unwrap();
    assert!(snapshot.entries.contains(&entry("a")));
    let loaded = store.load(&session(1).id, NOW).await.unwrap();
    assert_eq!(loaded, Some(session(1)));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new("mode");
    let path = directory.file("sessions.redb");
    let _store = RedbStore::open(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
