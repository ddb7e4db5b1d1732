//! Instruction counts of operations, measured with valgrind and compared with budgets.
//!
//! Instruction counts do not depend on the load of the machine. The program runs itself under
//! `valgrind --tool=callgrind` with two numbers of rounds, and takes the difference. It fails if a
//! scenario exceeds its budget. `cargo bench -p tollgate-benches --bench instructions -- axum` runs
//! the scenarios with that word in their names, and their baselines.

#![allow(missing_docs, clippy::unwrap_used)]

mod core;
mod failing;
mod middleware;
mod scenario;
mod sessions;

use std::collections::BTreeMap;
use std::process::{Child, Command, ExitCode, Stdio};

use scenario::{Budget, Cost, Scenario};

const SCENARIO: &str = "TOLLGATE_SCENARIO";
const ROUNDS: &str = "TOLLGATE_ROUNDS";

fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    [
        core::SCENARIOS,
        middleware::SCENARIOS,
        failing::SCENARIOS,
        sessions::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(SCENARIO) {
        let rounds = std::env::var(ROUNDS).unwrap().parse().unwrap();
        (scenario(&name).run)(rounds);
        return ExitCode::SUCCESS;
    }
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let mut counts = Counts(BTreeMap::new());
    let mut failed = false;
    println!(
        "{:<32} {:>12} {:>10} {:>10} {:>7}",
        "", "instructions", "over", "budget", "of it"
    );
    for scenario in
        scenarios().filter(|scenario| words.iter().all(|word| scenario.name.contains(&**word)))
    {
        let count = counts.of(scenario.name);
        let Some(Budget { over, most }) = &scenario.budget else {
            println!("{:<32} {count:>12}", scenario.name);
            continue;
        };
        let cost = counts.cost(&Cost {
            of: scenario.name,
            over: *over,
        });
        let budget = most.instructions(|cost| counts.cost(cost));
        let exceeded = cost > budget;
        failed |= exceeded;
        println!(
            "{:<32} {count:>12} {cost:>10.0} {budget:>10.0} {:>6.1}% {}",
            scenario.name,
            100.0 * cost / budget,
            if exceeded { "EXCEEDED" } else { "" },
        );
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn scenario(name: &str) -> &'static Scenario {
    let found = scenarios().find(|scenario| scenario.name == name);
    found.unwrap_or_else(|| panic!("there is no scenario {name}"))
}

/// The counts so far.
struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    fn of(&mut self, name: &'static str) -> u64 {
        *self
            .0
            .entry(name)
            .or_insert_with(|| instructions(scenario(name)))
    }

    #[allow(clippy::cast_precision_loss)] // less than a million
    fn cost(&mut self, cost: &Cost) -> f64 {
        let over = cost.over.map_or(0, |over| self.of(over));
        self.of(cost.of) as f64 - over as f64
    }
}

fn instructions(scenario: &Scenario) -> u64 {
    let (few, many) = scenario.rounds;
    // In parallel, because each process has its own simulated processor.
    let [fewer, more] = [few, many]
        .map(|rounds| start(scenario, rounds))
        .map(counted);
    (more - fewer) / u64::from(many - few)
}

fn start(scenario: &Scenario, rounds: u32) -> Child {
    Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .env(SCENARIO, scenario.name)
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect(
            "valgrind is needed: `apt-get install valgrind`, or your system's package of that name",
        )
}

fn counted(program: Child) -> u64 {
    let output = program.wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let total = log
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .map(|(_, count)| count.trim());
    total
        .unwrap_or_else(|| panic!("no count in {log}"))
        .parse()
        .unwrap()
}
