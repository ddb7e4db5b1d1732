//! Tokens that are refused, through the layer, each with the answer that says why. None costs more than a token that passes, but
//! now and then one with a wrong signature, whose count varies by a few hundred from run to run.

use tollgate_benches::failing::Failing;
use tollgate_benches::routes::{Endpoint, axum};
use tollgate_benches::tokens::Fixture;
use tollgate_core::Algorithm;

use crate::scenario::Most::Times;
use crate::scenario::{Scenario, all_of};

/// The answer takes no more than what a token that passes takes from there on.
const fn scenario(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.0, all_of("axum-hs256-cold")))
}

/// As close to a token that passes as to need some room for what varies.
const fn closely(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.01, all_of("axum-hs256-cold")))
}

const fn by_signature(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.02, all_of("axum-hs256-cold")))
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("failing-nothing", |rounds| refused(Failing::Nothing, rounds)),
    scenario("failing-garbage-8k", |rounds| refused(Failing::Garbage, rounds)),
    scenario("failing-garbage-8k-header", |rounds| {
        refused(Failing::GarbageHeader, rounds);
    }),
    scenario("failing-malformed", |rounds| refused(Failing::Malformed, rounds)),
    scenario("failing-wrong-algorithm", |rounds| {
        refused(Failing::WrongAlgorithm, rounds);
    }),
    scenario("failing-unknown-key", |rounds| {
        refused(Failing::UnknownKey, rounds);
    }),
    scenario("failing-expired", |rounds| refused(Failing::Expired, rounds)),
    scenario("failing-wrong-issuer", |rounds| {
        refused(Failing::WrongIssuer, rounds);
    }),
    closely("failing-wrong-audience", |rounds| {
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
