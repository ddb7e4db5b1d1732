//! The cost of a whole refresh in each store, from the refresh token to a rotated session and a
//! signed access token (ES256), relative to the store in memory.
//!
//! The servers run locally: a network adds its round trips. The stores alternate in short slices,
//! so that disturbances affect all of them equally. Each client has its own session.
//!
//! The durability of an acknowledged refresh differs: redb and PostgreSQL have it on disk, Redis in
//! memory, optionally in a replica too.
//!
//! `cargo bench -p tollgate-benches --bench sessions -- Redis` runs the stores with that word in
//! their names, and the one in memory.

#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use tollgate_benches::load::{Load, run};
use tollgate_benches::sessions::{Refreshing, sessions};
use tollgate_session::{MemoryStore, RevocationStore, SessionStore, Sessions};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_redb::RedbStore;
use tollgate_store_redis::{RedisStore, RedisStoreBuilder};
use tollgate_tests::servers::{Postgres, Redis, RedisCluster, Scratch};

const CLIENTS: [usize; 3] = [1, 8, 64];
const SLICES: u32 = 10;
const SLICE: Duration = Duration::from_millis(300);
/// The warm-up time of each store.
const WARM_UP: Duration = Duration::from_millis(300);

struct Contender {
    name: &'static str,
    /// `None` if the server is not installed.
    sessions: Option<Sessions>,
}

#[tokio::main]
async fn main() {
    let scratch = Scratch::new("bench");
    // As in production: acknowledged writes are on disk.
    let postgres = Postgres::start_with(&["fsync=on"]);
    let redis = Redis::start();
    let cluster = RedisCluster::start();

    let redb = RedbStore::open(scratch.path().join("sessions.redb")).unwrap();
    let mut contenders = vec![
        Contender::of("memory", Some(MemoryStore::default())),
        Contender::of("redb", Some(redb)),
        Contender::of(
            "Redis",
            redis
                .as_ref()
                .map(|server| RedisStore::builder(&server.url()).build().unwrap()),
        ),
        Contender::of(
            "Redis Cluster, 3 masters",
            cluster
                .as_ref()
                .map(|servers| on_cluster(servers).build().unwrap()),
        ),
        Contender::of(
            "the same, waiting for a replica",
            cluster.as_ref().map(|servers| {
                let store = on_cluster(servers).namespace("waiting");
                store
                    .wait_replicas(1, Duration::from_secs(1))
                    .build()
                    .unwrap()
            }),
        ),
        Contender::of(
            "PostgreSQL",
            match &postgres {
                Some(server) => Some(prepared(server).await),
                None => None,
            },
        ),
    ];
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    contenders.retain(|contender| {
        let named = words.iter().any(|word| contender.name.contains(&**word));
        contender.name == "memory" || named || words.is_empty()
    });
    for clients in CLIENTS {
        let mut loads = measure(&contenders, clients).await;
        print(clients, &contenders, &mut loads);
    }
}

impl Contender {
    fn of(name: &'static str, store: Option<impl SessionStore + RevocationStore>) -> Self {
        Self {
            name,
            sessions: store.map(sessions),
        }
    }
}

fn on_cluster(servers: &RedisCluster) -> RedisStoreBuilder {
    let urls = servers.urls();
    RedisStore::cluster(urls.iter().map(String::as_str))
}

async fn prepared(server: &Postgres) -> PostgresStore {
    let store = PostgresStore::builder(server.url().parse().unwrap())
        .build()
        .unwrap();
    store.migrate().await.unwrap();
    store
}

/// Measures each store with this number of clients. `None` if a store is missing.
async fn measure(contenders: &[Contender], clients: usize) -> Vec<Option<Load>> {
    let mut groups = Vec::new();
    for contender in contenders {
        let Some(sessions) = &contender.sessions else {
            groups.push(None);
            continue;
        };
        let mut group = Vec::new();
        for client in 0..clients {
            group.push(Refreshing::login(sessions, &format!("user-{client}")).await);
        }
        let group = run(group, WARM_UP, &mut Load::default()).await;
        groups.push(Some((group, Load::default())));
    }
    for _ in 0..SLICES {
        for group in groups.iter_mut().flatten() {
            let (clients, load) = group;
            *clients = run(std::mem::take(clients), SLICE, load).await;
        }
    }
    groups
        .into_iter()
        .map(|group| group.map(|(_, load)| load))
        .collect()
}

/// Prints the stores as ratios to memory, the first.
fn print(clients: usize, contenders: &[Contender], loads: &mut [Option<Load>]) {
    println!("\nrefresh, {clients} concurrent clients");
    println!(
        "{:<32} {:>8} {:>12} {:>10} {:>10} {:>10}",
        "", "rate", "refreshes/s", "p99", "p50 ms", "p99 ms"
    );
    let seconds = |load: &mut Load, percent| load.percentile(percent).as_secs_f64();
    let (rate, slow) = loads[0].as_mut().map_or((f64::NAN, f64::NAN), |load| {
        (load.per_second(), seconds(load, 99))
    });
    for (contender, load) in contenders.iter().zip(loads) {
        let Some(load) = load else {
            println!("{:<32} the server is not installed", contender.name);
            continue;
        };
        let (p50, p99) = (seconds(load, 50), seconds(load, 99));
        println!(
            "{:<32} {:>8.3} {:>12.0} {:>10.1} {:>10.3} {:>10.3}",
            contender.name,
            load.per_second() / rate,
            load.per_second(),
            p99 / slow,
            p50 * 1e3,
            p99 * 1e3,
        );
    }
}
