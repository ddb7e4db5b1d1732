//! Instruction counts of refused requests, beside the dearest accepted request of the same
//! configuration and length.
//!
//! Each configuration has accepted tokens of several shapes, uncached and with the key that is
//! tried last, and refused requests that are made to be expensive. The program runs itself once for
//! each configuration under `valgrind --tool=callgrind`, which writes a count for each request. It
//! fails if a refused request exceeds the dearest accepted one.
//!
//! `cargo bench -p tollgate-benches --bench refused -- remote` runs the configurations with that
//! word in their names; `--all` prints every request.

#![allow(missing_docs, clippy::unwrap_used)]

mod configuration;
mod request;
mod shape;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use configuration::Configuration;
use request::Request;

/// The variable with the name of the configuration that a child measures.
const CONFIGURATION: &str = "TOLLGATE_CONFIGURATION";
/// The number of times that a request is sent for its count.
const ROUNDS: u32 = 3;

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(CONFIGURATION) {
        let known = configuration::ALL.iter().find(|one| one.name == name);
        count(known.unwrap());
        return ExitCode::SUCCESS;
    }
    let (options, words): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|word| word.starts_with('-'));
    let every = options.iter().any(|option| option == "--all");
    let chosen = |one: &&Configuration| words.iter().all(|word| one.name.contains(&**word));
    let mut exceeded = 0;
    for configuration in configuration::ALL.iter().filter(chosen) {
        exceeded += report(configuration, every);
    }
    ExitCode::from(u8::from(exceeded > 0))
}

/// Sends each request of the configuration. Callgrind writes a file before each call of
/// [`counted`], with the instructions since the call before.
fn count(configuration: &Configuration) {
    let (mut service, requests) = (configuration.setup)();
    for request in &requests {
        assert_eq!(service(request), request.accepted, "{}", request.name);
    }
    for request in &requests {
        println!(
            "{}\t{}\t{}",
            request.length(),
            request.accepted,
            request.name
        );
    }
    for request in &requests {
        counted(&mut service, request);
    }
    counted(&mut |_| false, &requests[0]); // ends the last count
}

#[inline(never)]
fn counted(service: &mut dyn FnMut(&Request) -> bool, request: &Request) {
    for _ in 0..ROUNDS {
        std::hint::black_box(service(std::hint::black_box(request)));
    }
}

/// A request and the instructions that it takes.
struct Count {
    name: String,
    length: usize,
    accepted: bool,
    instructions: u64,
}

/// Prints the counts of a configuration and returns the number of exceeded budgets.
fn report(configuration: &Configuration, every: bool) -> usize {
    let counts = counts(configuration);
    let mut exceeded = 0;
    for most in [Configuration::SHORT, Configuration::LONG] {
        let of_length: Vec<_> = counts
            .iter()
            .filter(|count| class(count.length) == most)
            .collect();
        let good = of_length.iter().filter(|count| count.accepted);
        let Some(dearest) = good.max_by_key(|count| count.instructions) else {
            continue;
        };
        println!(
            "\n{}, {most} bytes: {} for the dearest accepted request ({})",
            configuration.name, dearest.instructions, dearest.name
        );
        let mut refused: Vec<_> = of_length
            .iter()
            .filter(|count| every || !count.accepted)
            .collect();
        refused.sort_by_key(|count| std::cmp::Reverse(count.instructions));
        for count in refused.into_iter().take(if every { usize::MAX } else { 5 }) {
            #[allow(clippy::cast_precision_loss)] // less than 2^52
            let ratio = count.instructions as f64 / dearest.instructions as f64;
            let over = !count.accepted && ratio > configuration.most;
            exceeded += usize::from(over);
            println!(
                "{:<58} {:>10} {:>7.1}% {}",
                count.name,
                count.instructions,
                100.0 * ratio,
                if over { "EXCEEDED" } else { "" }
            );
        }
    }
    exceeded
}

/// The length class of a request: requests are compared with accepted ones of their class.
fn class(length: usize) -> usize {
    if length <= Configuration::SHORT {
        Configuration::SHORT
    } else {
        Configuration::LONG
    }
}

fn counts(configuration: &Configuration) -> Vec<Count> {
    let folder = std::env::temp_dir().join(format!("tollgate-refused-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-before=refused::counted"])
        .arg(format!(
            "--callgrind-out-file={}",
            folder.join("count").display()
        ))
        .arg(std::env::current_exe().unwrap())
        .env(CONFIGURATION, configuration.name)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect(
            "valgrind is needed: `apt-get install valgrind`, or your system's package of that name",
        );
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let totals = totals(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    let counts: Vec<_> = names
        .lines()
        .zip(2..) // the first file is of the preparation
        .map(|(line, place)| {
            let mut fields = line.splitn(3, '\t');
            let mut field = || fields.next().unwrap().to_owned();
            Count {
                length: field().parse().unwrap(),
                accepted: field().parse().unwrap(),
                name: field(),
                instructions: totals[&place] / u64::from(ROUNDS),
            }
        })
        .collect();
    assert!(!counts.is_empty(), "{log}");
    counts
}

/// Reads the files of callgrind: `count.1` and so on, each with a line `totals: `.
fn totals(folder: &Path) -> BTreeMap<u32, u64> {
    let mut totals = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(place) = path
            .extension()
            .and_then(|place| place.to_str()?.parse().ok())
        else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
        totals.insert(place, total.unwrap().trim().parse().unwrap());
    }
    totals
}
