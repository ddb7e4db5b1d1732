//! The rules of a session, checked over every interleaving of a few clients.
//!
//! The tests run `Sessions` over a store in which every operation is a point where anything else
//! may happen. The search visits every state once. `tollgate_session::guarantees` documents the
//! covered cases.

#![allow(clippy::unwrap_used, reason = "test code")]

mod driver;
mod known;
mod logins;
mod world;

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use foldhash::quality::RandomState;

use driver::{Act, CAP, Config, Driver, GRACE, IDLE, LEEWAY};
use world::{Clients, Faults, Move, World};

struct Scenario {
    clients: usize,
    /// The number of operations of all clients together.
    operations: u64,
    acts: &'static [Act],
    /// The maximum number of seconds that pass.
    seconds: u64,
    /// The configurations of the instances, one after the other.
    configs: Vec<Config>,
    /// The seconds that have passed since the login.
    begins: u64,
    /// `true` if events may occur between the execution of a store operation and the arrival of its
    /// answer. In between the service only reads the clock, so this matters only if time passes.
    fine: bool,
    faults: Faults,
}

/// Searches all reachable states and returns their number.
fn explore(scenario: &Scenario) -> usize {
    let driver = Driver::new(&scenario.configs);
    let seeds = [RandomState::default(), RandomState::default()];
    let fingerprint = |world: &World| seeds.each_ref().map(|seed| seed.hash_one(world));
    let mut start = World::new(&driver, scenario.clients, scenario.faults);
    start.now += scenario.begins;
    let end = start.now + scenario.seconds;
    let mut seen = HashSet::from([fingerprint(&start)]);
    let mut open = vec![(start, 0)];
    // The predecessor and the move by which each state was first reached.
    let mut reached: Vec<(usize, Option<Move>)> = vec![(0, None)];
    while let Some((world, number)) = open.pop() {
        let mut moves = vec![
            Move::Tick,
            Move::Configure,
            Move::Land,
            Move::Failover,
            Move::Demote,
        ];
        for at in 0..scenario.clients {
            // Identical clients behave identically.
            if at > 0 && world.clients[at] == world.clients[at - 1] {
                continue;
            }
            moves.extend([
                Move::Go(at),
                Move::Lose(at),
                Move::Fail(at),
                Move::FailAndLand(at),
            ]);
            if !scenario.fine {
                moves.push(Move::DoAndLose(at));
            }
            if world.begun < scenario.operations {
                moves.extend(scenario.acts.iter().map(|act| Move::Begin(at, *act)));
            }
        }
        for next in moves {
            if !world.allows(&driver, next, end) {
                continue;
            }
            let tried = catch_unwind(AssertUnwindSafe(|| {
                let after = world.after(&driver, next, scenario.fine);
                after.check(&driver);
                after
            }));
            let after = tried.unwrap_or_else(|violation| {
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

/// Formats the moves that led to a violation.
fn way(reached: &[(usize, Option<Move>)], mut at: usize, last: Move) -> Vec<Move> {
    let mut way = vec![last];
    while let (before, Some(moved)) = reached[at] {
        way.push(moved);
        at = before;
    }
    way.reverse();
    way
}

/// The time until every token has expired.
const ALL_OF_IT: u64 = CAP + LEEWAY + 1;

const EVERYTHING: &[Act] = &[Act::Refresh, Act::Reuse, Act::Logout, Act::Slide];

/// Prints the number of states of a scenario.
fn report(name: &str, scenario: &Scenario) {
    println!("{name}: {} states", explore(scenario));
}

#[test]
fn three_clients_across_the_grace_boundary() {
    report(
        "three clients",
        &Scenario {
            clients: 3,
            operations: 3,
            acts: &[Act::Refresh, Act::Reuse, Act::Logout],
            seconds: 1,
            configs: vec![Config::new(1)],
            begins: 0,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn three_clients_within_one_second() {
    report(
        "three clients within one second",
        &Scenario {
            clients: 3,
            operations: 3,
            acts: EVERYTHING,
            seconds: 0,
            configs: vec![Config::new(1)],
            begins: 0,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn two_operations_over_the_whole_life_of_a_session() {
    report(
        "whole lifetime",
        &Scenario {
            clients: 2,
            operations: 2,
            acts: &[
                Act::Refresh,
                Act::Reuse,
                Act::Logout,
                Act::LogoutAll,
                Act::Forget,
                Act::Slide,
            ],
            seconds: ALL_OF_IT,
            configs: vec![Config::new(GRACE)],
            begins: 0,
            fine: true,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn one_long_running_client() {
    for configs in [vec![Config::new(0)], vec![Config::new(GRACE)]] {
        report(
            "one client",
            &Scenario {
                clients: 1,
                operations: 3,
                acts: EVERYTHING,
                seconds: ALL_OF_IT,
                configs,
                begins: 0,
                fine: false,
                faults: Faults::NONE,
            },
        );
    }
}

#[test]
fn revoked_previous_access_tokens() {
    report(
        "revoked previous access tokens",
        &Scenario {
            clients: 2,
            operations: 3,
            acts: &[Act::Refresh, Act::Logout, Act::Slide],
            seconds: 1,
            configs: vec![Config {
                revoke_former_access: true,
                ..Config::new(1)
            }],
            begins: 0,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn without_grace() {
    report(
        "no grace",
        &Scenario {
            clients: 2,
            operations: 3,
            acts: EVERYTHING,
            seconds: 1,
            configs: vec![Config::new(0)],
            begins: 0,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn a_thief_with_old_tokens_during_a_step_up() {
    for configs in [vec![Config::new(0)], vec![Config::new(1)]] {
        report(
            "step-up",
            &Scenario {
                clients: 2,
                operations: 3,
                acts: &[Act::Refresh, Act::Reuse, Act::SlideStolen, Act::StepUp],
                seconds: 1,
                configs,
                begins: 0,
                fine: false,
                faults: Faults::NONE,
            },
        );
    }
    let configs = vec![Config {
        revoke_former_access: true,
        ..Config::new(1)
    }];
    report(
        "step-up that revokes",
        &Scenario {
            clients: 2,
            operations: 2,
            acts: &[
                Act::Refresh,
                Act::SlideStolen,
                Act::Slide,
                Act::StepUp,
                Act::Logout,
            ],
            seconds: 3,
            configs,
            begins: 0,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn a_configuration_that_changes() {
    const BASE: Config = Config::new(1);
    const SHORT: Config = Config {
        access: 2,
        late: 0,
        ..BASE
    };
    const LONG: Config = Config {
        access: 4,
        late: 0,
        ..BASE
    };
    const ADDED: Config = Config {
        keys: &[1, 2],
        ..BASE
    };
    const PROMOTED: Config = Config {
        keys: &[2, 1],
        ..BASE
    };
    for (configs, acts) in [
        (
            vec![LONG, SHORT, LONG],
            &[Act::Refresh, Act::Slide, Act::Logout][..],
        ),
        (
            vec![SHORT, LONG, SHORT],
            &[Act::Refresh, Act::Slide, Act::Logout],
        ),
        (vec![BASE, ADDED, PROMOTED], &[Act::Refresh, Act::Reuse]),
    ] {
        report(
            "a configuration that changes",
            &Scenario {
                clients: 2,
                operations: 2,
                acts,
                seconds: 5,
                configs,
                begins: 0,
                fine: false,
                faults: Faults::NONE,
            },
        );
    }
}

#[test]
fn three_clients_when_the_session_and_its_token_expire_together() {
    let configs = vec![Config {
        access: 3,
        idle: 3,
        cap: 3,
        ..Config::new(1)
    }];
    report(
        "three clients at the end",
        &Scenario {
            clients: 3,
            operations: 3,
            acts: &[Act::Refresh, Act::Slide, Act::Logout],
            seconds: 3,
            configs,
            begins: 2,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

#[test]
fn merged_revocations() {
    let configs = vec![Config {
        budget: 0,
        ..Config::new(1)
    }];
    report(
        "merged revocations",
        &Scenario {
            clients: 2,
            operations: 3,
            acts: &[Act::Refresh, Act::Slide, Act::Logout],
            seconds: 1,
            configs,
            begins: 0,
            fine: false,
            faults: Faults::NONE,
        },
    );
}

/// The revocations fail while the sessions do not, and the reverse; writes land after their caller
/// got an error and after other operations. The client follows the rules.
#[test]
fn a_client_that_follows_the_rules_during_failures_of_the_store() {
    let faults = Faults {
        fail: true,
        late_writes: 1,
        losses: Some(1),
        honest: true,
        ..Faults::NONE
    };
    for revoke_former_access in [false, true] {
        let configs = vec![Config {
            revoke_former_access,
            late: IDLE,
            ..Config::new(1)
        }];
        report(
            "an honest client",
            &Scenario {
                clients: 1,
                operations: 4,
                acts: &[Act::Refresh],
                seconds: 4,
                configs,
                begins: 0,
                fine: false,
                faults,
            },
        );
    }
}

#[test]
fn failures_and_late_writes_during_a_logout() {
    report(
        "failures during a logout",
        &Scenario {
            clients: 2,
            operations: 2,
            acts: &[
                Act::Refresh,
                Act::Slide,
                Act::Logout,
                Act::LogoutAll,
                Act::Forget,
            ],
            seconds: 1,
            configs: vec![Config::new(1)],
            begins: 0,
            fine: false,
            faults: Faults {
                fail: true,
                late_writes: 1,
                ..Faults::NONE
            },
        },
    );
}

/// A thief has the first token, outside the grace period.
#[test]
fn a_thief_and_an_owner_outside_the_grace_period() {
    report(
        "a thief outside the grace period",
        &Scenario {
            clients: 2,
            operations: 4,
            acts: &[Act::Refresh, Act::Reuse],
            seconds: 3,
            configs: vec![Config {
                late: 3,
                ..Config::new(1)
            }],
            begins: 0,
            fine: false,
            faults: Faults {
                clients: Clients::Alternating,
                ..Faults::NONE
            },
        },
    );
}

/// Tabs share the storage of the tokens. Answers arrive in any order, so that it may hold an older
/// token afterwards.
#[test]
fn tabs_that_rotate_twice_within_the_grace_period() {
    report(
        "tabs",
        &Scenario {
            clients: 2,
            operations: 4,
            acts: &[Act::Refresh],
            seconds: 1,
            configs: vec![Config::new(2)],
            begins: 0,
            fine: false,
            faults: Faults {
                clients: Clients::Tabs,
                honest: true,
                ..Faults::NONE
            },
        },
    );
}

/// Writes whose callers got an error are visible, and a failover loses them.
#[test]
fn a_failover_loses_nothing_that_was_acknowledged() {
    report(
        "failover",
        &Scenario {
            clients: 2,
            operations: 3,
            acts: &[Act::Refresh, Act::Logout, Act::LogoutAll, Act::Forget],
            seconds: 0,
            configs: vec![Config::new(1)],
            begins: 0,
            fine: false,
            faults: Faults {
                failover: true,
                ..Faults::NONE
            },
        },
    );
}

/// The hook reads the rights at some moment of each operation, and may fail. The service takes the
/// role from the sessions at any other moment.
#[test]
fn a_user_who_is_demoted_and_disabled() {
    let hooked = Config {
        hook: true,
        ..Config::new(1)
    };
    let rights = Faults {
        rights: true,
        ..Faults::NONE
    };
    let failing = Faults {
        fail: true,
        ..rights
    };
    let all = &[
        Act::Refresh,
        Act::Reuse,
        Act::Slide,
        Act::StepUp,
        Act::Update,
    ];
    for (name, config, operations, acts, faults) in [
        ("rights", hooked, 2, &all[..], failing),
        ("refreshes", hooked, 3, &[Act::Refresh, Act::Update], rights),
        (
            "an update alone",
            Config::new(1),
            3,
            &[Act::Refresh, Act::Slide, Act::Update],
            Faults::NONE,
        ),
    ] {
        report(
            name,
            &Scenario {
                clients: 2,
                operations,
                acts,
                seconds: 1,
                configs: vec![config],
                begins: 0,
                fine: false,
                faults,
            },
        );
    }
}

/// Handlers write the data of the session while others refresh, renew and end it. Writes may fail,
/// and land later.
#[test]
fn data_beside_refreshes() {
    let acts = &[Act::Count, Act::Refresh, Act::Slide, Act::Logout];
    let failing = Faults {
        fail: true,
        late_writes: 1,
        ..Faults::NONE
    };
    for (name, operations, faults) in [("data", 3, Faults::NONE), ("data, late", 2, failing)] {
        report(
            name,
            &Scenario {
                clients: 2,
                operations,
                acts,
                seconds: 1,
                configs: vec![Config::new(1)],
                begins: 0,
                fine: false,
                faults,
            },
        );
    }
}
