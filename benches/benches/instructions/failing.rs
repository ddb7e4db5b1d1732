//! Scenarios for refused tokens, through the layer, including the response. A refusal costs at most
//! as much as an accepted token. For a wrong signature, the count varies by a few hundred between
//! runs.

use tollgate_benches::failing::Failing;
use tollgate_benches::routes::{Endpoint, axum};
use tollgate_benches::tokens::Fixture;
use tollgate_core::Algorithm;

use crate::scenario::Most::Times;
use crate::scenario::{Scenario, all_of};

/// Creates a scenario that fails before the signature check.
const fn early(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(0.55, all_of("axum-hs256-cold")))
}

/// Creates a scenario that fails after the signature check. Its cost is close to that of an
/// accepted token, so the budget has a tolerance.
const fn late(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.01, all_of("axum-hs256-cold")))
}

const fn by_signature(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run)
        .long()
        .all(Times(1.02, all_of("axum-hs256-cold")))
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    early("failing-nothing", |rounds| {
        refused(Failing::Nothing, rounds);
    }),
    early("failing-garbage-8k", |rounds| {
        refused(Failing::Garbage, rounds);
    }),
    early("failing-garbage-8k-header", |rounds| {
        refused(Failing::GarbageHeader, rounds);
    }),
    early("failing-malformed", |rounds| {
        refused(Failing::Malformed, rounds);
    }),
    early("failing-wrong-algorithm", |rounds| {
        refused(Failing::WrongAlgorithm, rounds);
    }),
    early("failing-unknown-key", |rounds| {
        refused(Failing::UnknownKey, rounds);
    }),
    late("failing-expired", |rounds| {
        refused(Failing::Expired, rounds);
    }),
    late("failing-wrong-issuer", |rounds| {
        refused(Failing::WrongIssuer, rounds);
    }),
    late("failing-wrong-audience", |rounds| {
        refused(Failing::WrongAudience, rounds);
    }),
    by_signature("failing-bad-signature", |rounds| {
        refused(Failing::BadSignature, rounds);
    }),
];

fn refused(failing: Failing, rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let router = axum::router(Endpoint::Claims, &fixture.cold_verifier());
    let mut ask = axum::ask(router, [failing.token(&fixture).as_deref()]);
    for _ in 0..rounds {
        assert_eq!(ask(), 401);
    }
}
