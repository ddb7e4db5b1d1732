//! Presents the tokens of acknowledged logouts to every instance, and counts connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_store_postgres::tokio_postgres::{Client, NoTls, connect};

use crate::instance::MAX_CONNECTIONS;
use crate::ledger::{Kind, SPREAD, Violation, count};
use crate::random::Random;
use crate::world::{Gone, World};

/// The connections of an instance beside its pool: one for hints of revocations, and one for
/// positions.
const BESIDE_THE_POOL: usize = 2;

/// Follows a logout from its acknowledgement on: every instance is asked until it refuses the
/// token, then the refresh token is tried.
pub(crate) async fn watch(world: Arc<World>, gone: Arc<Gone>) {
    let Some(token) = gone.session.tokens().pop() else {
        return;
    };
    for instance in 0..world.ports.len() {
        let mut accepted = true;
        while accepted && gone.at.elapsed() < 3 * SPREAD {
            accepted = is_accepted(&world, &gone, instance, "me", &token).await;
            if accepted {
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        }
    }
    try_refresh(&world, &gone, 0).await;
}

/// Returns whether the instance accepts the token. Records how long that has been wrong.
async fn is_accepted(world: &World, gone: &Gone, instance: usize, page: &str, token: &str) -> bool {
    count(&world.ledger.activity.checks);
    let request = gone.session.gated(page, token);
    let Ok(got) = world.ask(instance, Kind::Gate, &request).await else {
        return false;
    };
    if got.answer.status != 200 {
        return false;
    }
    let late = got.sent.saturating_duration_since(gone.at);
    world.ledger.spread(late);
    if instance == gone.by || late > SPREAD {
        let text = format!(
            "{}: instance {instance} accepts a token at /{page} {late:?} after the logout by \
             instance {}",
            gone.session.owner, gone.by
        );
        world.ledger.violation(Violation::CameBack, &text);
    }
    true
}

async fn try_refresh(world: &World, gone: &Gone, instance: usize) {
    let Some(request) = gone.session.refresh() else {
        return;
    };
    if world.ledger.has_wrong_clock(instance, Instant::now()) {
        return;
    }
    let Ok(got) = world.ask(instance, Kind::Session, &request).await else {
        return;
    };
    if got.answer.status == 200 {
        let text = format!(
            "{}: instance {instance} refreshes {:?} after the logout by instance {}",
            gone.session.owner,
            gone.at.elapsed(),
            gone.by
        );
        world.ledger.violation(Violation::CameBack, &text);
    }
}

/// Presents tokens of earlier logouts, chosen at random, until the run is over.
pub(crate) async fn recheck(world: Arc<World>, number: u64) {
    let mut random = Random::new(world.seed, number);
    while !world.is_over() {
        tokio::time::sleep(random.millis(40..120)).await;
        let Some(gone) = world.any_gone(&mut random) else {
            continue;
        };
        let instance = random.below(world.ports.len());
        if random.percent(20) {
            try_refresh(&world, &gone, instance).await;
            continue;
        }
        let tokens = gone.session.tokens();
        let token = &tokens[random.below(tokens.len())];
        let page = if random.percent(30) { "slide" } else { "me" };
        is_accepted(&world, &gone, instance, page, token).await;
    }
}

/// Presents all tokens of the latest logouts to every instance, one of which has just started.
pub(crate) async fn check_all(world: &World) {
    let gone = world.all_gone();
    for gone in gone.iter().rev().take(150) {
        for instance in 0..world.ports.len() {
            for token in gone.session.tokens() {
                is_accepted(world, gone, instance, "me", &token).await;
            }
        }
        try_refresh(world, gone, 0).await;
    }
}

/// Counts the connections of each instance to PostgreSQL, which they name by `application_name`.
pub(crate) async fn connections(world: Arc<World>, url: impl Fn() -> String + Send + 'static) {
    let mut client: Option<Client> = None;
    while !world.is_over() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if client.as_ref().is_none_or(Client::is_closed) {
            client = match connect(&url(), NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    Some(client)
                }
                Err(_) => None,
            };
        }
        let Some(client) = &client else { continue };
        let question = "SELECT application_name, count(*) FROM pg_stat_activity \
                        WHERE application_name LIKE 'instance-%' GROUP BY 1";
        let Ok(rows) = client.query(question, &[]).await else {
            continue;
        };
        for row in rows {
            let (name, number): (String, i64) = (row.get(0), row.get(1));
            let number = u64::try_from(number).unwrap_or(0);
            world.ledger.connections(number);
            if number > (MAX_CONNECTIONS + BESIDE_THE_POOL) as u64 {
                let text = format!("{name} has {number} connections");
                world.ledger.violation(Violation::Connections, &text);
            }
        }
    }
}

/// Reads a table of another program through the pooler that the instances share.
pub(crate) async fn bystander(world: Arc<World>, url: String) {
    while !world.is_over() {
        let sent = Instant::now();
        let read = async {
            let (client, connection) = connect(&url, NoTls).await?;
            tokio::spawn(connection);
            for _ in 0..20 {
                client.simple_query("SELECT name FROM users").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<_, tollgate_store_postgres::tokio_postgres::Error>(())
        };
        if let Err(problem) = read.await {
            let received = Instant::now();
            let permitted = |instance| {
                world
                    .ledger
                    .permits_unavailable(instance, Kind::Session, sent, received)
            };
            if !(0..world.ports.len()).any(permitted) {
                let text = format!("a bystander of the pooler: {problem:?}");
                world.ledger.violation(Violation::Unexpected, &text);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
