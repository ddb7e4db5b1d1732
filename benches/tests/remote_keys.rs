//! The allocation budget of a verification with fetched keys: the same as with static keys. In its
//! own process, because allocations are counted for the whole process.

use std::hint::black_box;
use std::time::Duration;

use tollgate_benches::remote::{fetched, verifier};
use tollgate_benches::tokens::Fixture;
use tollgate_benches::{Candidate, compare};
use tollgate_core::Algorithm;

tollgate_benches::count_allocations!();

#[test]
fn verification_with_fetched_keys_allocates_once() {
    // A single thread, which does not fetch while allocations are counted.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let fixture = Fixture::new(algorithm);
        let fixed = fixture.cold_verifier();
        let remote = verifier(runtime.block_on(fetched(&fixture)));
        let verify = |verifier: &tollgate_core::Verifier| {
            drop(verifier.verify(black_box(&fixture.token)).unwrap());
        };
        let rows = compare(
            &mut [
                Candidate::new("fixed", || verify(&fixed)),
                Candidate::new("fetched", || verify(&remote)),
            ],
            Duration::from_millis(1),
        );
        for row in &rows {
            assert!(
                row.allocations <= 1.0,
                "{algorithm}, {}: {}",
                row.name,
                row.allocations
            );
        }
    }
}
