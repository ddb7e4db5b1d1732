//! The rules of a session, checked over every interleaving of a few clients.
//!
//! The code that runs is the crate's own: `Sessions` over a store whose every operation is a point where anything else may
//! happen. The search visits every state once. What is covered, and what not, is told in `tollgate_session::proved`.

mod driver;
mod known;
mod world;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use driver::{Act, CAP, Driver, GRACE, LEEWAY, START};
use world::{Move, World};

struct Scenario {
    clients: usize,
    /// How many operations are begun, by all clients together.
    operations: u64,
    acts: &'static [Act],
    /// Seconds that pass at the most.
    seconds: u64,
    grace: u64,
    revoke_former_access: bool,
}

/// All that can be reached; how many states it were.
fn explore(scenario: &Scenario) -> usize {
    let driver = Driver::new(scenario.grace, scenario.revoke_former_access);
    let seeds = [RandomState::new(), RandomState::new()];
    let fingerprint = |world: &World| {
        seeds.each_ref().map(|seed| {
            let mut hasher = seed.build_hasher();
            world.hash(&mut hasher);
            hasher.finish()
        })
    };
    let start = World::new(&driver, scenario.clients);
    let end = START + scenario.seconds;
    let mut seen = HashSet::from([fingerprint(&start)]);
    let mut open = vec![(start, 0)];
    // How each state was reached first: from which one, by what.
    let mut reached: Vec<(usize, Option<Move>)> = vec![(0, None)];
    while let Some((world, number)) = open.pop() {
        let mut moves = vec![Move::Tick];
        for at in 0..scenario.clients {
            // Clients that are alike do alike.
            if at > 0 && world.clients[at] == world.clients[at - 1] {
                continue;
            }
            moves.extend([Move::Go(at), Move::Lose(at)]);
            if world.begun < scenario.operations {
                moves.extend(scenario.acts.iter().map(|act| Move::Begin(at, *act)));
            }
        }
        for next in moves {
            if !world.allows(&driver, next, end) {
                continue;
            }
            let moved = catch_unwind(AssertUnwindSafe(|| {
                let after = world.after(&driver, next);
                after.check(&driver);
                after
            }));
            let after = moved.unwrap_or_else(|violation| {
                println!("{:#?}", way(&reached, number, next));
                resume_unwind(violation)
            });
            if seen.insert(fingerprint(&after)) {
                open.push((after, reached.len()));
                reached.push((number, Some(next)));
            }
        }
    }
    seen.len()
}

/// What led to a violation, from the first move to the last.
fn way(reached: &[(usize, Option<Move>)], mut at: usize, last: Move) -> Vec<Move> {
    let mut way = vec![last];
    while let (before, Some(moved)) = reached[at] {
        way.push(moved);
        at = before;
    }
    way.reverse();
    way
}

/// Until everything that could have been handed out has expired.
const ALL_OF_IT: u64 = CAP + LEEWAY + 1;

#[test]
fn three_clients_that_do_anything_once() {
    let states = explore(&Scenario {
        clients: 3,
        operations: 3,
        acts: &[Act::Refresh, Act::Reuse, Act::Logout, Act::Slide],
        seconds: 0,
        grace: GRACE,
        revoke_former_access: false,
    });
    println!("{states} states");
}

#[test]
fn two_operations_over_the_whole_life_of_a_session() {
    let states = explore(&Scenario {
        clients: 2,
        operations: 2,
        acts: &[Act::Refresh, Act::Reuse, Act::Logout, Act::LogoutAll, Act::Slide],
        seconds: ALL_OF_IT,
        grace: GRACE,
        revoke_former_access: false,
    });
    println!("{states} states");
}
