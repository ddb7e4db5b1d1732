//! Each error names its cause, and the documented rights suffice.

use std::sync::Arc;

use tollgate_session::{
    AttemptCharge, AttemptKey, RevocationStore, SessionStore, StoreError, StoreErrorKind,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::Config;
use tollgate_testkit::stores;
use tollgate_tests::servers::{Postgres, free_port};

use super::{NOW, ready, revocation, session};

fn as_role(server: &Postgres, role: &str) -> PostgresStore {
    let mut config: Config = server.url().parse().unwrap();
    config.user(role);
    PostgresStore::builder(config).build().unwrap()
}

fn is(error: &StoreError, kind: StoreErrorKind, text: &str) {
    let shown = error.to_string();
    assert_eq!(error.kind(), kind, "{shown}");
    assert!(shown.contains(text), "{shown}");
    assert!(!format!("{shown} {error:?}").contains("not-so-secret"));
}

/// The rights of `docs/guide/stores.md`.
const MIGRATE: &str = "GRANT CREATE ON DATABASE postgres TO migrator";
const RUN: [(&str, &str); 11] = [
    ("USAGE ON SCHEMA tollgate", "schema tollgate"),
    ("SELECT ON tollgate.sessions", "sessions"),
    ("INSERT ON tollgate.sessions", "sessions"),
    ("UPDATE ON tollgate.sessions", "sessions"),
    ("DELETE ON tollgate.sessions", "sessions"),
    ("SELECT ON tollgate.revocations", "revocations"),
    ("INSERT ON tollgate.revocations", "revocations"),
    ("UPDATE ON tollgate.revocations", "revocations"),
    ("DELETE ON tollgate.revocations", "revocations"),
    (
        "SELECT, INSERT, UPDATE ON tollgate.revocation_head",
        "revocation_head",
    ),
    (
        "SELECT, INSERT, UPDATE, DELETE ON tollgate.attempts",
        "attempts",
    ),
];
const READ: [&str; 2] = [
    "USAGE ON SCHEMA tollgate",
    "SELECT ON tollgate.revocations, tollgate.revocation_head",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_rights_suffice_and_each_is_needed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql(
        "CREATE ROLE migrator LOGIN PASSWORD 'not-so-secret'; \
         CREATE ROLE app LOGIN PASSWORD 'not-so-secret'; \
         CREATE ROLE gate LOGIN PASSWORD 'not-so-secret'",
    );
    server.sql(
        "REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE TEMP ON DATABASE postgres FROM PUBLIC",
    );
    let error = as_role(&server, "migrator").migrate().await.unwrap_err();
    is(&error, StoreErrorKind::Denied, "database postgres");
    server.sql(MIGRATE);
    assert_eq!(as_role(&server, "migrator").migrate().await.unwrap(), 3);

    for (right, _) in RUN {
        server.sql(&format!("GRANT {right} TO app"));
    }
    let store = as_role(&server, "app");
    stores::accept(Arc::new(store.clone()), Arc::new(as_role(&server, "app"))).await;
    // The right to read the versions is only for `migrate`.
    let error = store.migrate().await.unwrap_err();
    is(&error, StoreErrorKind::Denied, "migrations");
    server.sql("GRANT SELECT ON tollgate.migrations TO app");
    assert_eq!(store.migrate().await.unwrap(), 0);

    for (right, named) in RUN {
        server.sql(&format!("REVOKE {right} FROM app"));
        let error = first_error(&store).await;
        is(&error, StoreErrorKind::Denied, named);
        server.sql(&format!("GRANT {right} TO app"));
    }

    for right in READ {
        server.sql(&format!("GRANT {right} TO gate"));
    }
    let gate = as_role(&server, "gate");
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    let position = gate.position().await.unwrap();
    assert!(gate.changes(position, NOW).await.unwrap().is_some());
    assert_eq!(gate.snapshot(NOW).await.unwrap().position, position);
    assert_eq!(
        gate.find(&[revocation("a").key], NOW).await.unwrap().len(),
        1
    );
    assert!(gate.clock().await.unwrap().is_some());
    gate.feed().await.unwrap();
    let error = gate.revoke(&[revocation("b")], NOW).await.unwrap_err();
    is(&error, StoreErrorKind::Denied, "revocation");
    let error = gate.load(&session(1, "").id, NOW).await.unwrap_err();
    is(&error, StoreErrorKind::Denied, "sessions");
}

/// Runs the operations until one fails.
async fn first_error(store: &PostgresStore) -> StoreError {
    let one = session(1, "u-7");
    let entries = [revocation("a")];
    let run = async {
        store.insert(&one, NOW).await?;
        store.load(&one.id, NOW).await?;
        store.replace(&one, 1, NOW).await?;
        store.of_subject("u-7", 9, NOW).await?;
        store.revoke(&entries, NOW).await?;
        store.find(&[entries[0].key.clone()], NOW).await?;
        store.position().await?;
        let key = AttemptKey::new([7; 16]);
        let charge = AttemptCharge {
            key,
            seconds: 60,
            most: 60,
            give_back: false,
        };
        store.charge(&[charge], NOW).await?;
        store.purge(NOW + 7200).await
    };
    run.await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_has_its_kind_and_text() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let one = session(1, "u-7");
    assert!(store.insert(&one, NOW).await.unwrap());
    let config = || server.url().parse::<Config>().unwrap();
    let open = |config: Config| PostgresStore::builder(config).build().unwrap();
    let error_of = async |config: Config| open(config).position().await.unwrap_err();

    let mut wrong = config();
    wrong.password("another-secret");
    let error = error_of(wrong).await;
    is(
        &error,
        StoreErrorKind::Denied,
        "password authentication failed",
    );
    assert!(!format!("{error} {error:?}").contains("another-secret"));
    let none = format!(
        "host=127.0.0.1 port={} user=tollgate dbname=postgres",
        server.port()
    );
    let error = error_of(none.parse().unwrap()).await;
    is(&error, StoreErrorKind::Denied, "password missing");
    let mut unknown = config();
    unknown.user("nobody");
    is(&error_of(unknown).await, StoreErrorKind::Denied, "nobody");
    let mut unknown = config();
    unknown.dbname("absent");
    is(
        &error_of(unknown).await,
        StoreErrorKind::Unavailable,
        "database \"absent\" does not exist",
    );
    let tables = PostgresStore::builder(config())
        .table_prefix("other_")
        .build();
    let error = tables.unwrap().position().await.unwrap_err();
    is(&error, StoreErrorKind::Unavailable, "run `migrate`");
    let tls = PostgresStore::builder(config())
        .tls(tollgate_store_postgres::tokio_postgres::NoTls)
        .build();
    let error = tls.unwrap().position().await.unwrap_err();
    is(&error, StoreErrorKind::Unavailable, "TLS");
    let unreachable = format!("postgres://tollgate@127.0.0.1:{}/x", free_port());
    let error = error_of(unreachable.parse().unwrap()).await;
    is(&error, StoreErrorKind::Unavailable, "refused");

    server.sql("ALTER DATABASE postgres SET default_transaction_read_only = on");
    let error = open(config())
        .insert(&session(2, "u-7"), NOW)
        .await
        .unwrap_err();
    is(&error, StoreErrorKind::ReadOnly, "read-only transaction");
    server.sql(
        "SET transaction_read_only = off; \
         ALTER DATABASE postgres RESET default_transaction_read_only",
    );

    for (code, kind) in [
        ("53100", StoreErrorKind::Full),
        ("53200", StoreErrorKind::Full),
        ("53300", StoreErrorKind::Exhausted),
        ("57014", StoreErrorKind::Timeout),
        ("25006", StoreErrorKind::ReadOnly),
    ] {
        server.sql(&format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'the cause' USING ERRCODE = '{code}'; END $$; \
             DROP TRIGGER IF EXISTS fail ON tollgate.sessions; \
             CREATE TRIGGER fail BEFORE UPDATE ON tollgate.sessions EXECUTE FUNCTION fail()"
        ));
        let error = store.replace(&one, 1, NOW).await.unwrap_err();
        is(&error, kind, code);
    }

    // A smart shutdown waits for the clients that are connected, and refuses others.
    let fresh = open(config());
    server.shut_down();
    let error = loop {
        match fresh.clone().snapshot(NOW).await {
            Err(error) if error.to_string().contains("shutting down") => break error,
            _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    is(&error, StoreErrorKind::Unavailable, "57P03");
    server.stop();
}
