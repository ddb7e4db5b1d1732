//! The store's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scripted::Mood;
use tollgate_session::{MAX_RETENTION, Revocation, RevocationKind, RevocationStore};

use super::outage::Log;
use super::*;

/// The time until the clock is read again.
const MINUTE: Duration = Duration::from_secs(61);

/// An instance and its clock.
fn instance_at(store: &Scripted, time: u64) -> (Revocations, FakeClock) {
    let clock = FakeClock::ticking();
    clock.set(time);
    let one = Revocations::builder(store.clone(), Mint::ISSUER)
        .timeout(TIMEOUT)
        .access_lifetime(Duration::from_secs(900))
        .clock(clock.clone())
        .build()
        .unwrap();
    (one, clock)
}

/// Returns a store whose clock moves with tokio's.
fn store() -> Scripted {
    let mut store = Scripted::new();
    store.inner = store.inner.with_clock(FakeClock::ticking());
    store.script().clock = Some(Mood::Fine);
    store
}

#[tokio::test(start_paused = true)]
async fn a_skew_is_logged_once_per_change() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let store = store();
    let (one, clock) = instance_at(&store, FakeClock::START);
    until_in_sync(&one).await;
    let mut lines = 0;
    for (skew, logged) in [
        (0, false),
        (5, false),
        (-30, false),
        (90, true),
        (95, false),
        (-90, true),
        (3600, true),
        (3600, false),
        (0, true),
        (1, false),
    ] {
        let truth = store.inner.clock().await.unwrap().unwrap();
        clock.set(truth.wrapping_add_signed(skew));
        sleep(MINUTE).await;
        assert_eq!(one.status().clock_skew, Some(skew));
        let text = log.0.lock().unwrap();
        let found: Vec<_> = text
            .lines()
            .filter(|line| line.contains("the store's"))
            .collect();
        assert_eq!(found.len() > lines, logged, "{skew}: {found:?}");
        lines = found.len();
        if logged && skew != 0 {
            let line = found.last().unwrap();
            assert!(line.starts_with("WARN"), "{line}");
            for field in ["expected=", "got=", &format!("skew={skew}")] {
                assert!(line.contains(field), "{line}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_cannot_be_read_costs_no_sync() {
    for mood in scripted::FAULTS {
        let store = store();
        store.script().clock = Some(mood);
        let (one, _) = instance_at(&store, FakeClock::START);
        let other = in_sync(&store).await;
        until_in_sync(&one).await;
        for number in 0..20 {
            let sid = format!("{mood:?}-{number}");
            other.revoke_session(&sid).await.unwrap();
            for _ in 0..20 {
                sleep(Duration::from_millis(500)).await;
                assert!(one.in_sync(), "{mood:?}");
            }
            assert_eq!(at_once(&one, &of_session(&sid)), Some(Verdict::Revoked));
        }
        assert_eq!(one.status().clock_skew, None, "{mood:?}");
        let failure = one.status().last_error.unwrap();
        assert_eq!(failure.operation, "clock", "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_starts_ahead_reads_what_lives() {
    for mood in [Mood::Fine, Mood::Down] {
        let store = store();
        store.script().clock = Some(mood);
        let (right, _) = instance_at(&store, FakeClock::START);
        right.revoke_session("a").await.unwrap();
        let (one, time) = instance_at(&store, FakeClock::START + 3600);
        until_in_sync(&one).await;
        assert_eq!(at_once(&one, &of_session("a")), Some(Verdict::Revoked));
        // It purges a few times, is set back, and has not read anything since.
        sleep(Duration::from_secs(60)).await;
        store.script().all(Mood::Down);
        time.set(FakeClock::START + 60);
        assert_eq!(at_once(&one, &of_session("a")), Some(Verdict::Revoked));
        assert_eq!(one.status().entries, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn entries_end_by_both_clocks_and_leave() {
    let store = store();
    let (one, time) = instance_at(&store, FakeClock::START);
    one.revoke_session("a").await.unwrap();
    time.set(FakeClock::START + 3600);
    sleep(Duration::from_secs(900)).await;
    assert_eq!(one.status().entries, 1, "the store's clock");
    sleep(Duration::from_secs(120)).await;
    assert_eq!(one.status().entries, 0);

    // A caller that is ahead by more than the bound.
    one.revoke_session("b").await.unwrap();
    time.advance(900 + 60 + MAX_RETENTION - 60);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(one.status().entries, 1);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(one.status().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_behind_revokes_for_the_others() {
    let store = store();
    let (right, _) = instance_at(&store, FakeClock::START);
    until_in_sync(&right).await;
    let (behind, _) = instance_at(&store, FakeClock::START - 3600);
    until_in_sync(&behind).await;
    let entry = behind.entry(RevocationKind::Session, "a", Revocation::ALL);
    assert!(entry.expires_at >= FakeClock::START + 960);
    behind.revoke(&[entry]).await.unwrap();
    // A token whose `exp` is over for the others may be accepted by the one that is behind.
    behind
        .revoke_token("of-b", FakeClock::START - 3600 + 900)
        .await
        .unwrap();
    right
        .revoke_token("of-c", FakeClock::START - 3600 + 900)
        .await
        .unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(at_once(&right, &of_session("a")), Some(Verdict::Revoked));
    for jti in ["of-b", "of-c"] {
        let token = principal_with(&[("jti", jti.into())]);
        assert_eq!(at_once(&behind, &token), Some(Verdict::Revoked), "{jti}");
    }
}

/// The clock of this instance is not read for a token without an entry.
#[tokio::test(start_paused = true)]
async fn a_check_without_an_entry_reads_no_clock() {
    let store = store();
    let reads = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&reads);
    let one = Revocations::builder(store.clone(), Mint::ISSUER)
        .clock(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            FakeClock::START
        })
        .build()
        .unwrap();
    until_in_sync(&one).await;
    one.revoke_session("a").await.unwrap();
    let good = of_session("good");
    let before = reads.load(Ordering::Relaxed);
    for _ in 0..100 {
        assert_eq!(at_once(&one, &good), Some(Verdict::Good));
    }
    assert_eq!(reads.load(Ordering::Relaxed), before);
}
