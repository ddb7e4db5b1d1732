//! Instructions for each operation, counted by valgrind, with budgets.
//!
//! Counts do not drift with the machine's load. The program runs itself under `valgrind --tool=callgrind` with two
//! numbers of rounds; the difference is what the rounds cost. It fails where a budget is exceeded.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use tollgate_benches::remote::{fetched_among, verifier};
use tollgate_benches::tokens::{AUDIENCE, Fixture, ISSUER, SECRET, User};
use tollgate_core::{Algorithm, KeySet, KeySource as _, Verifier};

/// Name, what runs for a number of rounds, and how many instructions a round may cost over another scenario.
type Scenario = (&'static str, fn(u32), Option<Budget>);

struct Budget {
    over: &'static str,
    instructions: u64,
}

const SCENARIOS: &[Scenario] = &[
    ("hs256-signature", hs256_signature, None),
    (
        "hs256-verify",
        hs256_verify,
        Some(Budget {
            over: "hs256-signature",
            instructions: 11_200,
        }),
    ),
    (
        "hs256-claims",
        hs256_claims,
        Some(Budget {
            over: "hs256-signature",
            instructions: 12_100,
        }),
    ),
    (
        "garbage-8k",
        garbage,
        Some(Budget {
            over: "nothing",
            instructions: 3_600,
        }),
    ),
    ("eddsa-fixed-keys", eddsa_fixed_keys, None),
    (
        "eddsa-fetched-keys",
        eddsa_fetched_keys,
        Some(Budget {
            over: "eddsa-fixed-keys",
            instructions: 450,
        }),
    ),
    ("eddsa-fixed-128-keys", eddsa_fixed_128_keys, None),
    (
        "eddsa-fetched-128-keys",
        eddsa_fetched_128_keys,
        Some(Budget {
            over: "eddsa-fixed-128-keys",
            instructions: 2_900,
        }),
    ),
];

fn main() -> ExitCode {
    if let Ok(scenario) = std::env::var("TOLLGATE_SCENARIO") {
        let rounds = std::env::var("TOLLGATE_ROUNDS").unwrap().parse().unwrap();
        let (_, run, _) = SCENARIOS.iter().find(|(name, ..)| *name == scenario).unwrap();
        run(rounds);
        return ExitCode::SUCCESS;
    }
    let mut counts = BTreeMap::from([("nothing", 0)]);
    let mut failed = false;
    println!(
        "{:<24} {:>12} {:>12} {:>12}",
        "", "instructions", "over", "budget"
    );
    for (name, _, budget) in SCENARIOS {
        let count = instructions(name);
        counts.insert(name, count);
        let Some(budget) = budget else {
            println!("{name:<24} {count:>12}");
            continue;
        };
        let over = count.saturating_sub(counts[budget.over]);
        let verdict = if over > budget.instructions {
            "EXCEEDED"
        } else {
            ""
        };
        failed |= over > budget.instructions;
        println!(
            "{name:<24} {count:>12} {over:>12} {:>12} {verdict}",
            budget.instructions
        );
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn instructions(scenario: &str) -> u64 {
    const FEW: u32 = 200;
    const MANY: u32 = 1200;
    (counted(scenario, MANY) - counted(scenario, FEW)) / u64::from(MANY - FEW)
}

fn counted(scenario: &str, rounds: u32) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .env("TOLLGATE_SCENARIO", scenario)
        .env("TOLLGATE_ROUNDS", rounds.to_string())
        .output()
        .expect("valgrind is needed: `apt-get install valgrind`, or your system's package of that name");
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

fn hs256_signature(rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let (input, signature) = fixture.signed();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &SECRET);
    for _ in 0..rounds {
        aws_lc_rs::hmac::verify(&key, black_box(&input), &signature).unwrap();
    }
}

fn hs256_verify(rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let verifier = fixture.verifier();
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&fixture.token)).unwrap());
    }
}

fn hs256_claims(rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let verifier = fixture.verifier();
    for _ in 0..rounds {
        let principal = verifier.verify(black_box(&fixture.token)).unwrap();
        black_box(principal.claims::<User>().unwrap());
    }
}

fn garbage(rounds: u32) {
    let verifier = Fixture::new(Algorithm::HS256).verifier();
    let garbage = "x".repeat(8192);
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&garbage)).unwrap_err());
    }
}

fn eddsa_fixed_keys(rounds: u32) {
    eddsa(rounds, 1, true);
}

fn eddsa_fetched_keys(rounds: u32) {
    eddsa(rounds, 1, false);
}

fn eddsa_fixed_128_keys(rounds: u32) {
    eddsa(rounds, 128, true);
}

fn eddsa_fetched_128_keys(rounds: u32) {
    eddsa(rounds, 128, false);
}

/// With the last one of so many keys.
fn eddsa(rounds: u32, keys: usize, fixed: bool) {
    let fixture = Fixture::ed25519();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let fetched = runtime.block_on(fetched_among(&fixture, keys));
    let verifier = if fixed {
        Verifier::builder()
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .key_set(KeySet::clone(&fetched.keys().unwrap()))
            .build()
            .unwrap()
    } else {
        verifier(fetched)
    };
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&fixture.token)).unwrap());
    }
}
