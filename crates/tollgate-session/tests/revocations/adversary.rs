//! Random orders of revocations, faults and forged, repeated or lost hints.

use proptest::prelude::*;
use scripted::{FAULTS, Mood};
use tollgate_session::RevocationStore;

use super::*;

/// One step of an order of events.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The other instance revokes the next session.
    Revoke,
    /// The neighbor forges hints as fast as they are read, or stops.
    Forge(bool),
    /// Hints are lost, or are not.
    Deafen(bool),
    /// All subscriptions end.
    Cut,
    /// Subscriptions behave like this.
    Feed(Mood),
    /// Reads of the store behave like this.
    Store(Mood),
    /// The sequence of the store restarts.
    Epoch,
    /// Milliseconds pass.
    Pass(u64),
}

fn mood() -> impl Strategy<Value = Mood> {
    prop::sample::select([&[Mood::Fine; 4], &FAULTS[..]].concat())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Revoke),
        2 => any::<bool>().prop_map(Step::Forge),
        2 => any::<bool>().prop_map(Step::Deafen),
        2 => Just(Step::Cut),
        2 => mood().prop_map(Step::Feed),
        2 => mood().prop_map(Step::Store),
        1 => Just(Step::Epoch),
        12 => (0..1500_u64).prop_map(Step::Pass),
    ]
}

/// The longest time for which a revoked token may be accepted.
const ACCEPTED: Duration = Duration::from_secs(1);
/// The longest time after a fault of the store until the replica is in sync again: a timeout each
/// of a position, of changes and of a snapshot, and the longest pause.
const RECOVERED: Duration = Duration::from_secs(10);

/// The facts that every verdict is compared with.
struct World {
    store: Scripted,
    one: Revocations,
    other: Revocations,
    good: Principal,
    /// The token of each revocation, and its time.
    revoked: Vec<(Principal, Instant)>,
    /// The time of the last fault of the store, or of its last recovery.
    faulty: Option<Instant>,
}

impl World {
    fn check(&self) {
        for (token, since) in self.revoked.iter().rev().take(20) {
            let verdict = at_once(&self.one, token);
            assert!(
                since.elapsed() < ACCEPTED || verdict != Some(Verdict::Good),
                "a token is accepted {:?} after its revocation",
                since.elapsed()
            );
        }
        let good = at_once(&self.one, &self.good);
        assert_ne!(good, Some(Verdict::Revoked), "nothing else is refused");
        let healthy = self.faulty.is_none_or(|since| since.elapsed() > RECOVERED)
            && self.store.script().position == Mood::Fine;
        assert!(!healthy || self.one.in_sync(), "a feed costs the sync");
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Revoke => {
                // At the store itself: no instance knows it beforehand.
                let sid = format!("s-{}", self.revoked.len());
                let kind = tollgate_session::RevocationKind::Session;
                let entry = self
                    .other
                    .entry(kind, &sid, tollgate_session::Revocation::ALL);
                self.store
                    .inner
                    .revoke(&[entry], FakeClock::START)
                    .await
                    .unwrap();
                self.revoked.push((of_session(&sid), Instant::now()));
            }
            Step::Forge(forging) => self.store.script().forging = forging,
            Step::Deafen(deaf) => self.store.script().deaf = deaf,
            Step::Cut => self.store.cut_feeds(),
            Step::Feed(mood) => self.store.script().feed = mood,
            Step::Store(mood) => {
                let mut script = self.store.script();
                (script.position, script.changes, script.snapshot) = (mood, mood, mood);
                self.faulty = Some(Instant::now());
            }
            Step::Epoch => {
                self.store.script().epoch += 1;
                self.faulty = Some(Instant::now());
            }
            Step::Pass(time) => {
                let before = self.store.script().positions;
                for _ in 0..time.div_ceil(10) {
                    sleep(Duration::from_millis(10)).await;
                    self.check();
                }
                let reads = self.store.script().positions - before;
                // Two instances.
                let most = 2 * (usize::try_from(time).unwrap() / 50 + 3);
                assert!(reads <= most, "{reads} reads in {time} ms");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_feed_suppresses_or_forges_a_revocation(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let store = Scripted::new();
            let (one, other) = (in_sync(&store).await, in_sync(&store).await);
            let good = of_session("good");
            let mut world =
                World { store, one, other, good, revoked: Vec::new(), faulty: None };
            for step in steps {
                world.take(step).await;
                world.check();
            }
        });
    }
}
