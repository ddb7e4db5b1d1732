//! Tokens that are refused, through the layer: each costs less than one that passes, unless it fails on its signature.

use tollgate_benches::failing::Failing;
use tollgate_benches::routes::{Endpoint, axum};
use tollgate_benches::tokens::Fixture;
use tollgate_core::Algorithm;

use crate::scenario::Most::Times;
use crate::scenario::{Scenario, all_of};

const fn scenario(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.0, all_of("axum-hs256-cold")))
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
        refused(Failing::UnknownKey, rounds)
    }),
    scenario("failing-expired", |rounds| refused(Failing::Expired, rounds)),
    scenario("failing-wrong-issuer", |rounds| {
        refused(Failing::WrongIssuer, rounds)
    }),
    scenario("failing-wrong-audience", |rounds| {
        refused(Failing::WrongAudience, rounds);
    }),
    Scenario::new("failing-bad-signature", |rounds| {
        refused(Failing::BadSignature, rounds);
    })
    .all(Times(1.0, all_of("axum-hs256-cold"))),
];

fn refused(failing: Failing, rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let router = axum::router(Endpoint::Claims, &fixture.cold_verifier());
    let mut ask = axum::ask(router, [failing.token(&fixture).as_deref()]);
    for _ in 0..rounds {
        assert_eq!(ask(), 401);
    }
}
