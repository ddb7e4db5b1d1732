//! Callers whose clock is wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_session::{Revocation, RevocationStore, SessionStore, StoredSession};
use tollgate_tests::servers::Postgres;

use super::{open, ready, revocation, session};

const HOUR: u64 = 3600;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_for_a_while_drops_nothing() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let ahead = open(&server);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let clock = store.clock().await.unwrap().unwrap();
    assert!(clock.abs_diff(now) < 5);
    let entry = Revocation {
        expires_at: now + 900,
        ..revocation("a")
    };
    let keys = [entry.key.clone()];
    store
        .revoke(std::slice::from_ref(&entry), now)
        .await
        .unwrap();
    let live = StoredSession {
        expires_at: now + 900,
        ..session(1, "u-7")
    };
    assert!(store.insert(&live, now).await.unwrap());
    let before = ahead.position().await.unwrap();

    // An instance that is ahead by an hour.
    let later = now + HOUR;
    assert_eq!(
        ahead.find(&keys, later).await.unwrap(),
        std::slice::from_ref(&entry)
    );
    assert_eq!(
        ahead.snapshot(later).await.unwrap().entries,
        std::slice::from_ref(&entry)
    );
    assert_eq!(ahead.purge(later).await.unwrap(), 0);
    let narrow = Revocation {
        before: 7,
        expires_at: later + 60,
        ..entry.clone()
    };
    ahead.revoke(&[narrow], later).await.unwrap();
    let mut other = session(2, "u-7");
    other.expires_at = later + 900;
    assert!(ahead.insert(&other, later).await.unwrap());

    // Its clock is right again.
    let wide = Revocation {
        expires_at: later + 60,
        ..entry
    };
    for store in [&ahead, &store] {
        assert_eq!(
            store.find(&keys, now).await.unwrap(),
            std::slice::from_ref(&wide)
        );
        let changes = store.changes(before, now).await.unwrap().unwrap();
        assert_eq!(changes.entries, std::slice::from_ref(&wide));
        assert_eq!(store.load(&live.id, now).await.unwrap(), Some(live.clone()));
    }

    // Rows go when both clocks say so, or the caller's alone by two hours.
    assert_eq!(store.purge(later + 60 + 2 * HOUR + 900).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_behind_sees_what_has_not_ended_for_it() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let now = super::NOW;
    let entry = revocation("a");
    store
        .revoke(std::slice::from_ref(&entry), now)
        .await
        .unwrap();
    assert_eq!(store.purge(entry.expires_at - 1).await.unwrap(), 0);
    assert_eq!(
        store
            .find(std::slice::from_ref(&entry.key), entry.expires_at - 1)
            .await
            .unwrap(),
        std::slice::from_ref(&entry)
    );
    assert_eq!(store.purge(entry.expires_at).await.unwrap(), 1);
}
