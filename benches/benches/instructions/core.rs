//! Scenarios for the verifier without middleware.

use std::hint::black_box;

use tollgate_benches::remote::{fetched_among, verifier};
use tollgate_benches::signature;
use tollgate_benches::tokens::{AUDIENCE, Fixture, ISSUER, User};
use tollgate_core::{Algorithm, KeySet, KeySource as _, Verifier};

use crate::scenario::Most::Instructions;
use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("hs256-signature", |rounds| alone(Algorithm::HS256, rounds)),
    Scenario::new("rs256-signature", |rounds| alone(Algorithm::RS256, rounds)).slow(),
    Scenario::new("ps256-signature", |rounds| alone(Algorithm::PS256, rounds)).slow(),
    Scenario::new("es256-signature", |rounds| alone(Algorithm::ES256, rounds)).slow(),
    Scenario::new("eddsa-signature", |rounds| alone(Algorithm::EdDSA, rounds)).slow(),
    Scenario::new("hs256-verify", hs256_verify).over("hs256-signature", Instructions(6_340.0)),
    Scenario::new("hs256-claims", hs256_claims).over("hs256-signature", Instructions(7_230.0)),
    Scenario::new("hs256-seen-before", |rounds| {
        seen_before(Algorithm::HS256, rounds);
    })
    .all(Instructions(760.0)),
    Scenario::new("rs256-seen-before", |rounds| {
        seen_before(Algorithm::RS256, rounds);
    })
    .all(Instructions(925.0)),
    Scenario::new("garbage-8k", garbage).all(Instructions(3600.0)),
    Scenario::new("eddsa-fixed-keys", |rounds| eddsa(rounds, 1, true)).slow(),
    Scenario::new("eddsa-fetched-keys", |rounds| eddsa(rounds, 1, false))
        .slow()
        .over("eddsa-fixed-keys", Instructions(450.0)),
    Scenario::new("eddsa-fixed-128-keys", |rounds| eddsa(rounds, 128, true)).slow(),
    Scenario::new("eddsa-fetched-128-keys", |rounds| eddsa(rounds, 128, false))
        .slow()
        .over("eddsa-fixed-128-keys", Instructions(1_220.0)),
];

fn alone(algorithm: Algorithm, rounds: u32) {
    let fixture = Fixture::new(algorithm);
    let (input, signature) = fixture.signed();
    let mut check = signature::alone(&fixture);
    for _ in 0..rounds {
        assert!(check(black_box(&input), &signature));
    }
}

fn hs256_verify(rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let verifier = fixture.cold_verifier();
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&fixture.token)).unwrap());
    }
}

fn hs256_claims(rounds: u32) {
    let fixture = Fixture::new(Algorithm::HS256);
    let verifier = fixture.cold_verifier();
    for _ in 0..rounds {
        let principal = verifier.verify(black_box(&fixture.token)).unwrap();
        black_box(principal.claims::<User>().unwrap());
    }
}

fn seen_before(algorithm: Algorithm, rounds: u32) {
    let fixture = Fixture::new(algorithm);
    let verifier = fixture.verifier();
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&fixture.token)).unwrap());
    }
}

fn garbage(rounds: u32) {
    let verifier = Fixture::new(Algorithm::HS256).verifier();
    let garbage = "x".repeat(8192);
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&garbage)).unwrap_err());
    }
}

/// Verifies a token signed with the last of `keys` keys.
fn eddsa(rounds: u32, keys: usize, fixed: bool) {
    let fixture = Fixture::new(Algorithm::EdDSA);
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
            .without_token_cache()
            .build()
            .unwrap()
    } else {
        verifier(fetched)
    };
    for _ in 0..rounds {
        black_box(verifier.verify(black_box(&fixture.token)).unwrap());
    }
}
