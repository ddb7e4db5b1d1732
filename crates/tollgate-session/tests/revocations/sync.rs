//! An instance reads every revocation in time, whatever its feed says.

use tollgate_session::{Revocation, RevocationKind, RevocationStore};

use super::*;

/// The time after which the next hint is followed at once.
const HINTED: Duration = Duration::from_millis(51);

#[tokio::test(start_paused = true)]
async fn in_sync_the_store_is_not_queried() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    let (a, b) = (of_session("a"), of_session("b"));
    for _ in 0..200 {
        assert_eq!(at_once(&one, &a), Some(Verdict::Good));
        sleep(Duration::from_millis(37)).await;
    }
    other.revoke_session("a").await.unwrap();
    assert_eq!(
        at_once(&other, &a),
        Some(Verdict::Revoked),
        "the revoking instance applies the entry at once"
    );
    moment().await;
    assert_eq!(
        at_once(&one, &a),
        Some(Verdict::Revoked),
        "by a hint elsewhere"
    );
    assert_eq!(at_once(&one, &b), Some(Verdict::Good));
    assert_eq!(store.script().finds, 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_instance_reads_earlier_revocations() {
    let store = Scripted::new();
    in_sync(&store).await.revoke_session("a").await.unwrap();
    let late = instance(&store);
    assert_eq!(
        at_once(&late, &of_session("b")),
        None,
        "the replica is still empty"
    );
    until_in_sync(&late).await;
    assert_eq!(at_once(&late, &of_session("a")), Some(Verdict::Revoked));
}

#[tokio::test(start_paused = true)]
async fn without_hints_a_revocation_is_read_by_the_heartbeat() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    store.script().deaf = true;
    for delay in [0, 1, 100, 249, 250, 251, 400] {
        sleep(Duration::from_millis(delay)).await;
        let sid = format!("lost-{delay}");
        other.revoke_session(&sid).await.unwrap();
        let start = Instant::now();
        while at_once(&one, &of_session(&sid)) == Some(Verdict::Good) {
            moment().await;
            assert!(start.elapsed() <= Duration::from_millis(260));
        }
        assert_eq!(at_once(&one, &of_session(&sid)), Some(Verdict::Revoked));
        assert!(one.in_sync());
    }
    assert_eq!(store.script().snapshots, 2, "only those of the start");
}

#[tokio::test(start_paused = true)]
async fn a_dead_feed_costs_no_sync() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    for mood in scripted::FAULTS {
        store.script().feed = mood;
        store.cut_feeds();
        moment().await;
        let subscriptions = store.script().subscriptions;
        for second in 0..60 {
            let sid = format!("{mood:?}-{second}");
            other.revoke_session(&sid).await.unwrap();
            for _ in 0..20 {
                sleep(Duration::from_millis(50)).await;
                assert!(one.in_sync());
            }
            assert_eq!(at_once(&one, &of_session(&sid)), Some(Verdict::Revoked));
        }
        let subscriptions = store.script().subscriptions - subscriptions;
        assert!(subscriptions < 80, "{mood:?}: {subscriptions} of two feeds");
    }
    store.script().feed = scripted::Mood::Fine;
    sleep(Duration::from_secs(40)).await;
    other.revoke_session("heard").await.unwrap();
    moment().await;
    assert_eq!(at_once(&one, &of_session("heard")), Some(Verdict::Revoked));
    assert_eq!(store.script().finds, 0);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_hints_costs_twenty_reads_a_second() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, instance(&store));
    store.script().forging = true;
    drop(other);
    store
        .inner
        .revoke(
            &[one.entry(RevocationKind::Session, "wake", Revocation::ALL)],
            0,
        )
        .await
        .unwrap();
    sleep(Duration::from_secs(1)).await;
    let before = store.script().positions;
    sleep(Duration::from_secs(10)).await;
    let reads = store.script().positions - before;
    assert!((190..=201).contains(&reads), "{reads} reads in ten seconds");
    assert!(one.in_sync());
    assert_eq!(store.script().snapshots, 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_heartbeat_makes_the_gate_query_the_store() {
    let store = Scripted::new();
    let one = in_sync(&store).await;
    for mood in [scripted::Mood::Hanging, scripted::Mood::Down] {
        store.script().position = mood;
        let start = Instant::now();
        while at_once(&one, &of_session("good")) == Some(Verdict::Good) {
            sleep(Duration::from_millis(10)).await;
            assert!(start.elapsed() <= Duration::from_secs(1));
        }
        assert_eq!(at_once(&one, &of_session("good")), None);
        assert_eq!(
            verdict(&one, &of_session("good")).await,
            Verdict::Good,
            "the answer comes from the store"
        );
        store.script().position = scripted::Mood::Fine;
        until_in_sync(&one).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_is_read_again_and_drops_no_entry() {
    let store = Scripted::new();
    let one = in_sync(&store).await;
    one.revoke_session("before").await.unwrap();
    moment().await;
    // The store was emptied: another store, with another epoch, under the same name.
    let snapshots = store.script().snapshots;
    store.script().epoch = 1;
    sleep(Duration::from_secs(1)).await;
    until_in_sync(&one).await;
    assert_eq!(store.script().snapshots, snapshots + 1);
    assert_eq!(at_once(&one, &of_session("before")), Some(Verdict::Revoked));
    one.revoke_session("after").await.unwrap();
    moment().await;
    assert!(one.in_sync());

    // The same, after a hint.
    sleep(HINTED).await;
    store.script().epoch = 2;
    store
        .inner
        .revoke(
            &[one.entry(RevocationKind::Session, "third", Revocation::ALL)],
            0,
        )
        .await
        .unwrap();
    moment().await;
    assert_eq!(at_once(&one, &of_session("good")), None);
    until_in_sync(&one).await;
    assert_eq!(at_once(&one, &of_session("third")), Some(Verdict::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_tell_changes_is_read_as_a_whole() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    sleep(HINTED).await;
    store.script().forgetful = true;
    for sid in ["a", "b", "c"] {
        other.revoke_session(sid).await.unwrap();
        moment().await;
        assert_eq!(at_once(&one, &of_session("good")), None, "incomplete");
        assert_eq!(verdict(&one, &of_session(sid)).await, Verdict::Revoked);
        until_in_sync(&one).await;
        assert_eq!(at_once(&one, &of_session(sid)), Some(Verdict::Revoked));
        sleep(Duration::from_secs(1)).await;
    }
    store.script().forgetful = false;
    for mood in scripted::FAULTS {
        store.script().changes = mood;
        let sid = format!("{mood:?}");
        other.revoke_session(&sid).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(verdict(&one, &of_session(&sid)).await, Verdict::Revoked);
        until_in_sync(&one).await;
        store.script().changes = scripted::Mood::Fine;
        sleep(Duration::from_secs(3)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_over_full_replica_makes_the_gate_query_the_store() {
    let store = Scripted::new();
    let small = |store: &Scripted| {
        let builder = Revocations::builder(store.clone(), Mint::ISSUER).max_entries(2);
        builder.clock(FakeClock::new()).build().unwrap()
    };
    let (one, other) = (small(&store), in_sync(&store).await);
    until_in_sync(&one).await;
    for sid in ["a", "b", "c", "d"] {
        other.revoke_session(sid).await.unwrap();
    }
    sleep(HINTED).await;
    assert!(one.status().over_full && !one.in_sync());
    for sid in ["a", "b", "c", "d"] {
        assert_eq!(verdict(&one, &of_session(sid)).await, Verdict::Revoked);
    }
    assert_eq!(at_once(&one, &of_session("good")), None);
    assert_eq!(verdict(&one, &of_session("good")).await, Verdict::Good);
    sleep(Duration::from_secs(300)).await;
    assert!(!one.in_sync(), "an over-full replica is never in sync");

    let own = small(&Scripted::new());
    until_in_sync(&own).await;
    for sid in ["a", "b", "c"] {
        own.revoke_session(sid).await.unwrap();
    }
    assert!(
        !own.in_sync(),
        "the replica is over-full after own revocations"
    );
    assert_eq!(verdict(&own, &of_session("c")).await, Verdict::Revoked);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_handle() {
    let store = Scripted::new();
    let one = in_sync(&store).await;
    let reading = one.reading(tollgate_session::Reading::DangerousFailOpen);
    assert_eq!(store.listeners(), 1);
    drop(one);
    moment().await;
    assert_eq!(store.listeners(), 1, "a check still uses the replica");
    drop(reading);
    moment().await;
    assert_eq!(store.listeners(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_loses_no_revocation() {
    let store = Scripted::new();
    let clock = FakeClock::new();
    let one = Revocations::builder(store.clone(), Mint::ISSUER)
        .timeout(TIMEOUT)
        .clock(clock.clone())
        .build()
        .unwrap();
    until_in_sync(&one).await;
    let other = in_sync(&store).await;
    other.revoke_session("before").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    clock.advance(48 * 3600);
    other.revoke_session("meanwhile").await.unwrap();
    sleep(Duration::from_secs(30)).await;
    clock.set(FakeClock::START);
    sleep(Duration::from_secs(1)).await;
    for sid in ["before", "meanwhile"] {
        assert_eq!(
            verdict(&one, &of_session(sid)).await,
            Verdict::Revoked,
            "{sid}"
        );
    }
    assert!(one.in_sync());
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_was_full_for_a_moment_is_in_sync_again() {
    let store = Scripted::new();
    let clock = FakeClock::ticking();
    let one = Revocations::builder(store.clone(), Mint::ISSUER)
        .max_entries(1)
        .clock(clock.clone())
        .build()
        .unwrap();
    until_in_sync(&one).await;
    let end = clock.seconds() + 7300;
    let entry = |sid| Revocation {
        expires_at: end,
        ..one.entry(RevocationKind::Session, sid, Revocation::ALL)
    };
    one.revoke(&[entry("a")]).await.unwrap();
    until_in_sync(&one).await;
    one.revoke(&[one.entry(RevocationKind::Session, "b", Revocation::ALL)])
        .await
        .unwrap();
    assert!(one.status().over_full);
    // The first entry ends before the second one is read from the store.
    clock.set(end + 7300);
    sleep(Duration::from_secs(60)).await;
    assert!(!one.status().over_full, "{}", one.status());
    assert!(one.in_sync());
}
