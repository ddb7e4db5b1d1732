//! A load of clients that follow the rules, on real servers, while a script of faults runs. See the
//! README for what is counted. `cargo xtask chaos` runs it.

mod browser;
mod http;
mod instance;
mod ledger;
mod link;
mod observer;
mod phone;
mod random;
mod script;
mod stores;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::browser::{Browser, TABS, Tab};
use crate::http::Request;
use crate::instance::Instance;
use crate::link::Link;
use crate::phone::Phone;
use crate::script::Stage;
use crate::stores::{Store, StoreKind};
use crate::world::{User, World};

const PHONES: usize = 16;
const BROWSERS: usize = 8;
const RECHECKS: u64 = 3;

/// The bound of the script beyond its time: one round of every fault.
const ONE_ROUND: Duration = Duration::from_secs(240);

/// The bound of the time that clients need to finish, once nothing fails any more.
const FINISHING: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    instance::serve_if_asked();
    let Some((time, kinds)) = arguments() else {
        let names = StoreKind::ALL.map(|(name, _)| name).join(", ");
        eprintln!("usage: chaos [SECONDS] [STORE...]\nThe stores are {names}.");
        return ExitCode::from(2);
    };
    let seed = std::env::var("TOLLGATE_CHAOS_SEED");
    let seed = seed.ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("chaos for {time:?} or one round, TOLLGATE_CHAOS_SEED={seed}");
    // Two lanes, as most of the time is spent waiting. The servers of a run have ended when it
    // returns, also by a panic.
    let lanes: [Vec<_>; 2] = [0, 1].map(|lane| kinds.iter().skip(lane).step_by(2).collect());
    let problems: Vec<String> = std::thread::scope(|scope| {
        let lanes = lanes.map(|lane| {
            scope.spawn(move || {
                let runs = lane.into_iter();
                runs.flat_map(|(name, kind)| run(name, *kind, time, seed))
                    .collect::<Vec<_>>()
            })
        });
        let ended = lanes.map(std::thread::ScopedJoinHandle::join);
        ended
            .into_iter()
            .flat_map(|problems| problems.unwrap_or_else(|_| vec!["a run panicked".to_owned()]))
            .collect()
    });
    for problem in &problems {
        println!("FAILED {problem}");
    }
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Reads `[SECONDS] [STORE...]`. Every store once by default, each for one round.
fn arguments() -> Option<(Duration, Vec<(&'static str, StoreKind)>)> {
    let mut named: Vec<String> = std::env::args().skip(1).collect();
    let seconds = named.first().and_then(|first| first.parse().ok());
    if seconds.is_some() {
        named.remove(0);
    }
    let known = |name: &String| StoreKind::ALL.into_iter().find(|(known, _)| known == name);
    let kinds: Vec<_> = named.iter().map(known).collect::<Option<_>>()?;
    let kinds = if kinds.is_empty() {
        StoreKind::ALL.to_vec()
    } else {
        kinds
    };
    Some((Duration::from_secs(seconds.unwrap_or(0)), kinds))
}

/// Runs the load and the script on one store. Returns the problems.
fn run(name: &'static str, kind: StoreKind, time: Duration, seed: u64) -> Vec<String> {
    let runtime = Runtime::new().expect("a runtime starts");
    let Some(mut stage) = runtime.block_on(stage(name, kind, time, seed, &runtime)) else {
        return Vec::new();
    };
    let world = stage.world.clone();
    let mut clients = JoinSet::new();
    let _entered = runtime.enter();
    start_clients(&world, &mut clients);
    start_observers(&world, &stage.store);

    stage.play(time);

    // The clients still run: the new instance has to follow their logouts too.
    stage.renew_one();
    std::thread::sleep(ledger::SETTLING);
    world.finish();
    let finished = runtime.block_on(tokio::time::timeout(FINISHING, async {
        while let Some(client) = clients.join_next().await {
            client.expect("a client panicked");
        }
        observer::check_all(&world).await;
    }));
    for port in &world.ports {
        let answer = runtime.block_on(Request::new("GET", "/status").send(*port));
        let status = answer.map(|answer| serde_json::from_str(&answer.content));
        if let Ok(Ok::<serde_json::Value, _>(status)) = status {
            world.ledger.events(&status["events"]);
        }
    }
    drop(stage);
    let mut problems = world.ledger.close();
    if finished.is_err() {
        problems.push(format!("{name}: the clients do not come to an end"));
    }
    problems
}

/// Starts the store and its instances. Outside CI, returns `None` if a program is missing.
async fn stage(
    name: &'static str,
    kind: StoreKind,
    time: Duration,
    seed: u64,
    runtime: &Runtime,
) -> Option<Stage> {
    let store = Store::start(kind).await?;
    let (mut instances, mut links) = (Vec::new(), Vec::new());
    for number in 0..store.instances() {
        let mut port = 0;
        if let Some(target) = store.port() {
            let link = Link::open(target).await.expect("a port is free");
            port = link.port;
            links.push(link);
        }
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{name}-{number}.log"));
        instances.push(Instance::start(number, store.address(number, port), log));
    }
    let ports = instances.iter().map(|instance| instance.port).collect();
    Some(Stage {
        world: Arc::new(World::new(name, ports, seed, time + ONE_ROUND)),
        kind,
        store,
        instances,
        links,
        runtime: runtime.handle().clone(),
    })
}

fn start_clients(world: &Arc<World>, clients: &mut JoinSet<()>) {
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    for user in 0..PHONES {
        let has_browser = user < BROWSERS;
        let user = Arc::new(User::new(user));
        clients.spawn(Phone::new(world, &user, next()).run());
        if has_browser {
            let browser = Browser::new(&user);
            for tab in 0..TABS {
                clients.spawn(Tab::new(world, &browser, tab, next()).run());
            }
        }
    }
}

fn start_observers(world: &Arc<World>, store: &Store) {
    for number in 0..RECHECKS {
        tokio::spawn(observer::recheck(world.clone(), 1_000 + number));
    }
    let Store::Postgres { url, pooler, .. } = store else {
        return;
    };
    if let Some(pooler) = pooler {
        tokio::spawn(observer::bystander(world.clone(), pooler.url()));
    } else {
        let url = url.clone();
        let current = move || url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(observer::connections(world.clone(), current));
    }
}
