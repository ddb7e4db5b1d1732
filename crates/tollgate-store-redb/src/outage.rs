//! A disk that is full or fails, and recovers.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use tollgate_core::{Algorithm, SigningKey};
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, Revocation, RevocationKey, RevocationKind,
    RevocationStore, SessionId, SessionStore, Sessions, StoreError, StoreErrorKind, StoredSession,
};

use crate::RedbStore;
use crate::database::Database;

const NOW: u64 = 1_700_000_000;

/// A disk in memory with a configurable fault.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// The error of writes.
    writing: Option<ErrorKind>,
    reading: Option<ErrorKind>,
    /// The number of syncs.
    syncs: usize,
}

impl Disk {
    fn set(&self, writing: Option<ErrorKind>, reading: Option<ErrorKind>) {
        let mut state = self.0.lock().unwrap();
        state.writing = writing;
        state.reading = reading;
    }

    fn store(&self) -> Result<RedbStore, StoreError> {
        let disk = self.clone();
        RedbStore::of(Database::open(move || {
            let opened = redb::Builder::new()
                .set_cache_size(0)
                .create_with_backend(disk.clone());
            opened.map_err(|error| crate::failure::Failure::from(error).to_error())
        })?)
    }

    fn write_into(&self, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        if let Some(kind) = state.writing {
            return Err(kind.into());
        }
        change(&mut state.bytes);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.0.lock().unwrap();
        if let Some(kind) = state.reading {
            return Err(kind.into());
        }
        let start = usize::try_from(offset).unwrap();
        let bytes = state.bytes.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), Error> {
        self.write_into(|bytes| bytes.resize(usize::try_from(length).unwrap(), 0))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.write_into(|_| ())?;
        self.0.lock().unwrap().syncs += 1;
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let start = usize::try_from(offset).unwrap();
        self.write_into(|bytes| bytes[start..start + data.len()].copy_from_slice(data))
    }
}

fn session(id: u8) -> StoredSession {
    StoredSession {
        id: SessionId::new([id; 16]),
        subject: "u-7".to_owned(),
        revision: 1,
        expires_at: NOW + 900,
        data: vec![id; 5000],
    }
}

fn entry(value: &str) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Token, "iss", value),
        before: Revocation::ALL,
        expires_at: NOW + 900,
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_the_store_recovers() {
    for (fault, kind) in [
        (ErrorKind::StorageFull, StoreErrorKind::Full),
        (ErrorKind::Other, StoreErrorKind::Unavailable),
    ] {
        let disk = Disk::default();
        let store = disk.store().unwrap();
        store.insert(&session(1), NOW).await.unwrap();
        store.revoke(&[entry("a")], NOW).await.unwrap();
        let mut feed = store.feed().await.unwrap();
        for outage in 2..5 {
            disk.set(Some(fault), None);
            for _ in 0..3 {
                assert_eq!(
                    store
                        .insert(&session(outage), NOW)
                        .await
                        .unwrap_err()
                        .kind(),
                    kind
                );
                assert_eq!(
                    store.revoke(&[entry("b")], NOW).await.unwrap_err().kind(),
                    kind
                );
            }
            disk.set(None, None);
            assert_eq!(
                store.load(&session(1).id, NOW).await.unwrap(),
                Some(session(1))
            );
            assert_eq!(
                store.find(&[entry("a").key], NOW).await.unwrap(),
                [entry("a")]
            );
            // A failed operation was not stored partially: it can be done now, unless it was done.
            if store
                .load(&session(outage).id, NOW)
                .await
                .unwrap()
                .is_none()
            {
                assert!(store.insert(&session(outage), NOW).await.unwrap());
            }
            assert_eq!(
                store.load(&session(outage).id, NOW).await.unwrap(),
                Some(session(outage))
            );
        }
        let before = store.position().await.unwrap();
        store.revoke(&[entry("c")], NOW).await.unwrap();
        feed.next().await.unwrap();
        let changes = store.changes(before, NOW).await.unwrap().unwrap();
        assert_eq!(changes.entries, [entry("c")], "the same feed continues");
    }
}

#[tokio::test]
async fn an_unreadable_disk_is_an_error_and_the_store_recovers() {
    let disk = Disk::default();
    let store = disk.store().unwrap();
    for id in 0..40 {
        store.insert(&session(id), NOW).await.unwrap();
    }
    disk.set(Some(ErrorKind::Other), Some(ErrorKind::Other));
    let error = store.load(&session(7).id, NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(store.snapshot(NOW).await.is_err());
    assert!(store.insert(&session(41), NOW).await.is_err());
    disk.set(None, None);
    for id in 0..40 {
        assert_eq!(
            store.load(&session(id).id, NOW).await.unwrap(),
            Some(session(id))
        );
    }
}

#[tokio::test]
async fn a_refresh_syncs_once() {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(
            SigningKey::generate(Algorithm::ES256)
                .unwrap()
                .with_kid("1"),
        );
    let disk = Disk::default();
    let sessions = Sessions::builder(issuer.build().unwrap(), disk.store().unwrap())
        .refresh_key(RefreshKey::generate(1).unwrap())
        .build()
        .unwrap();
    let refresh = async |token: &str| {
        let tokens = sessions.refresh(token, RefreshRequest::default()).await;
        tokens.unwrap().refresh_token
    };
    let mut before = disk.0.lock().unwrap().syncs;
    let mut syncs = || {
        let (last, now) = (before, disk.0.lock().unwrap().syncs);
        before = now;
        now - last
    };
    let first = sessions.login(Login::new("u-7")).await.unwrap();
    assert_eq!(syncs(), 1, "login");
    let second = refresh(&first.refresh_token).await;
    assert_eq!(syncs(), 1, "the first refresh");
    refresh(&second).await;
    assert_eq!(syncs(), 1, "a refresh");
    refresh(&second).await;
    assert_eq!(sessions.devices("u-7", None).await.unwrap().len(), 1);
    assert_eq!(syncs(), 0, "a repeat and a list");
    assert!(sessions.logout(&first.session).await.unwrap());
    assert_eq!(syncs(), 2, "the revocation and the end of the session");
}
