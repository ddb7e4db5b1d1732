//! A token that was not revoked costs no allocation. Alone in its process: allocations are counted for all of it.

use std::hint::black_box;

use tollgate_benches::revocation::Fixture;
use tollgate_benches::{Candidate, compare};
use tollgate_core::{RevocationCheck, Standing, Step};

tollgate_benches::count_allocations!();

#[test]
fn what_is_in_memory_is_told_without_an_allocation() {
    // One thread: the follower of the store does not run while allocations are counted.
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
                        let standing = fixture.revocations.check(black_box(&fixture.principals[turn]));
                        asked += u32::from(!matches!(standing, Step::Ready(Ok(Standing::Good))));
                    }),
                    Candidate::new("revoked", || {
                        let standing = fixture.revocations.check(black_box(&revoked));
                        assert!(matches!(standing, Step::Ready(Ok(Standing::Revoked))));
                    }),
                ],
                std::time::Duration::from_millis(1),
            );
            // On a machine that stood still for a second the store is to be asked, which is right and another case.
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
        panic!("it does not stay in sync: {asked} tokens were to be asked for");
    });
}
