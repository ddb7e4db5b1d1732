//! The cost that authentication adds to a route: tollgate on axum, actix-web and plain tower. The
//! baselines are a layer that inserts a value, a hand-written extractor over `jsonwebtoken` with
//! either backend, and the signature check alone.
//!
//! In process, without sockets. The backend of `jsonwebtoken` is global to a process, so the
//! program runs itself once for each. `cargo bench -p tollgate-benches --bench middleware -- axum
//! HS256` prints the tables with these words in their titles.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use tollgate_benches::routes::{Ask, Endpoint, actix, axum, by_hand, tower};
use tollgate_benches::tokens::{ALGORITHMS, Fixture};
use tollgate_benches::{Candidate, compare, print, signature, with_each_backend};
use tollgate_core::Verifier;

tollgate_benches::count_allocations!();

const SIGNATURE: &str = "signature check alone (aws-lc-rs, prepared)";
/// The number of distinct tokens, far more than the cache of [`Fixture::forgetful_verifier`] holds.
const RING: usize = 2048;
const TIME: Duration = Duration::from_millis(400);

/// The state of the token cache.
#[derive(Clone, Copy)]
enum Way {
    /// No cache.
    Cold,
    /// One token repeatedly, with a cache.
    Warm,
    /// A new token each time, with a cache.
    OneTime,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::OneTime => "one-time tokens",
        }
    }
}

fn main() {
    with_each_backend(measure);
}

fn measure(backend: &str) {
    for algorithm in ALGORITHMS {
        let fixture = Fixture::new(algorithm);
        for way in [Way::Cold, Way::Warm, Way::OneTime] {
            let table = Table {
                fixture: &fixture,
                way,
                backend,
            };
            table.axum();
            // The other tables do not involve `jsonwebtoken`, so they are printed once.
            if backend == "aws_lc_rs" {
                table.actix();
                table.tower();
            }
        }
    }
}

struct Table<'a> {
    fixture: &'a Fixture,
    way: Way,
    backend: &'a str,
}

impl Table<'_> {
    fn axum(&self) {
        self.print("axum", |verifier, tokens| {
            let tokens = || tokens.iter().map(|token| Some(&**token));
            let named = |endpoint: Endpoint| {
                let ask = axum::ask(axum::router(endpoint, verifier), tokens());
                (endpoint.name(), ask)
            };
            let mut rows: Vec<_> = Endpoint::ALL.into_iter().map(named).collect();
            rows.extend(Endpoint::ALL.into_iter().filter_map(|endpoint| {
                let ask = axum::ask_around(endpoint, verifier, tokens())?;
                Some((endpoint.name_around()?, ask))
            }));
            rows.push((
                by_hand::NAME,
                axum::ask(by_hand::router(self.fixture), tokens()),
            ));
            rows
        });
    }

    fn actix(&self) {
        self.print("actix-web", |verifier, tokens| {
            let named = |endpoint: Endpoint| {
                let tokens = tokens.iter().map(|token| Some(&**token));
                (endpoint.name(), actix::ask(endpoint, verifier, tokens))
            };
            Endpoint::ALL.into_iter().map(named).collect()
        });
    }

    fn tower(&self) {
        self.print("tower", |verifier, tokens| {
            let named = |endpoint: Endpoint| {
                let tokens = tokens.iter().map(|token| Some(&**token));
                Some((endpoint.name(), tower::ask(endpoint, verifier, tokens)?))
            };
            Endpoint::ALL.into_iter().filter_map(named).collect()
        });
    }

    /// Prints a table. The cost of the bare route, the first row, is subtracted from the others.
    fn print(
        &self,
        framework: &str,
        rows: impl FnOnce(&Verifier, &[String]) -> Vec<(&'static str, Ask)>,
    ) {
        let Self {
            fixture,
            way,
            backend,
        } = self;
        let title = format!(
            "{framework}, {}, {}, over the bare route (jsonwebtoken with {backend})",
            fixture.algorithm,
            way.name(),
        );
        let mut words = std::env::args()
            .skip(1)
            .filter(|word| !word.starts_with('-'));
        if !words.all(|word| title.contains(&word)) {
            return;
        }
        let (verifier, tokens) = match way {
            Way::Cold => (fixture.cold_verifier(), vec![fixture.token.clone()]),
            Way::Warm => (fixture.verifier(), vec![fixture.token.clone()]),
            Way::OneTime => (fixture.forgetful_verifier(), fixture.distinct(RING)),
        };
        let mut alone = signature::alone(fixture);
        let (input, signed) = fixture.signed();
        let mut candidates: Vec<_> = rows(&verifier, &tokens)
            .into_iter()
            .map(|(name, mut ask)| Candidate::new(name, move || assert_eq!(ask(), 200)))
            .collect();
        candidates.push(Candidate::new(SIGNATURE, || {
            assert!(alone(black_box(&input), &signed));
        }));
        let mut rows = compare(&mut candidates, TIME);
        let bare = rows.remove(0);
        for row in rows.iter_mut().filter(|row| row.name != SIGNATURE) {
            row.nanoseconds -= bare.nanoseconds;
            row.allocations -= bare.allocations;
        }
        print(&title, &rows, SIGNATURE);
    }
}
