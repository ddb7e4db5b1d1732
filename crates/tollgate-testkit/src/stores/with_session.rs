//! The read of a session together with its revocations.

use tollgate_session::{
    Revocation, RevocationKey, RevocationStore, SessionId, SessionStore, StoredSession,
};

use super::odd::{fresh, fresh_id};
use super::{HOUR, NOW, answer};

const ISSUER: &str = "https://id.example.com";

/// A store may not have this read.
pub(super) async fn equals_both_reads<S: SessionStore + RevocationStore>(one: &S, other: &S) {
    let id = fresh_id();
    let session = StoredSession {
        id,
        subject: format!("with revocations \0 {}", fresh()),
        revision: 1,
        expires_at: NOW + HOUR,
        data: b"first".to_vec(),
    };
    equal(other, &id, NOW).await;
    assert!(answer(one.insert(&session, NOW).await));
    let keys = RevocationKey::of_session(ISSUER, &id, &session.subject);
    // The last round has the entries of all keys, and two of another issuer.
    for (round, key) in keys.into_iter().enumerate() {
        for store in [one, other] {
            equal(store, &id, NOW).await;
        }
        let before = NOW + u64::try_from(round).unwrap_or(0);
        let strange = RevocationKey::new(key.kind(), "https://other.example.com", key.value());
        let entries = [key, strange].map(|key| Revocation {
            key,
            before,
            expires_at: NOW + 600,
        });
        answer(one.revoke(&entries, NOW).await);
    }
    let next = StoredSession {
        revision: 2,
        data: b"second".to_vec(),
        ..session
    };
    assert!(answer(other.replace(&next, 1, NOW).await));
    for now in [NOW, NOW + 599, NOW + HOUR - 1, NOW + HOUR] {
        for store in [one, other] {
            equal(store, &id, now).await;
        }
    }
}

async fn equal<S: SessionStore + RevocationStore>(store: &S, id: &SessionId, now: u64) {
    let Some(reading) = store.find_with_session(id, ISSUER, now) else {
        return;
    };
    let loaded = answer(store.load(id, now).await);
    let expected = match loaded {
        Some(session) => {
            let keys = RevocationKey::of_session(ISSUER, id, &session.subject);
            Some((session, answer(store.find(&keys, now).await)))
        }
        None => None,
    };
    let sorted = |read: Option<(StoredSession, Vec<Revocation>)>| {
        read.map(|(session, mut entries)| {
            entries.sort_by(|one, other| one.key.cmp(&other.key));
            (session, entries)
        })
    };
    let (read, expected) = (sorted(answer(reading.await)), sorted(expected));
    assert!(
        read == expected,
        "a session with its revocations differs from both alone: {read:?} and {expected:?}"
    );
}
