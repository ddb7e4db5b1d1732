//! A connection pooler that shares the sessions of the server among its clients.

use std::sync::Arc;
use std::time::Duration;

use tollgate_session::{RevocationStore, SessionStore};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::{Client, Config, NoTls, connect};
use tollgate_testkit::stores;
use tollgate_tests::servers::{PgBouncer, Postgres};

use super::{NOW, resumes, revocation, session};

fn store(url: &str) -> PostgresStore {
    PostgresStore::builder(url.parse().unwrap())
        .build()
        .unwrap()
}

async fn client(url: &str) -> Client {
    let (client, connection) = connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn value(client: &Client, sql: &str) -> String {
    client
        .query_typed(sql, &[])
        .await
        .unwrap()
        .first()
        .map_or_else(String::new, |row| row.get(0))
}

async fn passes_the_suite(mode: &str) {
    let Some(server) = Postgres::start() else {
        return;
    };
    // In transaction mode there are fewer sessions than connections.
    let size = ["default_pool_size = 50", "default_pool_size = 8"];
    let size = size[usize::from(mode == "transaction")];
    let Some(pooler) = PgBouncer::start(&server, mode, &[size]) else {
        return;
    };
    let (one, other) = (store(&pooler.url()), store(&pooler.url()));
    assert_eq!(one.migrate().await.unwrap(), 3);
    assert_eq!(other.migrate().await.unwrap(), 0);
    stores::accept(Arc::new(one), Arc::new(other)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transaction_mode_passes_the_suite() {
    passes_the_suite("transaction").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_mode_passes_the_suite() {
    passes_the_suite("session").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_instances_share_two_sessions_with_another_program() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "transaction", &["default_pool_size = 2"]) else {
        return;
    };
    server.sql("CREATE TABLE public.users (name text); INSERT INTO public.users VALUES ('alice')");
    let bystander = client(&pooler.url()).await;
    let settings = "SELECT string_agg(name || '=' || setting, ',' ORDER BY name) \
                    FROM pg_catalog.pg_settings WHERE name IN ('search_path', 'statement_timeout', \
                    'synchronous_commit', 'default_transaction_isolation', 'lock_timeout')";
    let before = value(&bystander, settings).await;
    store(&pooler.url()).migrate().await.unwrap();
    let instances: Vec<_> = (0..4)
        .map(|instance| {
            let store = store(&pooler.url());
            tokio::spawn(async move {
                let mut feed = store.feed().await.unwrap();
                for n in 0_u8..30 {
                    let mut one = session(n, "u-7");
                    one.id = tollgate_session::SessionId::new([instance * 30 + n; 16]);
                    assert!(store.insert(&one, NOW).await.unwrap());
                    let next = tollgate_session::StoredSession {
                        revision: 2,
                        ..one.clone()
                    };
                    assert!(store.replace(&next, 1, NOW).await.unwrap());
                    assert!(store.confirm(&next, NOW).await.unwrap());
                    assert_eq!(store.load(&one.id, NOW).await.unwrap(), Some(next));
                    let entry = revocation(&format!("{instance} {n}"));
                    store.revoke(&[entry], NOW).await.unwrap();
                    store.position().await.unwrap();
                }
                tokio::time::timeout(Duration::from_secs(5), feed.next())
                    .await
                    .unwrap()
                    .unwrap();
                store
            })
        })
        .collect();
    while !instances.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_eq!(value(&bystander, "SELECT name FROM users").await, "alice");
        assert_eq!(value(&bystander, settings).await, before);
        // Longer than the timeout of a statement of the store.
        value(&bystander, "SELECT 'x' FROM pg_sleep(0.05)").await;
        let prepared = "SELECT count(*)::text FROM pg_prepared_statements";
        assert_eq!(value(&bystander, prepared).await, "0");
        let listening = "SELECT count(*)::text FROM pg_listening_channels()";
        assert_eq!(value(&bystander, listening).await, "0");
    }
    for instance in instances {
        let store = instance.await.unwrap();
        assert_eq!(store.snapshot(NOW).await.unwrap().entries.len(), 120);
    }
    assert_eq!(
        value(&bystander, "SELECT 'x' FROM pg_sleep(1.5)").await,
        "x"
    );
}

/// Another client of the pooler may leave any settings in a session, and any role may create
/// objects in the schema `public` of an old server.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_settings_and_objects_change_nothing() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql(
        "CREATE SCHEMA evil; \
         CREATE FUNCTION evil.no() RETURNS boolean LANGUAGE plpgsql AS \
           $$ BEGIN RAISE EXCEPTION 'hostile'; END $$; \
         CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql AS \
           'SELECT ''''::bytea WHERE evil.no()'; \
         CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS \
           'SELECT ''epoch''::timestamptz WHERE evil.no()'; \
         CREATE FUNCTION evil.unnest(bytea[]) RETURNS SETOF bytea LANGUAGE sql AS \
           'SELECT ''''::bytea WHERE evil.no()'; \
         CREATE FUNCTION evil.count() RETURNS bigint LANGUAGE sql AS \
           'SELECT 0::bigint WHERE evil.no()'; \
         CREATE FUNCTION evil.replace(text, text, text) RETURNS text LANGUAGE sql AS \
           'SELECT ''''::text WHERE evil.no()'; \
         CREATE FUNCTION evil.date_part(text, timestamptz) RETURNS float8 LANGUAGE sql AS \
           'SELECT 0::float8 WHERE evil.no()'; \
         CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS \
           'SELECT ''''::text WHERE evil.no()'; \
         CREATE TYPE evil.bytea AS (a int); CREATE TYPE evil.text AS (a int)",
    );
    for (name, kind) in [
        ("same", "bytea"),
        ("same", "int8"),
        ("same", "numeric"),
        ("same", "text"),
    ] {
        server.sql(&format!(
            "CREATE FUNCTION evil.{name}(pg_catalog.{kind}, pg_catalog.{kind}) RETURNS boolean \
             LANGUAGE sql AS 'SELECT evil.no()'"
        ));
        for operator in ["=", ">", "<="] {
            server.sql(&format!(
                "CREATE OPERATOR evil.{operator} (LEFTARG = pg_catalog.{kind}, \
                 RIGHTARG = pg_catalog.{kind}, FUNCTION = evil.{name})"
            ));
        }
    }
    for right in ["numeric", "int4"] {
        server.sql(&format!(
            "CREATE FUNCTION evil.add(numeric, {right}) RETURNS numeric LANGUAGE sql AS \
               'SELECT 0::numeric WHERE evil.no()'; \
             CREATE OPERATOR evil.+ (LEFTARG = numeric, RIGHTARG = {right}, FUNCTION = evil.add); \
             CREATE OPERATOR evil.- (LEFTARG = numeric, RIGHTARG = {right}, FUNCTION = evil.add)"
        ));
    }
    server.sql(
        "ALTER ROLE tollgate SET search_path = evil, pg_catalog; \
         ALTER ROLE tollgate SET default_transaction_isolation = 'serializable'; \
         ALTER ROLE tollgate SET synchronous_commit = off; \
         ALTER ROLE tollgate SET TimeZone = 'Asia/Kathmandu'; \
         ALTER ROLE tollgate SET IntervalStyle = 'iso_8601'; \
         ALTER ROLE tollgate SET DateStyle = 'German, DMY'; \
         ALTER ROLE tollgate SET bytea_output = 'escape'; \
         ALTER ROLE tollgate SET standard_conforming_strings = off",
    );
    let (one, other) = (store(&server.url()), store(&server.url()));
    one.migrate().await.unwrap();
    stores::accept(Arc::new(one.clone()), Arc::new(other)).await;
    assert!(one.clock().await.unwrap().is_some());
    assert_eq!(one.purge(NOW * 2).await.map(|rows| rows > 0), Ok(true));
}

/// The pooler closes its session with the server if a client leaves during a statement. A commit
/// that waits for a standby goes on in this session, and the pooler begins another one.
#[tokio::test]
async fn a_standby_that_is_away_adds_no_session_behind_a_pooler() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "transaction", &["default_pool_size = 2"]) else {
        return;
    };
    let store = store(&pooler.url());
    store.migrate().await.unwrap();
    let standby = |name: &str| {
        server.sql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{name}'"
        ));
        server.sql("SELECT pg_reload_conf()");
    };
    standby("one");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    for round in 0..3 {
        let (one, other) = (session(2 * round, "u-7"), session(2 * round + 1, "u-7"));
        let (one, other) = tokio::join!(store.insert(&one, NOW), store.insert(&other, NOW));
        assert!(one.is_err() && other.is_err());
        // Longer than any other timeout of the store.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(120)).await;
        tokio::time::resume();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(server.sql(waiting), "2", "round {round}");
    }
    standby("");
    let late = session(99, "u-7");
    resumes(|| store.insert(&late, NOW)).await;
}

/// `PgBouncer` 1.18 can end at a request to cancel, also from a pool of the user.
#[tokio::test(flavor = "multi_thread")]
async fn a_custom_pool_behind_a_pooler_cancels_nothing() {
    use tollgate_store_postgres::deadpool_postgres::{Manager, Pool};
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "transaction", &["default_pool_size = 4"]) else {
        return;
    };
    let config: Config = pooler.url().parse().unwrap();
    let pool = Pool::builder(Manager::new(config.clone(), NoTls)).build();
    let store = PostgresStore::builder(config).pool(pool.unwrap()).build();
    let store = store.unwrap();
    store.migrate().await.unwrap();
    store.position().await.unwrap();
    let held = session(1, "u-7");
    assert!(store.insert(&held, NOW).await.unwrap());
    let locker = client(&server.url()).await;
    let lock = "BEGIN; LOCK TABLE tollgate.sessions";
    locker.batch_execute(lock).await.unwrap();
    let early = Duration::from_millis(100);
    let replaced = tokio::time::timeout(early, store.replace(&held, 1, NOW)).await;
    assert!(replaced.is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    assert_eq!(server.sql(waiting), "1", "the statement was cancelled");
    locker.batch_execute("ROLLBACK").await.unwrap();
    let found = resumes(|| async { store.load(&held.id, NOW).await }).await;
    assert_eq!(found, Some(held));
}
