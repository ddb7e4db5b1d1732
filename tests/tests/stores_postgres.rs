//! Tests `tollgate-store-postgres` with a real server.

#![allow(clippy::unwrap_used)]

#[path = "stores_postgres/acceptance.rs"]
mod acceptance;
#[path = "stores_postgres/causes.rs"]
mod causes;
#[path = "stores_postgres/clocks.rs"]
mod clocks;
#[path = "stores_postgres/connections.rs"]
mod connections;
#[path = "stores_postgres/corrupt_data.rs"]
mod corrupt_data;
#[path = "stores_postgres/durability.rs"]
mod durability;
#[path = "stores_postgres/feed.rs"]
mod feed;
#[path = "stores_postgres/migration.rs"]
mod migration;
#[path = "stores/neighbor.rs"]
mod neighbor;
#[path = "stores_postgres/neighbors.rs"]
mod neighbors;
#[path = "stores_postgres/outages.rs"]
mod outages;
#[path = "stores_postgres/pooler.rs"]
mod pooler;
#[path = "stores_postgres/standby.rs"]
mod standby;

use std::time::{Duration, Instant};

use tollgate_session::{
    Revocation, RevocationKey, RevocationKind, SessionId, StoreErrorKind, StoredSession,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::{Client, NoTls};
use tollgate_tests::servers::Postgres;

const NOW: u64 = 1_700_000_000;

/// The maximum duration of an operation: a connection, a statement, and a margin for a busy
/// machine.
const BOUND: Duration = Duration::from_millis(600 + 600 + 900);

fn open(server: &Postgres) -> PostgresStore {
    PostgresStore::builder(server.url().parse().unwrap())
        .connect_timeout(Duration::from_millis(600))
        .statement_timeout(Duration::from_millis(600))
        .build()
        .unwrap()
}

/// Creates a migrated store.
async fn ready(server: &Postgres) -> PostgresStore {
    let store = open(server);
    store.migrate().await.unwrap();
    store
}

/// Opens a separate client of the server.
async fn other_client(server: &Postgres) -> Client {
    let (client, connection) =
        tollgate_store_postgres::tokio_postgres::connect(&server.url(), NoTls)
            .await
            .unwrap();
    tokio::spawn(connection);
    client
}

fn session(id: u8, subject: &str) -> StoredSession {
    StoredSession {
        id: SessionId::new([id; 16]),
        subject: subject.to_owned(),
        revision: 1,
        expires_at: NOW + 3600,
        data: vec![id; 8],
    }
}

fn revocation(value: &str) -> Revocation {
    Revocation {
        key: RevocationKey::new(RevocationKind::Token, "https://id.example.com", value),
        before: Revocation::ALL,
        expires_at: NOW + 3600,
    }
}

/// Returns the error of the operation and asserts that it failed in time.
async fn failure<T>(
    operation: impl Future<Output = Result<T, tollgate_session::StoreError>>,
) -> StoreErrorKind {
    let start = Instant::now();
    let Err(error) = operation.await else {
        panic!("it succeeded");
    };
    assert!(
        start.elapsed() < BOUND,
        "{error}: after {:?}",
        start.elapsed()
    );
    assert!(!error.to_string().contains("not-so-secret"), "{error}");
    error.kind()
}

/// Retries until the store works again.
async fn resumes<T, F>(mut operation: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, tollgate_session::StoreError>>,
{
    let start = Instant::now();
    loop {
        match operation().await {
            Ok(answer) => return answer,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
