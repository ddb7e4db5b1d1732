//! The allocation budget of a revocation check: none for a token that is not revoked. In its own
//! process, because allocations are counted for the whole process.

use std::hint::black_box;

use tollgate_benches::revocation::Fixture;
use tollgate_benches::{Candidate, compare};
use tollgate_core::{RevocationCheck, Standing, Step};

tollgate_benches::count_allocations!();

#[test]
fn a_lookup_in_memory_does_not_allocate() {
    // A single thread: the replica is not updated while allocations are counted.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let fixture = Fixture::with_entries(10_000).await;
        let revoked = fixture.revoked();
        let mut turn = 0;
        let mut asked = 0_u32;
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            asked = 0;
            let rows = compare(
                &mut [
                    Candidate::new("good", || {
                        turn = (turn + 1) % fixture.principals.len();
                        let standing = fixture
                            .revocations
                            .check(black_box(&fixture.principals[turn]));
                        asked += u32::from(!matches!(standing, Step::Ready(Ok(Standing::Good))));
                    }),
                    Candidate::new("revoked", || {
                        let standing = fixture.revocations.check(black_box(&revoked));
                        assert!(matches!(standing, Step::Ready(Ok(Standing::Revoked))));
                    }),
                ],
                std::time::Duration::from_millis(1),
            );
            // If the machine was suspended for a second, the replica is stale and the store is
            // queried, which is another case.
            if asked == 0 {
                for row in rows {
                    assert!(
                        row.allocations < f64::EPSILON,
                        "{}: {}",
                        row.name,
                        row.allocations
                    );
                }
                return;
            }
        }
        panic!("the replica is not in sync: {asked} lookups needed the store");
    });
}
