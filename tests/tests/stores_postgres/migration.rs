//! Creation of the tables.

use tollgate_session::{RevocationStore, SessionStore, StoreErrorKind};
use tollgate_store_postgres::PostgresStore;
use tollgate_tests::servers::Postgres;

use super::{NOW, open, other_client, ready, revocation, session};

const FIRST: &str = include_str!(
    "../../../crates/tollgate-store-postgres/migrations/0001_sessions_and_revocations.sql"
);
const SECOND: &str = include_str!(
    "../../../crates/tollgate-store-postgres/migrations/0002_order_of_revocations.sql"
);
const THIRD: &str =
    include_str!("../../../crates/tollgate-store-postgres/migrations/0003_login_attempts.sql");

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_starts_migrate_once() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let migrate = |prefix: &str| {
        let store = PostgresStore::builder(server.url().parse().unwrap())
            .table_prefix(prefix)
            .build()
            .unwrap();
        tokio::spawn(async move { store.migrate().await.unwrap() })
    };
    let tasks: Vec<_> = (0..16)
        .map(|task| migrate(["", "other_"][task % 2]))
        .collect();
    let mut steps = 0;
    for task in tasks {
        steps += task.await.unwrap();
    }
    assert_eq!(steps, 6, "each of the two sets of tables is migrated once");
    assert_eq!(
        server.sql("SELECT count(*) FROM tollgate.revocation_head"),
        "1"
    );
    assert_eq!(
        server.sql("SELECT max(version) FROM tollgate.other_migrations"),
        "3"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_files_can_be_run_manually() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql("CREATE SCHEMA tollgate");
    server.sql(FIRST);
    server.sql(SECOND);
    server.sql(THIRD);
    let store = open(&server);
    assert_eq!(store.migrate().await.unwrap(), 0);
    assert!(store.insert(&session(1, "u-7"), NOW).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_of_the_first_version_are_kept() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql("CREATE SCHEMA tollgate");
    server.sql(FIRST);
    let old = "INSERT INTO tollgate.revocations (key, issued_before, expires_at) \
               VALUES ('t\\000\\000\\000\\001ab', 7, 9000000000)";
    server.sql(old);
    let store = open(&server);
    assert_eq!(store.migrate().await.unwrap(), 2);
    let snapshot = store.snapshot(NOW).await.unwrap();
    assert_eq!(snapshot.entries.len(), 1);
    store.revoke(&[revocation("new")], NOW).await.unwrap();
    let changes = store
        .changes(snapshot.position, NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changes.entries, [revocation("new")]);
    // The first version of the store cannot revoke unnoticed.
    let refused = other_client(&server).await.batch_execute(old).await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_later_version_are_not_changed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql("INSERT INTO tollgate.migrations (version) VALUES (1000)");
    assert_eq!(store.migrate().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_tables_give_an_error_with_a_remedy() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = open(&server);
    let error = store.load(&session(1, "u-7").id, NOW).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("`migrate`"), "{error}");
    store.migrate().await.unwrap();
    assert_eq!(store.load(&session(1, "u-7").id, NOW).await.unwrap(), None);
}
