//! Tables with rows from another program.

use tollgate_session::{
    Revocation, RevocationStore, SessionStore, StoreError, StoreErrorKind, StoredSession,
};
use tollgate_tests::servers::Postgres;

use super::{NOW, failure, ready, resumes, revocation, session};

const LOOSEN: &str = "\
    ALTER TABLE tollgate.sessions DROP CONSTRAINT sessions_id_check, \
    DROP CONSTRAINT sessions_expires_at_check, ALTER expires_at TYPE numeric, \
    ALTER expires_at DROP NOT NULL, ALTER subject DROP NOT NULL, ALTER revision DROP NOT NULL, \
    ALTER data DROP NOT NULL; \
    ALTER TABLE tollgate.revocations DROP CONSTRAINT revocations_issued_before_check, \
    DROP CONSTRAINT revocations_expires_at_check, ALTER expires_at TYPE numeric, \
    ALTER issued_before TYPE numeric, \
    ALTER expires_at DROP NOT NULL, ALTER issued_before DROP NOT NULL";

/// A row without an end has ended.
fn is_missing_or_corrupt(loaded: &Result<Option<StoredSession>, StoreError>) -> bool {
    match loaded {
        Ok(found) => found.is_none(),
        Err(error) => error.kind() == StoreErrorKind::Corrupt,
    }
}

/// No row makes another one unreadable, or an operation on others fail.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_session_disturbs_no_other() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql(LOOSEN);
    let good = session(200, "u-7");
    assert!(store.insert(&good, NOW).await.unwrap());
    let id = "decode(repeat('01', 16), 'hex')";
    let rows = [
        "'\\x01', 'u-7', 1, 9000000000, ''".to_owned(),
        format!("{id}, NULL, 1, 9000000000, ''"),
        format!("{id}, 'u-7', NULL, 9000000000, ''"),
        format!("{id}, 'u-7', 1, NULL, ''"),
        format!("{id}, 'u-7', 1, 9000000000, NULL"),
        format!("{id}, '\\xff', 1, 9000000000, ''"),
        format!("{id}, 'u-7', 1, 'NaN', ''"),
        format!("{id}, 'u-7', 1, 9000000000.5, ''"),
        format!("{id}, 'u-7', 1, 18446744073709551616, ''"),
        format!("{id}, 'u-7', 1, 1e40, ''"),
        format!("{id}, 'u-7', 1, -1, ''"),
    ];
    for row in rows {
        server.sql(&format!("INSERT INTO tollgate.sessions VALUES ({row})"));
        let held = session(1, "u-7");
        let loaded = store.load(&held.id, NOW).await;
        assert!(is_missing_or_corrupt(&loaded), "{row}: {loaded:?}");
        let listed = store.of_subject("u-7", 64, NOW).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&good), "{row}");
        store.replace(&held, 1, NOW).await.unwrap();
        assert!(store.confirm(&good, NOW).await.unwrap(), "{row}");
        store.purge(NOW).await.unwrap();
        server.sql("DELETE FROM tollgate.sessions WHERE id <> decode(repeat('c8', 16), 'hex')");
    }
    assert!(store.insert(&session(3, "u-7"), NOW).await.unwrap());
}

/// Every combination of values: each row is read, missing or corrupt.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_any_values_disturb_nobody() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql(LOOSEN);
    let good = session(200, "u-7");
    assert!(store.insert(&good, NOW).await.unwrap());
    server.sql(
        "INSERT INTO tollgate.sessions SELECT \
         decode(lpad(to_hex(row_number() OVER ()), 32, '0'), 'hex'), s, r, e, d FROM \
         (VALUES ('u-7'::bytea), ('u-7\\000'), ('\\x80'), (''), (NULL)) AS s (s), \
         (VALUES (1::bigint), (-9223372036854775808), (NULL)) AS r (r), \
         (VALUES (9e9::numeric), (NULL), ('NaN'), (-1), (0), (0.5), (9e9 + 0.0001), \
         (18446744073709551615), (18446744073709551616), (1e131000)) AS e (e), \
         (VALUES (''::bytea), ('\\x00'), (NULL)) AS d (d)",
    );
    let readable = |subject: &str| {
        let count = server.sql(&format!(
            "SELECT count(*) FROM tollgate.sessions WHERE subject = '{subject}' \
             AND revision IS NOT NULL AND data IS NOT NULL \
             AND expires_at IN (9000000000, 18446744073709551615, {})",
            good.expires_at
        ));
        count.parse::<usize>().unwrap()
    };
    assert_eq!(readable("u-7"), 1 + 2 * 2 * 2);
    for (subject, shown) in [("u-7", "u-7"), ("u-7\0", "u-7\\000"), ("", "")] {
        let found = store.of_subject(subject, 1000, NOW).await.unwrap();
        assert_eq!(found.len(), readable(shown), "{subject:?}");
    }
    for number in 0_u16..=450 {
        let mut id = [0; 16];
        id[14..].copy_from_slice(&number.to_be_bytes());
        let id = tollgate_session::SessionId::new(id);
        let loaded = store.load(&id, NOW).await;
        let read = matches!(&loaded, Ok(Some(found)) if found.id == id);
        assert!(read || is_missing_or_corrupt(&loaded), "{loaded:?}");
    }
    store.purge(NOW).await.unwrap();
    assert_eq!(store.load(&good.id, NOW).await.unwrap(), Some(good));
}

/// A revocation that can be read in part revokes more, not less.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_revocation_stays_a_revocation() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql(LOOSEN);
    let start = store.position().await.unwrap();
    let (a, b) = (revocation("a"), revocation("b"));
    let bounded = Revocation {
        before: 7,
        ..a.clone()
    };
    store.revoke(&[bounded, b.clone()], NOW).await.unwrap();
    server.sql(
        "CREATE TABLE public.a AS SELECT digest FROM tollgate.revocations \
         WHERE issued_before = 7; \
         INSERT INTO tollgate.revocations (key, issued_before, expires_at, sequence) \
         VALUES ('malformed', 1, 9000000000, 5)",
    );
    let only_a = "WHERE digest IN (SELECT digest FROM public.a)";
    let ever = Revocation {
        expires_at: u64::MAX,
        ..a.clone()
    };
    for (column, value, expected) in [
        ("issued_before", "NULL", &a),
        ("issued_before", "-1", &a),
        ("issued_before", "'NaN'", &a),
        ("issued_before", "0.5", &a),
        ("issued_before", "18446744073709551616", &a),
        ("expires_at", "NULL", &ever),
        ("expires_at", "'NaN'", &ever),
        ("expires_at", "1800000000.5", &ever),
        ("expires_at", "18446744073709551616", &ever),
    ] {
        server.sql(&format!(
            "UPDATE tollgate.revocations SET issued_before = 18446744073709551615, \
             expires_at = {} {only_a}; \
             UPDATE tollgate.revocations SET {column} = {value} {only_a}",
            a.expires_at
        ));
        let mut entries = store.snapshot(NOW).await.unwrap().entries;
        entries.sort_by_key(|entry| entry.key.to_bytes());
        assert_eq!(entries, [expected.clone(), b.clone()], "{column} {value}");
        let changes = store.changes(start, NOW).await.unwrap().unwrap();
        assert_eq!(changes.entries.len(), 2, "{column} {value}");
        assert_eq!(
            store.find(std::slice::from_ref(&a.key), NOW).await.unwrap(),
            std::slice::from_ref(expected)
        );
    }
    // It can be repaired.
    server.sql(&format!("DELETE FROM tollgate.revocations {only_a}"));
    assert_eq!(store.snapshot(NOW).await.unwrap().entries, [b]);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_another_type_log_nobody_out() {
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
    // The client of a session that is `Corrupt` has to log in again.
    let kinds = [StoreErrorKind::Unavailable];
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
