//! How often a check allocates: a number that does not depend on the machine, and must not grow. One test, alone in its
//! process: allocations are counted for all of it, and of two tests each would count the other's.

#![allow(clippy::unwrap_used)] // a test

use std::hint::black_box;
use std::time::Duration;

use tollgate_benches::tokens::{Fixture, User};
use tollgate_benches::{Candidate, compare};
use tollgate_core::policy::{role, scope};
use tollgate_core::{Algorithm, Policy};

fn allocations(run: impl FnMut()) -> f64 {
    compare(&mut [Candidate::new("", run)], Duration::from_millis(1))[0].allocations
}

#[test]
fn checks_allocate_no_more_than_they_have_to() {
    a_verified_token_is_one_allocation_and_owned_claims_are_theirs();
    a_policy_that_holds_allocates_nothing();
    garbage_is_refused_without_much_ado();
}

fn a_verified_token_is_one_allocation_and_owned_claims_are_theirs() {
    for algorithm in [
        Algorithm::HS256,
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
    ] {
        let fixture = Fixture::new(algorithm);
        let verifier = fixture.verifier();
        let verify = || verifier.verify(black_box(&fixture.token)).unwrap();
        assert!(allocations(|| drop(verify())) <= 1.0, "{algorithm}");
        // Two strings, and the principal.
        let claims = || drop(black_box(verify().claims::<User>().unwrap()));
        assert!(allocations(claims) <= 3.0, "{algorithm}");
    }
}

fn a_policy_that_holds_allocates_nothing() {
    let fixture = Fixture::new(Algorithm::HS256);
    let principal = fixture.verifier().verify(&fixture.token).unwrap();
    let policy: Policy = (scope("orders:read") & scope("profile")) | role("admin");
    assert!(policy.permits(&principal) && !principal.has_role("admin"));
    assert!(allocations(|| assert!(policy.permits(black_box(&principal)))) < f64::EPSILON);
}

fn garbage_is_refused_without_much_ado() {
    let verifier = Fixture::new(Algorithm::HS256).verifier();
    for garbage in [
        "x".repeat(8192),
        "x".repeat(100),
        "..".to_owned(),
        format!("{}.b.c", "x".repeat(8000)),
    ] {
        assert!(allocations(|| drop(verifier.verify(black_box(&garbage)).unwrap_err())) <= 2.0);
    }
}
