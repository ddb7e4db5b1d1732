//! From a token to typed claims: tollgate, `jsonwebtoken` with either backend, and the signature
//! check alone.
//!
//! The backend of `jsonwebtoken` is global to a process, so the program runs itself once for each.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use tollgate_benches::tokens::{ALGORITHMS, Fixture, User};
use tollgate_benches::{Candidate, compare, print, signature, with_each_backend};
use tollgate_core::Algorithm;

tollgate_benches::count_allocations!();

fn main() {
    with_each_backend(measure);
}

fn measure(backend: &str) {
    for algorithm in ALGORITHMS {
        row(backend, algorithm);
    }
}

fn row(backend: &str, algorithm: Algorithm) {
    let fixture = Fixture::new(algorithm);
    let token = &fixture.token;
    let (verifier, knowing) = (fixture.cold_verifier(), fixture.verifier());
    let (input, signature) = fixture.signed();

    let (peer_key, validation) = fixture.peer();

    let mut bare = signature::alone(&fixture);
    let mut candidates = [
        Candidate::new("signature check alone (aws-lc-rs, prepared)", || {
            assert!(bare(&input, &signature));
        }),
        Candidate::new("tollgate: verify", || {
            black_box(verifier.verify(black_box(token)).unwrap());
        }),
        Candidate::new("tollgate: verify, owned claims", || {
            let principal = verifier.verify(black_box(token)).unwrap();
            black_box(principal.claims::<User>().unwrap());
        }),
        Candidate::new("tollgate: cached token", || {
            black_box(knowing.verify(black_box(token)).unwrap());
        }),
        Candidate::new("jsonwebtoken: decode, owned claims", || {
            black_box(
                jsonwebtoken::decode::<User>(black_box(token), &peer_key, &validation).unwrap(),
            );
        }),
    ];
    let rows = compare(&mut candidates, Duration::from_secs(2));
    print(
        &format!("{algorithm}, jsonwebtoken with {backend}"),
        &rows,
        "jsonwebtoken: decode, owned claims",
    );
}
