//! The cost of a whole refresh in each store, relative to what it cannot do without: the bare round
//! trips to the store, by the same driver, and one ES256 signature. The target is 1.3.
//!
//! The bare round trips read a session and its revocations at once, and replace the session if it
//! has the expected revision. They check nothing else, and no expiry. The three alternate in short
//! slices, with one client, and their medians count.
//!
//! `cargo bench -p tollgate-benches --bench round_trips`

#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use futures_util::future::join;
use redb::{ReadableDatabase, ReadableTable};
use redis::aio::MultiplexedConnection;
use tollgate_benches::load::{Client, Load, run};
use tollgate_benches::sessions::{Refreshing, sessions};
use tollgate_session::{RevocationStore, SessionStore};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_postgres::tokio_postgres::types::Type;
use tollgate_store_postgres::tokio_postgres::{self, NoTls};
use tollgate_store_redb::RedbStore;
use tollgate_store_redis::RedisStore;
use tollgate_tests::servers::{Postgres, Redis, Scratch};

const SLICES: u32 = 40;
const SLICE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() {
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>9}",
        "p50, µs", "refresh", "bare", "ES256", "ratio"
    );
    let scratch = Scratch::new("bench-round-trips");
    let store = RedbStore::open(scratch.path().join("sessions.redb")).unwrap();
    let bare = redb::Database::create(scratch.path().join("bare.redb")).unwrap();
    measure("redb", store, async |data| {
        InRedb::new(Arc::new(bare), data)
    })
    .await;
    if let Some(server) = Redis::start() {
        let store = RedisStore::builder(&server.url()).build().unwrap();
        let bare = async |data| InRedis::new(&server.url(), data).await;
        measure("Redis", store, bare).await;
    }
    if let Some(server) = Postgres::start_with(&["fsync=on"]) {
        let store = PostgresStore::builder(server.url().parse().unwrap());
        let store = store.build().unwrap();
        store.migrate().await.unwrap();
        let bare = async |data| InPostgres::new(&server.url(), data).await;
        measure("PostgreSQL", store, bare).await;
    }
}

async fn measure<C: Client>(
    name: &str,
    store: impl SessionStore + RevocationStore,
    bare: impl AsyncFnOnce(Vec<u8>) -> C,
) {
    let store = Arc::new(store);
    let mut refreshing = vec![Refreshing::login(&sessions(store.clone()), "u-7").await];
    refreshing[0].ask().await;
    // As large as a session after a refresh.
    let stored = store.of_subject("u-7", 1, 0).await.unwrap().remove(0);
    let mut bare = vec![bare(stored.data).await];
    let mut signing = vec![Signing::new()];
    let mut loads = [Load::default(), Load::default(), Load::default()];
    for slice in 0..SLICES {
        let [of_refresh, of_bare, of_signature] = &mut loads;
        refreshing = run(refreshing, SLICE, of_refresh).await;
        bare = run(bare, SLICE, of_bare).await;
        signing = run(signing, SLICE, of_signature).await;
        if slice == 0 {
            // The warm-up.
            loads = Default::default();
        }
    }
    let [refresh, bare, signature] = loads.map(|mut load| load.percentile(50).as_secs_f64() * 1e6);
    let ratio = refresh / (bare + signature);
    let mark = if ratio > 1.3 { " above 1.3" } else { "" };
    println!("{name:<12} {refresh:>9.1} {bare:>9.1} {signature:>9.1} {ratio:>9.2}{mark}");
}

struct Signing(EcdsaKeyPair, SystemRandom);

impl Signing {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self(key, SystemRandom::new())
    }
}

impl Client for Signing {
    async fn ask(&mut self) {
        std::hint::black_box(self.0.sign(&self.1, &[7; 400]).unwrap());
    }
}

const ROWS: redb::TableDefinition<'_, [u8; 16], (u64, &[u8])> = redb::TableDefinition::new("rows");
const ENDS: redb::TableDefinition<'_, (u64, [u8; 16]), ()> = redb::TableDefinition::new("ends");

/// One row and its place in the order of ends, on blocking threads as redb requires.
struct InRedb(Arc<redb::Database>, Arc<Vec<u8>>);

impl InRedb {
    fn new(database: Arc<redb::Database>, data: Vec<u8>) -> Self {
        let writing = database.begin_write().unwrap();
        writing
            .open_table(ROWS)
            .unwrap()
            .insert([7; 16], (0, &*data))
            .unwrap();
        writing
            .open_table(ENDS)
            .unwrap()
            .insert((0, [7; 16]), ())
            .unwrap();
        writing.commit().unwrap();
        Self(database, Arc::new(data))
    }
}

impl Client for InRedb {
    async fn ask(&mut self) {
        let database = Arc::clone(&self.0);
        let read = move || {
            let reading = database.begin_read().unwrap();
            let rows = reading.open_table(ROWS).unwrap();
            let row = rows.get([7; 16]).unwrap().unwrap();
            (row.value().0, row.value().1.to_vec())
        };
        let (revision, _) = tokio::task::spawn_blocking(read).await.unwrap();
        let (database, data) = (Arc::clone(&self.0), Arc::clone(&self.1));
        let write = move || {
            let writing = database.begin_write().unwrap();
            {
                let mut rows = writing.open_table(ROWS).unwrap();
                assert_eq!(rows.get([7; 16]).unwrap().unwrap().value().0, revision);
                rows.insert([7; 16], (revision + 1, &**data)).unwrap();
                let mut ends = writing.open_table(ENDS).unwrap();
                ends.remove((revision, [7; 16])).unwrap();
                ends.insert((revision + 1, [7; 16]), ()).unwrap();
            }
            writing.commit().unwrap();
        };
        tokio::task::spawn_blocking(write).await.unwrap();
    }
}

const SWAP: &str = "
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'data', ARGV[3])
redis.call('PEXPIRE', KEYS[1], 3600000)
return 1
";

struct InRedis {
    connection: MultiplexedConnection,
    data: Vec<u8>,
}

impl InRedis {
    async fn new(url: &str, data: Vec<u8>) -> Self {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut set = redis::cmd("HSET");
        set.arg("bare")
            .arg("revision")
            .arg(1)
            .arg("data")
            .arg(&data);
        let _: u64 = set.query_async(&mut connection).await.unwrap();
        Self { connection, data }
    }
}

impl Client for InRedis {
    async fn ask(&mut self) {
        let mut load = redis::cmd("HMGET");
        load.arg("bare").arg("revision").arg("data");
        let mut find = redis::cmd("HMGET");
        find.arg("none")
            .arg("session")
            .arg("subject")
            .arg("sessions");
        let (mut one, mut other) = (self.connection.clone(), self.connection.clone());
        let (loaded, found) = join(load.query_async(&mut one), find.query_async(&mut other)).await;
        let (revision, _): (u64, Vec<u8>) = loaded.unwrap();
        let _: Vec<Option<Vec<u8>>> = found.unwrap();
        let script = redis::Script::new(SWAP);
        let mut swap = script.key("bare");
        swap.arg(revision).arg(revision + 1).arg(&self.data);
        let swapped: u64 = swap.invoke_async(&mut self.connection).await.unwrap();
        assert_eq!(swapped, 1);
    }
}

struct InPostgres {
    client: tokio_postgres::Client,
    data: Vec<u8>,
}

impl InPostgres {
    async fn new(url: &str, data: Vec<u8>) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let table = "CREATE TABLE public.bare (id bytea PRIMARY KEY, revision bigint, data bytea)";
        client.query_typed(table, &[]).await.unwrap();
        let row = [
            (&&[7_u8; 16][..] as _, Type::BYTEA),
            (&data as _, Type::BYTEA),
        ];
        let insert = "INSERT INTO public.bare VALUES ($1, 1, $2)";
        client.query_typed(insert, &row).await.unwrap();
        Self { client, data }
    }
}

impl Client for InPostgres {
    async fn ask(&mut self) {
        let id = &&[7_u8; 16][..];
        let select = "SELECT b.revision, b.data, r.key FROM public.bare AS b \
             LEFT JOIN tollgate.revocations AS r ON r.digest = ANY \
             (ARRAY[sha256(b.id), sha256(b.data), sha256($1)]) WHERE b.id = $1";
        let rows = self.client.query_typed(select, &[(id, Type::BYTEA)]).await;
        let revision: i64 = rows.unwrap()[0].get(0);
        let update = "UPDATE public.bare SET revision = $2, data = $3 \
             WHERE id = $1 AND revision = $4 RETURNING revision";
        let row: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
            (id, Type::BYTEA),
            (&(revision + 1), Type::INT8),
            (&self.data, Type::BYTEA),
            (&revision, Type::INT8),
        ];
        assert_eq!(
            self.client.query_typed(update, &row).await.unwrap().len(),
            1
        );
    }
}
