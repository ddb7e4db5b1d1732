//! Counts the round trips of each operation between a store and a real server.

#![allow(clippy::unwrap_used)]

#[path = "round_trips/quiet.rs"]
mod quiet;
#[path = "round_trips/rounds.rs"]
mod rounds;

use std::time::Duration;

use quiet::Quiet;
use rounds::Rounds;
use tollgate_core::Algorithm;
use tollgate_session::{
    Issuer, Login, RefreshKey, RefreshRequest, RenewalTransport, RevocationStore, SessionId,
    SessionStore, Sessions, SlidingRenewal, Tokens,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_redis::RedisStore;
use tollgate_testkit::{FakeClock, keys};
use tollgate_tests::servers::{PgBouncer, Postgres, Redis, RedisCluster, eventually};

const NOW: u64 = 1_700_000_000;

/// The most round trips of each operation of an instance.
struct Bounds {
    login: usize,
    list: usize,
    logout: usize,
}

fn sessions(store: impl SessionStore + RevocationStore, clock: &FakeClock) -> Sessions {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(Algorithm::HS256))
        .clock(clock.clone())
        .build()
        .unwrap();
    Sessions::builder(issuer, Quiet(store))
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .store_timeout(Duration::from_secs(9))
        .build()
        .unwrap()
}

async fn refreshed(sessions: &Sessions, token: &str) -> Tokens {
    let refreshed = sessions.refresh(token, RefreshRequest::default()).await;
    refreshed.unwrap()
}

/// Counts every operation, and checks the counts. An attempt may count a connection that was opened
/// again.
async fn count<S: SessionStore + RevocationStore>(
    name: &str,
    rounds: &Rounds,
    store: impl Fn() -> S,
    most: Bounds,
) {
    let mut over = Vec::new();
    for _ in 0..3 {
        over = operations(name, rounds, &store, &most).await;
        if over.is_empty() {
            return;
        }
    }
    panic!("{name}: {over:?}");
}

/// Counts every operation of two instances, prints the counts, and returns those above the bounds.
async fn operations<S: SessionStore + RevocationStore>(
    name: &str,
    rounds: &Rounds,
    store: impl Fn() -> S,
    most: &Bounds,
) -> Vec<(&'static str, usize, usize)> {
    let clock = FakeClock::at(NOW);
    let (one, other) = (sessions(store(), &clock), sessions(store(), &clock));
    // Connections, scripts, and what is removed in passing once a second.
    for (instance, second) in [(&one, &other), (&other, &one)] {
        let tokens = instance.login(Login::new("warm-up")).await.unwrap();
        let tokens = refreshed(instance, &tokens.refresh_token).await;
        refreshed(second, &tokens.refresh_token).await;
    }
    one.logout_all("warm-up").await.unwrap();

    let mut table = Vec::new();
    let (login, tokens) = rounds.of(one.login(Login::new("u-7"))).await;
    table.push(("login", login, most.login));
    let token = tokens.unwrap().refresh_token;
    let (after_login, second) = rounds.of(refreshed(&one, &token)).await;
    table.push(("refresh after the login", after_login, 2));
    let (repeat, _) = rounds.of(refreshed(&one, &token)).await;
    table.push(("repeat", repeat, 2));
    let (refresh, third) = rounds.of(refreshed(&one, &second.refresh_token)).await;
    table.push(("refresh", refresh, 2));
    let (first, fourth) = rounds.of(refreshed(&other, &third.refresh_token)).await;
    table.push(("first refresh of an instance", first, 2));
    let (again, last) = rounds.of(refreshed(&other, &fourth.refresh_token)).await;
    table.push(("refresh of another instance", again, 2));

    let principal = one.issuer().verifier().build().unwrap();
    let principal = principal.verify(&last.access_token).unwrap();
    let renewal = SlidingRenewal::new(one.clone(), RenewalTransport::Header);
    let due = tollgate_core::Renewal::is_due(&renewal, &principal, "GET", "/");
    assert!(!due, "the token was just issued");
    let (not_due, none) = rounds.of(one.renew(&principal)).await;
    assert!(none.unwrap().is_none());
    table.push(("renewal that gains nothing", not_due, 1));
    clock.advance(600);
    one.login(Login::new("warm-up")).await.unwrap();
    let (due, renewed) = rounds.of(one.renew(&principal)).await;
    assert!(renewed.unwrap().is_some());
    table.push(("renewal that is due", due, 3));

    let (listing, devices) = rounds.of(one.devices("u-7", None)).await;
    assert_eq!(devices.unwrap().len(), 1);
    table.push(("list", listing, most.list));
    let (logout, ended) = rounds.of(one.logout(&last.session)).await;
    assert!(ended.unwrap());
    table.push(("logout", logout, most.logout));
    let unknown = format!("{}x", last.refresh_token);
    let (refused, none) = rounds
        .of(one.refresh(&unknown, RefreshRequest::default()))
        .await;
    assert!(none.is_err());
    table.push(("malformed token", refused, 0));

    println!("\nround trips: {name}");
    for (operation, counted, most) in &table {
        println!("{operation:<30} {counted} (at most {most})");
    }
    table.retain(|(_, counted, most)| counted > most);
    table
}

#[tokio::test]
async fn redis_answers_a_refresh_in_two_round_trips() {
    let Some(server) = Redis::start() else {
        return;
    };
    let rounds = Rounds::to(server.port()).await;
    let url = rounds.url(&server.url(), server.port());
    let store = || RedisStore::builder(&url).build().unwrap();
    let most = Bounds {
        login: 5,
        list: 2,
        logout: 4,
    };
    count("Redis", &rounds, store, most).await;
}

#[tokio::test]
async fn postgres_answers_a_refresh_in_two_round_trips() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let rounds = Rounds::to(server.port()).await;
    let url = rounds.url(&server.url(), server.port());
    count_postgres("PostgreSQL", &rounds, &url).await;
}

#[tokio::test]
async fn a_pooler_adds_no_round_trip() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&server, "transaction", &["default_pool_size = 8"]) else {
        return;
    };
    let port = pooler.url().rsplit(':').next().unwrap().to_owned();
    let port: u16 = port.split('/').next().unwrap().parse().unwrap();
    let rounds = Rounds::to(port).await;
    let url = rounds.url(&pooler.url(), port);
    count_postgres("PgBouncer", &rounds, &url).await;
}

async fn count_postgres(name: &str, rounds: &Rounds, url: &str) {
    let store = || {
        PostgresStore::builder(url.parse().unwrap())
            .build()
            .unwrap()
    };
    store().migrate().await.unwrap();
    let most = Bounds {
        login: 3,
        list: 1,
        logout: 4,
    };
    count(name, rounds, store, most).await;
}

/// The number of calls of a command at a node.
fn calls(node: &Redis, command: &str) -> usize {
    let stats = node.command(&["INFO", "commandstats"]);
    let line = format!("cmdstat_{command}:calls=");
    let count = stats.lines().find_map(|stat| stat.strip_prefix(&line));
    count.map_or(0, |count| count.split(',').next().unwrap().parse().unwrap())
}

/// The nodes of a cluster have addresses of their own, so a proxy would be bypassed. If the node of
/// the session is paused, the revocations are read nevertheless: both are one round trip.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_reads_the_session_and_its_revocations_at_once() {
    let Some(cluster) = RedisCluster::start() else {
        return;
    };
    let urls = cluster.urls();
    let store = RedisStore::cluster(urls.iter().map(String::as_str));
    let sessions = sessions(store.namespace("t").build().unwrap(), &FakeClock::at(NOW));
    let of_revocations = cluster.master_of("{t:revocations}");
    let node_of = |id: &SessionId| cluster.master_of(&format!("{{t:session:{id}}}"));
    let mut tokens = sessions.login(Login::new("u-7")).await.unwrap();
    while node_of(&tokens.session) == of_revocations {
        tokens = sessions.login(Login::new("u-7")).await.unwrap();
    }
    tokens = refreshed(&sessions, &tokens.refresh_token).await;

    let nodes = || cluster.nodes().iter();
    let all = |command| nodes().map(|node| calls(node, command)).sum::<usize>();
    let commands = ["hmget", "hgetall", "exists", "evalsha", "eval"];
    let before = commands.map(all);
    tokens = refreshed(&sessions, &tokens.refresh_token).await;
    let counted = std::array::from_fn(|at| all(commands[at]) - before[at]);
    // One `HMGET` in the script.
    assert_eq!(counted, [3, 0, 0, 1, 0], "{commands:?}");

    let before = calls(&cluster.nodes()[of_revocations], "hmget");
    let paused = &cluster.nodes()[node_of(&tokens.session)];
    paused.pause();
    let waiting = sessions.clone();
    let token = tokens.refresh_token.clone();
    let waiting = tokio::spawn(async move { refreshed(&waiting, &token).await });
    eventually("the revocations are read", || {
        calls(&cluster.nodes()[of_revocations], "hmget") > before
    });
    paused.resume();
    waiting.await.unwrap();
}
