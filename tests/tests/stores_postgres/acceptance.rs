//! The conformance suite of all stores, and cases specific to a database.

use std::sync::Arc;

use tollgate_session::{Revocation, RevocationStore, SessionStore};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::deadpool_postgres::{Manager, Pool};
use tollgate_store_postgres::tokio_postgres::{Config, NoTls};
use tollgate_testkit::stores;
use tollgate_tests::servers::Postgres;

use super::{NOW, open, ready, revocation, session};

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_pass_the_suite() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let one = ready(&server).await;
    stores::accept(Arc::new(one), Arc::new(open(&server))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_pool_and_custom_defaults_pass_the_suite() {
    let Some(server) = Postgres::start() else {
        return;
    };
    // The statements do not depend on either default.
    server.sql("ALTER ROLE tollgate SET default_transaction_isolation = 'serializable'");
    server.sql("ALTER ROLE tollgate SET search_path = ''");
    let config: Config = server.url().parse().unwrap();
    let store = || {
        let pool = Pool::builder(Manager::new(config.clone(), NoTls))
            .max_size(8)
            .build();
        PostgresStore::builder(config.clone())
            .pool(pool.unwrap())
            .schema("public")
            .table_prefix("auth_")
            .build()
            .unwrap()
    };
    let (one, other) = (store(), store());
    one.migrate().await.unwrap();
    stores::accept(Arc::new(one), Arc::new(other)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_another_encoding_passes_the_suite() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql("CREATE DATABASE old TEMPLATE template0 ENCODING 'LATIN1'");
    let mut config: Config = server.url().parse().unwrap();
    config.dbname("old");
    let store = PostgresStore::builder(config).build().unwrap();
    store.migrate().await.unwrap();
    stores::all(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_in_a_subject_is_stored_as_text() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let long = "x".repeat(100_000);
    let subjects = [
        "'; DROP TABLE tollgate.sessions; --",
        "' OR '1'='1",
        "\\'; SELECT pg_sleep(10); --",
        "$1",
        "%",
        "_",
        "\0",
        "u-7\0",
        "ü\u{10FFFF}",
        "",
        &long,
    ];
    for (id, subject) in (0..).zip(subjects) {
        assert!(store.insert(&session(id, subject), NOW).await.unwrap());
        let entry = Revocation {
            key: tollgate_session::RevocationKey::new(
                tollgate_session::RevocationKind::Subject,
                subject,
                subject,
            ),
            ..revocation("")
        };
        store
            .revoke(std::slice::from_ref(&entry), NOW)
            .await
            .unwrap();
        assert_eq!(
            store
                .find(std::slice::from_ref(&entry.key), NOW)
                .await
                .unwrap(),
            [entry]
        );
    }
    for (id, subject) in (0..).zip(subjects) {
        assert_eq!(
            store.of_subject(subject, 10, NOW).await.unwrap(),
            [session(id, subject)]
        );
    }
    assert_eq!(
        store.snapshot(NOW).await.unwrap().entries.len(),
        subjects.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_expired_rows_are_removed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    for id in 0..20 {
        let mut session = session(id, "u-7");
        session.expires_at = NOW + u64::from(id);
        assert!(store.insert(&session, NOW - 10).await.unwrap());
        let mut entry = revocation(&id.to_string());
        entry.expires_at = NOW + u64::from(id);
        store.revoke(&[entry], NOW - 10).await.unwrap();
    }
    assert_eq!(store.purge(NOW + 9).await.unwrap(), 20);
    assert_eq!(store.purge(NOW + 9).await.unwrap(), 0);
    assert_eq!(store.of_subject("u-7", 64, NOW).await.unwrap().len(), 10);
    assert_eq!(store.snapshot(NOW).await.unwrap().entries.len(), 10);

    // An insert also removes expired rows.
    assert!(store.insert(&session(99, "u-8"), NOW + 100).await.unwrap());
    let left = "SELECT (SELECT count(*) FROM tollgate.sessions) \
                + (SELECT count(*) FROM tollgate.revocations)";
    tollgate_tests::servers::eventually("the expired rows are removed", || server.sql(left) == "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_one_batch_are_removed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql(
        "INSERT INTO tollgate.sessions SELECT decode(md5(n::text), 'hex'), '', 1, 5, '' \
         FROM generate_series(1, 1234) n",
    );
    assert_eq!(store.purge(NOW).await.unwrap(), 1234);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_entry_does_not_widen_another() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    let later = Revocation {
        before: 7,
        expires_at: NOW + 9000,
        ..revocation("a")
    };
    store
        .revoke(std::slice::from_ref(&later), NOW + 4000)
        .await
        .unwrap();
    assert_eq!(
        store
            .find(std::slice::from_ref(&later.key), NOW + 4000)
            .await
            .unwrap(),
        [later]
    );
}
