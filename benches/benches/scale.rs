//! The cost of each operation in a store with 100,000 sessions, relative to one with 1,000.
//!
//! Both stores are filled in the same run, and the operations alternate between them. The sessions
//! have random IDs, so those that are measured lie anywhere. The target is twice the cost.
//!
//! `cargo bench -p tollgate-benches --bench scale -- redb` runs the stores with that word in their
//! names; a number is that of the sessions in the large store.

#![allow(missing_docs, clippy::unwrap_used)]

use std::future::Ready;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::{StreamExt, stream};
use tollgate_benches::sessions::sessions;
use tollgate_session::{
    Login, RefreshRequest, RevocationStore, SessionId, SessionStore, Sessions, StoredSession,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_redb::RedbStore;
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{Postgres, Redis, Scratch};

const SMALL: usize = 1_000;
const LARGE: usize = 100_000;
/// The number of measured users. Each has two sessions; so have those that fill the stores.
const USERS: usize = 300;
const PURGED: usize = 400;
/// The number of concurrent writes while a store is filled.
const TOGETHER: usize = 12;

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let large = arguments
        .iter()
        .find_map(|word| word.parse().ok())
        .unwrap_or(LARGE);
    let words: Vec<_> = arguments
        .iter()
        .filter(|word| word.parse::<usize>().is_err())
        .collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(&**word));
    if chosen("redb") {
        let scratch = Scratch::new("bench-scale");
        let stores =
            ["small", "large"].map(|name| RedbStore::open(scratch.path().join(name)).unwrap());
        // A write removes four sessions that ended long ago.
        let purge = async |store: &RedbStore, now| {
            for _ in 0..PURGED / 4 {
                assert!(store.insert(&filling(0, now + 900), now).await.unwrap());
            }
        };
        compare("redb", stores, large, Some(purge)).await;
    }
    if chosen("Redis")
        && let Some(server) = Redis::start()
    {
        let stores = ["small", "large"].map(|name| {
            RedisStore::builder(&server.url())
                .namespace(name)
                .build()
                .unwrap()
        });
        // The server removes keys by itself, at their ends.
        compare(
            "Redis",
            stores,
            large,
            None::<fn(&RedisStore, u64) -> Ready<()>>,
        )
        .await;
    }
    if chosen("PostgreSQL")
        && let Some(server) = Postgres::start_with(&["fsync=on"])
    {
        let stores = ["small", "large"].map(|name| {
            let store = PostgresStore::builder(server.url().parse().unwrap());
            store.schema(name).build().unwrap()
        });
        for store in &stores {
            store.migrate().await.unwrap();
        }
        let purge = async |store: &PostgresStore, now| {
            assert!(store.purge(now).await.unwrap() >= PURGED as u64 / 2);
        };
        compare("PostgreSQL", stores, large, Some(purge)).await;
    }
}

/// A session as large as a real one, with a random ID.
fn filling(number: usize, expires_at: u64) -> StoredSession {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).unwrap();
    StoredSession {
        id: SessionId::new(id),
        subject: format!("filling-{}", number / 2),
        revision: 1,
        expires_at,
        data: vec![b'x'; 500],
    }
}

async fn fill(store: &impl SessionStore, count: usize, expires_at: u64, now: u64) {
    let inserted = stream::iter(0..count).map(|number| async move {
        assert!(
            store
                .insert(&filling(number, expires_at), now)
                .await
                .unwrap()
        );
    });
    inserted
        .buffer_unordered(TOGETHER)
        .collect::<Vec<()>>()
        .await;
}

/// The durations of an operation in both stores.
#[derive(Default)]
struct Durations([Vec<Duration>; 2]);

impl Durations {
    async fn time<T>(&mut self, which: usize, work: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let done = work.await;
        self.0[which].push(start.elapsed());
        done
    }

    fn print(mut self, operation: &str) {
        let [small, large] = self.0.each_mut().map(|durations| {
            durations.sort_unstable();
            durations[durations.len() / 2].as_secs_f64() * 1e6
        });
        let ratio = large / small;
        let mark = if ratio > 2.0 { " above 2" } else { "" };
        println!("  {operation:<12} {small:>9.1} {large:>9.1} {ratio:>7.2}{mark}");
    }
}

async fn compare<S: SessionStore + RevocationStore>(
    name: &str,
    stores: [S; 2],
    large: usize,
    purge: Option<impl AsyncFn(&S, u64)>,
) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let stores = stores.map(Arc::new);
    let [small_handle, large_handle] = [0, 1].map(|at: usize| sessions(stores[at].clone()));
    let handles = [small_handle, large_handle];
    let start = Instant::now();
    for (store, count) in stores.iter().zip([SMALL, large]) {
        fill(store, count - 2 * USERS, now + 30 * 86_400, now).await;
    }
    // The measured sessions, begun in random order of their IDs.
    let mut tokens = [Vec::new(), Vec::new()];
    let mut login = Durations::default();
    for user in 0..2 * USERS {
        for (which, sessions) in handles.iter().enumerate() {
            let begun = sessions.login(Login::new(format!("user-{}", user / 2)));
            tokens[which].push(login.time(which, begun).await.unwrap().refresh_token);
        }
    }
    println!(
        "\n{name}: {SMALL} and {large} sessions, filled in {:.0?}",
        start.elapsed()
    );
    println!(
        "  {:<12} {:>9} {:>9} {:>7}",
        "p50, µs", SMALL, large, "ratio"
    );
    login.print("login");
    operations(&handles, &tokens).await;

    let Some(purge) = purge else { return };
    let mut purging = Durations::default();
    for _ in 0..10 {
        for (which, store) in stores.iter().enumerate() {
            let long_ago = now - 3 * 7200;
            fill(store, PURGED, long_ago, long_ago - 1).await;
            purging.time(which, purge(store, now)).await;
        }
    }
    purging.print("purge");
}

async fn operations(handles: &[Sessions; 2], tokens: &[Vec<String>; 2]) {
    let mut refresh = Durations::default();
    for (few, many) in tokens[0].iter().zip(&tokens[1]).take(2 * USERS) {
        for ((which, sessions), token) in handles.iter().enumerate().zip([few, many]) {
            let refreshed = sessions.refresh(token, RefreshRequest::default());
            refresh.time(which, refreshed).await.unwrap();
        }
    }
    refresh.print("refresh");
    let (mut list, mut logout) = (Durations::default(), Durations::default());
    for user in 0..USERS {
        let subject = format!("user-{user}");
        for (which, sessions) in handles.iter().enumerate() {
            let listed = list.time(which, sessions.devices(&subject, None)).await;
            assert_eq!(listed.unwrap().len(), 2);
            let ended = logout.time(which, sessions.logout_all(&subject)).await;
            assert_eq!(ended.unwrap(), 2);
        }
    }
    list.print("list");
    logout.print("logout-all");
}
