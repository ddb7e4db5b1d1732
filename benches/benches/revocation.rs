//! The cost of a revocation check for a token that is not revoked, compared with its verification.
//!
//! The target: less than 100 ns and no allocation.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use tollgate_benches::revocation::Fixture;
use tollgate_benches::{Candidate, compare, print};
use tollgate_core::{RevocationCheck, Standing, Step};

tollgate_benches::count_allocations!();

fn main() {
    // The replica is updated on another thread, as in a service.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let empty = runtime.block_on(Fixture::with_entries(0));
    let full = runtime.block_on(Fixture::with_entries(100_000));
    let revoked = full.revoked();
    let verifier = full.verifier();

    let mut turn = 0;
    let mut turns = 0;
    let good = |fixture: &Fixture, turn: &mut usize| {
        *turn = (*turn + 1) % fixture.principals.len();
        let standing = fixture
            .revocations
            .check(black_box(&fixture.principals[*turn]));
        // Only this answer is measured.
        assert!(matches!(standing, Step::Ready(Ok(Standing::Good))));
    };
    let rows = compare(
        &mut [
            Candidate::new("verify, ES256", || {
                drop(verifier.verify(black_box(&full.token)).unwrap());
            }),
            Candidate::new("not revoked, no entries", || good(&empty, &mut turn)),
            Candidate::new("not revoked, 100 000 entries", || good(&full, &mut turns)),
            Candidate::new("revoked", || {
                let standing = full.revocations.check(black_box(&revoked));
                assert!(matches!(standing, Step::Ready(Ok(Standing::Revoked))));
            }),
        ],
        Duration::from_secs(3),
    );
    print("revocation check", &rows, "verify, ES256");
}
