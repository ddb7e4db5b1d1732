//! Tokens that are refused, through the layer, each with the answer that says why: some two thousand instructions to write and
//! as many to send, where the route that a good token passes to answers with a word. What fails early costs less than
//! a token that passes all the same; what fails by its claims, after the signature, costs that answer more.

use tollgate_benches::failing::Failing;
use tollgate_benches::routes::{Endpoint, axum};
use tollgate_benches::tokens::Fixture;
use tollgate_core::Algorithm;

use crate::scenario::Most::Times;
use crate::scenario::{Scenario, all_of};

const fn scenario(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.0, all_of("axum-hs256-cold")))
}

/// It fails by its signature or by what that vouches for.
const fn late(name: &'static str, run: fn(u32)) -> Scenario {
    Scenario::new(name, run).all(Times(1.23, all_of("axum-hs256-cold")))
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
    late("failing-expired", |rounds| refused(Failing::Expired, rounds)),
    late("failing-wrong-issuer", |rounds| {
        refused(Failing::WrongIssuer, rounds);
    }),
    late("failing-wrong-audience", |rounds| {
        refused(Failing::WrongAudience, rounds);
    }),
    late("failing-bad-signature", |rounds| {
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
