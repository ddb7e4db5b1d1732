//! A server that is down, slow, full or read-only: an error of the right kind in time, then
//! recovery.

use std::time::Duration;

use tollgate_session::{RevocationStore, SessionStore, StoreErrorKind};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::{Config, NoTls};
use tollgate_tests::servers::{Postgres, eventually, free_port};

use super::{NOW, failure, other_client, ready, resumes, revocation, session};

/// Asserts that every operation fails with one of these kinds.
async fn all_fail(store: &PostgresStore, kinds: &[StoreErrorKind]) {
    let one = session(1, "u-7");
    let entries = [revocation("a")];
    let keys = [entries[0].key.clone()];
    let failures = [
        ("insert", failure(store.insert(&one, NOW)).await),
        ("load", failure(store.load(&one.id, NOW)).await),
        ("replace", failure(store.replace(&one, 1, NOW)).await),
        ("of_subject", failure(store.of_subject("u-7", 9, NOW)).await),
        ("revoke", failure(store.revoke(&entries, NOW)).await),
        ("find", failure(store.find(&keys, NOW)).await),
        ("snapshot", failure(store.snapshot(NOW)).await),
        ("position", failure(store.position()).await),
        ("feed", failure(store.feed()).await),
    ];
    for (operation, kind) in failures {
        assert!(kinds.contains(&kind), "{operation}: {kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_gives_errors_and_recovers() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    assert!(store.insert(&session(1, "u-7"), NOW).await.unwrap());
    server.stop();
    all_fail(&store, &[StoreErrorKind::Unavailable]).await;
    server.restart();
    let found = resumes(|| async { store.load(&session(1, "u-7").id, NOW).await }).await;
    assert_eq!(found, Some(session(1, "u-7")));
    store.revoke(&[revocation("a")], NOW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_are_replaced_without_an_error() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    for _ in 0..5 {
        server.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = 'tollgate'",
        );
        assert_eq!(store.load(&session(1, "u-7").id, NOW).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_gives_errors_and_recovers() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    server.pause();
    all_fail(&store, &[StoreErrorKind::Timeout]).await;
    // Many concurrent operations wait no longer than one.
    let many: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { failure(store.position()).await })
        })
        .collect();
    for one in many {
        assert_eq!(one.await.unwrap(), StoreErrorKind::Timeout);
    }
    server.resume();
    resumes(|| store.position()).await;
    assert!(store.insert(&session(2, "u-7"), NOW).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_lock_has_a_timeout() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let held = session(1, "u-7");
    assert!(store.insert(&held, NOW).await.unwrap());
    let other_client = other_client(&server).await;
    other_client
        .batch_execute(
            "BEGIN; LOCK TABLE tollgate.revocation_head; \
             SELECT * FROM tollgate.sessions FOR UPDATE",
        )
        .await
        .unwrap();
    assert_eq!(
        failure(store.replace(&held, 1, NOW)).await,
        StoreErrorKind::Timeout
    );
    assert_eq!(
        failure(store.revoke(&[revocation("a")], NOW)).await,
        StoreErrorKind::Timeout
    );
    assert_eq!(
        store.load(&held.id, NOW).await.unwrap(),
        Some(held.clone()),
        "a read must not wait for the lock"
    );
    // An abandoned statement is not executed later.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    eventually("the server cancels the statement", || {
        server.sql(waiting) == "0"
    });
    other_client.batch_execute("ROLLBACK").await.unwrap();
    assert!(store.replace(&held, 1, NOW).await.unwrap());
    store.revoke(&[revocation("a")], NOW).await.unwrap();
    assert_eq!(store.position().await.unwrap().sequence, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_callers_leak_no_connection() {
    let Some(server) = Postgres::start() else {
        return;
    };
    ready(&server).await;
    let store = PostgresStore::builder(server.url().parse().unwrap())
        .max_connections(1)
        .build()
        .unwrap();
    let held = session(1, "u-7");
    assert!(store.insert(&held, NOW).await.unwrap());
    let other_client = other_client(&server).await;
    other_client
        .batch_execute("BEGIN; SELECT * FROM tollgate.sessions FOR UPDATE")
        .await
        .unwrap();
    for _ in 0..3 {
        let impatient =
            tokio::time::timeout(Duration::from_millis(50), store.replace(&held, 1, NOW));
        assert!(impatient.await.is_err());
    }
    other_client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.load(&held.id, NOW).await.unwrap(), Some(held));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_gives_errors_and_recovers() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    assert!(store.insert(&session(1, "u-7"), NOW).await.unwrap());
    server.sql("ALTER DATABASE postgres SET default_transaction_read_only = on");
    server.sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE application_name = 'tollgate'",
    );
    let next = session(2, "u-7");
    // The first statement may meet a connection whose end has not been noticed.
    let _ = store.insert(&next, NOW).await;
    assert_eq!(
        failure(store.insert(&next, NOW)).await,
        StoreErrorKind::ReadOnly
    );
    assert_eq!(
        failure(store.revoke(&[revocation("a")], NOW)).await,
        StoreErrorKind::ReadOnly
    );
    assert_eq!(
        store.load(&session(1, "u-7").id, NOW).await.unwrap(),
        Some(session(1, "u-7"))
    );
    server.sql(
        "SET transaction_read_only = off; \
             ALTER DATABASE postgres RESET default_transaction_read_only",
    );
    // Connections opened meanwhile still have the old default. They are replaced one by one.
    assert!(resumes(|| store.insert(&next, NOW)).await);
    resumes(|| async { store.revoke(&[revocation("a")], NOW).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_gives_errors_and_recovers() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = ready(&server).await;
    let held = session(1, "u-7");
    assert!(store.insert(&held, NOW).await.unwrap());
    // A trigger raises the error of a full disk.
    server.sql(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON tollgate.sessions \
         EXECUTE FUNCTION no_room(); \
         CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON tollgate.revocations \
         EXECUTE FUNCTION no_room()",
    );
    assert_eq!(
        failure(store.insert(&session(2, "u-7"), NOW)).await,
        StoreErrorKind::Full
    );
    assert_eq!(
        failure(store.replace(&held, 1, NOW)).await,
        StoreErrorKind::Full
    );
    let before = store.position().await.unwrap();
    assert_eq!(
        failure(store.revoke(&[revocation("a")], NOW)).await,
        StoreErrorKind::Full
    );
    assert_eq!(
        store.position().await.unwrap(),
        before,
        "a failed call must store no entry"
    );
    assert_eq!(store.load(&held.id, NOW).await.unwrap(), Some(held.clone()));
    server.sql("DROP FUNCTION no_room CASCADE");
    assert!(store.replace(&held, 1, NOW).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_servers_on_the_port_give_errors() {
    // No server.
    let unreachable = PostgresStore::builder(url(free_port())).build().unwrap();
    all_fail(&unreachable, &[StoreErrorKind::Unavailable]).await;

    // A server that speaks another protocol, disconnects immediately, or does not respond.
    let any = [StoreErrorKind::Unavailable, StoreErrorKind::Timeout];
    let speeches: [Option<&[u8]>; 5] = [
        Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Some(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05IR\xff\xff\xff\xff"),
        Some(b"\0\0\0\0\0\0\0\0\0\0\0\0"),
        Some(b""),
        None,
    ];
    for speech in speeches {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut silent = Vec::new();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                match speech {
                    Some(speech) => {
                        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, speech).await;
                    }
                    None => silent.push(socket),
                }
            }
        });
        let store = PostgresStore::builder(url(port))
            .connect_timeout(Duration::from_millis(300))
            .statement_timeout(Duration::from_millis(300))
            .build()
            .unwrap();
        all_fail(&store, &any).await;
        server.abort();
    }
}

fn url(port: u16) -> Config {
    format!("postgres://tollgate:not-so-secret@127.0.0.1:{port}/postgres")
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn required_tls_is_enforced_before_any_data() {
    let Some(server) = Postgres::start() else {
        return;
    };
    ready(&server).await;
    // The connection URL itself allows plain text.
    let store = PostgresStore::builder(server.url().parse().unwrap())
        .tls(NoTls)
        .build()
        .unwrap();
    all_fail(&store, &[StoreErrorKind::Unavailable]).await;
}
