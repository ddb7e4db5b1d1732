//! Random interleavings of threads over the replica and the memory store.
//!
//! `cargo xtask interleavings`

use std::collections::HashSet;
use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread;
use tokio::time::Instant;

use super::replica::{Names, Replica};
use super::{Revocation, RevocationKey, RevocationKind, RevocationStore};
use crate::{MemoryStore, SessionId, SessionStore, StoredSession};

/// The number of interleavings of each test.
const RUNS: usize = 2_000;

fn entry(value: &str, expires_at: u64) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Session, "iss", value),
        before: Revocation::ALL,
        expires_at,
    }
}

fn new_replica(most: usize) -> Replica {
    let replica = Replica::new("iss".to_owned(), most);
    replica.set_store_clock(1_700_000_000);
    replica
}

fn revokes(replica: &Replica, name: &str, now: u64) -> bool {
    let mut names = [None; 5];
    names[0] = Some((RevocationKind::Session, name));
    let issued_at = 0;
    let of_actor = [None; 2];
    let names = Names {
        of_token: names,
        of_actor,
        issued_at,
    };
    replica.revokes(&names, || now)
}

/// Runs the threads over a shared value.
fn together<T: Send + Sync + 'static, const N: usize>(shared: &Arc<T>, threads: [fn(&T); N]) {
    let threads = threads.map(|thread| {
        let shared = Arc::clone(shared);
        thread::spawn(move || thread(&shared))
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_replica_in_sync_knows_the_entries_before_its_confirmation() {
    shuttle::check_random(
        || {
            let replica = Arc::new(new_replica(8));
            replica.learn(&[entry("old", 5)], 4).unwrap();
            together(
                &replica,
                [
                    |replica| {
                        replica.learn(&[entry("new", 9)], 4).unwrap();
                        replica.confirm(Instant::now());
                    },
                    |replica| replica.purge(5),
                    |replica| {
                        let in_sync = replica.is_in_sync();
                        assert!(revokes(replica, "new", 4) || !in_sync);
                    },
                ],
            );
        },
        RUNS,
    );
}

#[test]
fn a_live_entry_is_never_missed() {
    shuttle::check_random(
        || {
            let replica = Arc::new(new_replica(2));
            let entries = [entry("lasting", 9), entry("old", 5)];
            replica.learn(&entries, 4).unwrap();
            together(
                &replica,
                [
                    // Expired entries make room.
                    |replica| replica.learn(&[entry("new", 9)], 5).unwrap(),
                    |replica| replica.restart(5),
                    |replica| {
                        replica.learn(&[entry("lasting", 10)], 5).unwrap();
                        assert!(revokes(replica, "lasting", 9));
                    },
                    |replica| assert!(revokes(replica, "lasting", 5)),
                ],
            );
            assert!(revokes(&replica, "new", 5) && !revokes(&replica, "old", 5));
        },
        RUNS,
    );
}

#[test]
fn an_over_full_replica_is_not_confirmed() {
    shuttle::check_random(
        || {
            let replica = Arc::new(new_replica(1));
            together(
                &replica,
                [
                    |replica| drop(replica.learn(&[entry("a", 9)], 4)),
                    |replica| drop(replica.learn(&[entry("b", 9)], 4)),
                    |replica| replica.confirm(Instant::now()),
                ],
            );
            assert!(!replica.is_in_sync());
        },
        RUNS,
    );
}

#[test]
fn changes_of_the_memory_store_lead_to_their_position() {
    shuttle::check_random(
        || {
            let store = MemoryStore::default();
            let start = block_on(store.position()).unwrap();
            let writers = ["a", "b"].map(|name| {
                let store = store.clone();
                thread::spawn(move || {
                    for entry in [entry(name, 9), entry("both", 9)] {
                        block_on(store.revoke(&[entry], 4)).unwrap();
                    }
                })
            });
            let (mut at, mut known) = (start, HashSet::new());
            let mut read = || {
                let changes = block_on(store.changes(at, 4)).unwrap().unwrap();
                let snapshot = block_on(store.snapshot(4)).unwrap();
                at = changes.position;
                known.extend(changes.entries.into_iter().map(|entry| entry.key));
                if snapshot.position == at {
                    assert_eq!(snapshot.entries.len(), known.len());
                }
            };
            read();
            read();
            for writer in writers {
                writer.join().unwrap();
            }
            read();
            assert_eq!(known.len(), 3);
            assert_eq!(at.sequence, start.sequence + 4);
        },
        RUNS,
    );
}

#[test]
fn one_of_two_replacements_succeeds() {
    shuttle::check_random(
        || {
            let session = StoredSession {
                id: SessionId::new([7; 16]),
                subject: "u-7".to_owned(),
                revision: 1,
                expires_at: 9,
                data: Vec::new(),
            };
            let store = MemoryStore::default();
            assert!(block_on(store.insert(&session, 4)).unwrap());
            let callers = [2, 3].map(|revision| {
                let (store, session) = (store.clone(), session.clone());
                let next = StoredSession {
                    revision,
                    ..session
                };
                thread::spawn(move || block_on(store.replace(&next, 1, 4)).unwrap())
            });
            let succeeded = callers.map(|caller| caller.join().unwrap());
            assert_ne!(succeeded[0], succeeded[1]);
        },
        RUNS,
    );
}
