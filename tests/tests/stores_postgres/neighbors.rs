//! Roles that share the database, but have no right to the tables.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_session::{RevocationStore, Revocations};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::{Config, NoTls, connect};
use tollgate_testkit::Mint;
use tollgate_tests::servers::Postgres;

use super::{NOW, neighbor, open, ready, revocation};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_grants_neither_forges_nor_suppresses_a_revocation() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.sql("CREATE ROLE neighbor LOGIN PASSWORD 'not-so-secret'");
    let url = server.url().replace("tollgate:", "neighbor:");
    let (client, connection) = connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("LISTEN \"tollgate.revocations\"")
        .await
        .unwrap();
    let denied = client.simple_query("SELECT * FROM tollgate.revocation_head");
    assert!(denied.await.is_err());
    // It may know the position from an earlier version, which announced it.
    let epoch = store.position().await.unwrap().epoch.cast_signed();
    let hex: Vec<String> = neighbor::forged_entry()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let hex = hex.concat();
    let key = server.sql(&format!(
        "SELECT rtrim(translate(encode('\\x{hex}', 'base64'), E'+/\\n', '-_'), '=')"
    ));
    let (round, long) = (AtomicU64::new(0), "x".repeat(7_900));
    neighbor::changes_nothing(store, async || {
        let next = round.fetch_add(1, Ordering::Relaxed);
        let flood = format!(
            "SELECT pg_notify('tollgate.revocations', payload) FROM (VALUES ('{epoch} {next} '), \
             ('{epoch} {next} {key}'), ('{epoch} {next} *'), ('1 1 '), (''), ('malformed'), \
             ('{long}'), ('{next}'), ('{next} '), ('a {next}')) AS forged (payload)"
        );
        client.batch_execute(&flood).await.unwrap();
    })
    .await;
}

/// The right to notify can be withdrawn, and the queue of the server can be full.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_needs_no_notification() {
    let Some(server) = Postgres::start() else {
        return;
    };
    ready(&server).await;
    server.sql(
        "CREATE ROLE app LOGIN PASSWORD 'not-so-secret'; \
         GRANT USAGE ON SCHEMA tollgate TO app; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tollgate TO app; \
         REVOKE EXECUTE ON FUNCTION pg_notify FROM PUBLIC",
    );
    let mut config: Config = server.url().parse().unwrap();
    config.user("app");
    let store = PostgresStore::builder(config).build().unwrap();
    let other = Revocations::builder(open(&server), Mint::ISSUER)
        .clock(|| NOW)
        .build()
        .unwrap();
    let mut one = revocation("a");
    one.key = tollgate_session::RevocationKey::new(one.key.kind(), Mint::ISSUER, "a");
    store.revoke(&[one], NOW).await.unwrap();
    let heard = async {
        while other.status().entries == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), heard)
        .await
        .unwrap();
}

/// Any role can hold the lock of the server's queue of notifications for seconds, by a transaction
/// with many of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_hangs_delays_no_revocation() {
    let Some(server) = Postgres::start() else {
        return;
    };
    ready(&server).await;
    server.sql(
        "SET allow_system_table_mods = on; \
         CREATE OR REPLACE FUNCTION pg_catalog.pg_notify(text, text) RETURNS void \
         LANGUAGE sql AS 'SELECT pg_sleep(60)'",
    );
    let store = PostgresStore::builder(server.url().parse().unwrap())
        .statement_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let revoked = async {
        for name in ["a", "b", "c"] {
            store.revoke(&[revocation(name)], NOW).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(5), revoked)
        .await
        .unwrap();
    assert_eq!(store.snapshot(NOW).await.unwrap().entries.len(), 3);
}
