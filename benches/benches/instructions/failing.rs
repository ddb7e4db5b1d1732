//! Tokens that are refused, through the layer, each with the answer that says why. None costs more than a token that passes, but
//! now and then one with a wrong signature, whose count varies by a few hundred from run to run.

use tollgate_benches::failing::Failing;
use tollgate_benches::routes::{Endpoint, axum};
use tollgate_benches::tokens::Fixture;
use tollgate_core::Algorithm;

use crate::scenario::Most::Times;
use crate::scenario::{Scenario, all_of};

/// It fails before its signature is looked at.
const fn early(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(0.55, all_of("axum-hs256-cold")))
}

/// It fails by what its signature vouches for. The answer takes what a token that passes takes from there on, so closely that
/// there is some room for what varies.
const fn late(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.01, all_of("axum-hs256-cold")))
}

const fn by_signature(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.02, all_of("axum-hs256-cold")))
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    early("failing-nothing", |rounds| refused(Failing::Nothing, rounds)),
    early("failing-garbage-8k", |rounds| refused(Failing::Garbage, rounds)),
    early("failing-garbage-8k-header", |rounds| {
        refused(Failing::GarbageHeader, rounds);
    }),
    early("failing-malformed", |rounds| refused(Failing::Malformed, rounds)),
    early("failing-wrong-algorithm", |rounds| {
        refused(Failing::WrongAlgorithm, rounds);
    }),
    early("failing-unknown-key", |rounds| {
        refused(Failing::UnknownKey, rounds);
    }),
    late("failing-expired", |rounds| refused(Failing::Expired, rounds)),
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
