//! Tables with rows from another program.

use tollgate_session::{RevocationStore, SessionStore, StoreErrorKind};
use tollgate_tests::servers::Postgres;

use super::{NOW, failure, ready, resumes, revocation, session};

#[tokio::test(flavor = "multi_thread")]
async fn invalid_rows_are_corrupt() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql(
        "ALTER TABLE tollgate.sessions DROP CONSTRAINT sessions_id_check, \
         DROP CONSTRAINT sessions_expires_at_check, ALTER expires_at TYPE numeric; \
         ALTER TABLE tollgate.revocations DROP CONSTRAINT revocations_issued_before_check; \
         INSERT INTO tollgate.sessions VALUES \
         ('\\x01', 'short', 1, 9000000000, ''), \
         (decode(repeat('02', 16), 'hex'), '\\xff', 1, 9000000000, ''), \
         (decode(repeat('04', 16), 'hex'), 'u-7', 1, 'NaN', ''), \
         (decode(repeat('05', 16), 'hex'), 'u-7', 1, 9000000000.5, ''), \
         (decode(repeat('06', 16), 'hex'), 'u-7', 1, 18446744073709551616, ''); \
         INSERT INTO tollgate.revocations (key, issued_before, expires_at, sequence) \
         VALUES ('malformed', 1, 9000000000, 5)",
    );
    assert_eq!(
        failure(store.of_subject("short", 9, NOW)).await,
        StoreErrorKind::Corrupt
    );
    assert_eq!(
        failure(store.load(&session(2, "").id, NOW)).await,
        StoreErrorKind::Corrupt
    );
    for id in 4..=6 {
        assert_eq!(
            failure(store.load(&session(id, "").id, NOW)).await,
            StoreErrorKind::Corrupt
        );
    }
    assert_eq!(failure(store.snapshot(NOW)).await, StoreErrorKind::Corrupt);
    let at = store.position().await.unwrap();
    assert_eq!(
        failure(store.changes(at, NOW)).await,
        StoreErrorKind::Corrupt
    );
    // Other rows are still readable.
    assert!(store.insert(&session(3, "u-7"), NOW).await.unwrap());
    server.sql("DELETE FROM tollgate.revocations; UPDATE tollgate.sessions SET subject = 'u-8'");
    assert_eq!(
        store
            .load(&session(2, "").id, NOW)
            .await
            .unwrap()
            .unwrap()
            .subject,
        "u-8"
    );
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    server.sql("UPDATE tollgate.revocations SET issued_before = -1");
    assert_eq!(
        failure(store.find(&[revocation("a").key], NOW)).await,
        StoreErrorKind::Corrupt
    );
    server.sql("TRUNCATE tollgate.revocations");
    assert_eq!(store.snapshot(NOW).await.unwrap().entries, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_another_type_do_not_panic() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    assert!(store.insert(&session(1, "u-7"), NOW).await.unwrap());
    assert!(
        store
            .load(&session(1, "u-7").id, NOW)
            .await
            .unwrap()
            .is_some()
    );
    server.sql("ALTER TABLE tollgate.sessions ALTER data TYPE integer USING 7");
    let kinds = [
        StoreErrorKind::Corrupt,
        // A prepared statement fails once after the change.
        StoreErrorKind::Unavailable,
    ];
    for _ in 0..3 {
        assert!(kinds.contains(&failure(store.load(&session(1, "u-7").id, NOW)).await));
        assert!(kinds.contains(&failure(store.insert(&session(2, "u-7"), NOW)).await));
        assert!(kinds.contains(&failure(store.replace(&session(1, "u-7"), 1, NOW)).await));
    }
    server.sql(
        "ALTER TABLE tollgate.sessions ALTER data TYPE bytea USING decode(repeat('01', 8), 'hex')",
    );
    let found = resumes(|| async { store.load(&session(1, "u-7").id, NOW).await }).await;
    assert_eq!(found, Some(session(1, "u-7")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_store_begins_a_new_epoch() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let first = store.position().await.unwrap();
    for removed_by in ["DELETE FROM", "TRUNCATE"] {
        store.revoke(&[revocation("a")], NOW).await.unwrap();
        server.sql(&format!("{removed_by} tollgate.revocation_head"));
        let position = store.position().await.unwrap();
        assert_ne!(position.epoch, first.epoch);
        assert_eq!(store.position().await.unwrap(), position);
        server.sql(&format!("{removed_by} tollgate.revocation_head"));
        store.revoke(&[revocation("b")], NOW).await.unwrap();
        let next = store.position().await.unwrap();
        assert_ne!(next.epoch, position.epoch);
        assert_eq!(next.sequence, 1);
        server.sql(&format!("{removed_by} tollgate.revocation_head"));
        assert_ne!(
            store.snapshot(NOW).await.unwrap().position.epoch,
            next.epoch
        );
    }
}
