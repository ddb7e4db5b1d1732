//! A neighbor on the channel of the hints, which forges as many as it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate_core::{Algorithm, Principal, RevocationCheck, Standing, Verifier};
use tollgate_session::{
    Position, Revocation, RevocationFeed, RevocationKey, RevocationKind, RevocationSnapshot,
    RevocationStore, Revocations, StoreFuture,
};
use tollgate_testkit::{FakeClock, Mint, keys};

/// The number of instances of the service.
const INSTANCES: usize = 3;
/// The shortest attack, in time and in messages. A busy machine needs longer for the messages.
const ATTACK: (Duration, usize) = (Duration::from_secs(4), 2_000);
/// The longest time for which a revoked token may be accepted.
const ACCEPTED: Duration = Duration::from_secs(1);

/// A store that counts its reads.
struct Counted<S> {
    inner: S,
    reads: Arc<AtomicUsize>,
    snapshots: Arc<AtomicUsize>,
}

impl<S: RevocationStore> RevocationStore for Counted<S> {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.inner.revoke(entries, now)
    }

    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.find(keys, now)
    }

    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        self.snapshots.fetch_add(1, Ordering::SeqCst);
        self.inner.snapshot(now)
    }

    fn position(&self) -> StoreFuture<'_, Position> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.position()
    }

    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.changes(after, now)
    }

    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        self.inner.feed()
    }
}

fn token(sid: &str) -> Principal {
    let verifier = Verifier::builder()
        .dangerous_any_issuer()
        .audience(Mint::AUDIENCE)
        .key(keys::verifying(Algorithm::HS256))
        .clock(FakeClock::new())
        .build()
        .unwrap();
    let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    let token = mint.token().claim("sid", sid).build();
    verifier.verify(&token).unwrap()
}

/// Returns an entry that revokes the key of all tokens, in the form in which messages once carried
/// entries.
pub(crate) fn forged_entry() -> Vec<u8> {
    let token = token("any");
    let kid = token.key().kid().unwrap();
    let key = RevocationKey::new(RevocationKind::Key, Mint::ISSUER, kid).to_bytes();
    let length = u32::try_from(key.len()).unwrap().to_be_bytes();
    [&[0xFF; 16][..], &length, &key].concat()
}

/// Returns the verdict of the replica; `None` if it is not in sync.
fn at_once(revocations: &Revocations, token: &Principal) -> Option<Standing> {
    revocations.check(token).ready()?.ok()
}

/// Revokes tokens at several instances during an [`ATTACK`], while `attack` sends ten messages each
/// time it is called.
pub(crate) async fn changes_nothing<S: RevocationStore + Clone>(
    store: S,
    mut attack: impl AsyncFnMut(),
) {
    let (reads, snapshots) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let instances: Vec<Revocations> = (0..INSTANCES)
        .map(|_| {
            let counted = Counted {
                inner: store.clone(),
                reads: Arc::clone(&reads),
                snapshots: Arc::clone(&snapshots),
            };
            Revocations::builder(counted, Mint::ISSUER)
                .timeout(Duration::from_secs(3))
                .clock(FakeClock::new())
                .build()
                .unwrap()
        })
        .collect();
    while !instances.iter().all(Revocations::in_sync) {
        sleep(Duration::from_millis(10)).await;
    }
    let (good, start) = (token("good"), Instant::now());
    reads.store(0, Ordering::SeqCst);
    let mut messages = 0;
    // The session revoked last, and when.
    let mut revoked: Option<(Principal, Instant)> = None;
    let mut number = 0;
    while start.elapsed() < ATTACK.0 || messages < ATTACK.1 {
        attack().await;
        messages += 10;
        sleep(Duration::from_millis(6)).await;
        for instance in &instances {
            assert!(instance.in_sync(), "the replica is not in sync");
            assert_eq!(at_once(instance, &good), Some(Standing::Good));
        }
        let known = revoked.as_ref().is_none_or(|(gone, since)| {
            let known = instances
                .iter()
                .all(|instance| at_once(instance, gone) == Some(Standing::Revoked));
            assert!(known || since.elapsed() < ACCEPTED, "a token is accepted");
            known
        });
        if known {
            number += 1;
            let sid = format!("gone-{number}");
            let caller = &instances[number % INSTANCES];
            caller.revoke_session(&sid).await.unwrap();
            revoked = Some((token(&sid), Instant::now()));
        }
    }
    assert!(number > 4, "{number} sessions were revoked");
    for instance in &instances {
        let entries = instance.status().entries;
        assert!(entries == number || entries == number - 1, "{entries}");
    }
    // Each instance reads at most every 50 ms: a position, and changes after it has moved.
    let passes = usize::try_from(start.elapsed().as_millis() / 50).unwrap() + 2;
    let (reads, most) = (
        reads.load(Ordering::SeqCst),
        INSTANCES * (passes + number + 1),
    );
    assert!(reads <= most, "{reads} reads after {messages} messages");
    assert_eq!(snapshots.load(Ordering::SeqCst), INSTANCES);
    println!("{messages} messages, {reads} reads, {number} revocations");
}
