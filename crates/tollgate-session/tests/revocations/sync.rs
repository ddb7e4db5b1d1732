//! An instance receives every revocation, or detects a loss.

use tollgate_session::{Revocation, RevocationKind, RevocationStore};

use super::*;

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
        "another instance applies the announcement"
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

/// The last announcement is lost, and no later one shows the gap.
#[tokio::test(start_paused = true)]
async fn a_lost_announcement_is_detected_within_a_second() {
    let store = Scripted::new();
    for delay in [0, 1, 100, 249, 250, 251, 400] {
        let (one, other) = (in_sync(&store).await, in_sync(&store).await);
        sleep(Duration::from_millis(delay)).await;
        store.script().deaf = true;
        let sid = format!("lost-{delay}");
        let principal = of_session(&sid);
        other.revoke_session(&sid).await.unwrap();
        let start = Instant::now();
        while verdict(&one, &principal).await == Verdict::Good {
            sleep(Duration::from_millis(5)).await;
            assert!(
                start.elapsed() <= Duration::from_secs(1),
                "a revoked token was accepted for more than a second"
            );
        }
        assert_eq!(verdict(&one, &principal).await, Verdict::Revoked);
        store.script().deaf = false;
        until_in_sync(&one).await;
        assert_eq!(
            at_once(&one, &principal),
            Some(Verdict::Revoked),
            "the entry comes from a snapshot"
        );
        assert_eq!(
            at_once(&one, &of_session("good")),
            Some(Verdict::Good),
            "the store is not queried any more"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_sequence_is_detected_at_once() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    store.script().deaf = true;
    other.revoke_session("lost").await.unwrap();
    moment().await;
    store.script().deaf = false;
    assert_eq!(
        at_once(&one, &of_session("lost")),
        Some(Verdict::Good),
        "the lost announcement is not detected yet"
    );
    other.revoke_session("heard").await.unwrap();
    moment().await;
    assert_eq!(
        at_once(&one, &of_session("good")),
        None,
        "the gap in the sequence is detected"
    );
    assert_eq!(verdict(&one, &of_session("lost")).await, Verdict::Revoked);
    until_in_sync(&one).await;
    assert_eq!(at_once(&one, &of_session("lost")), Some(Verdict::Revoked));
    assert_eq!(at_once(&one, &of_session("heard")), Some(Verdict::Revoked));
}

#[tokio::test(start_paused = true)]
async fn the_store_is_queried_until_a_dead_feed_is_replaced() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    store.script().feed = scripted::Mood::Down;
    store.cut_feeds();
    moment().await;
    assert_eq!(at_once(&one, &of_session("good")), None);
    other.revoke_session("a").await.unwrap();
    assert_eq!(verdict(&one, &of_session("a")).await, Verdict::Revoked);
    assert_eq!(verdict(&one, &of_session("good")).await, Verdict::Good);
    assert!(store.script().finds >= 2);
    sleep(Duration::from_secs(60)).await;
    assert!(!one.in_sync());

    store.script().feed = scripted::Mood::Fine;
    until_in_sync(&one).await;
    let finds = store.script().finds;
    assert_eq!(at_once(&one, &of_session("a")), Some(Verdict::Revoked));
    assert_eq!(at_once(&one, &of_session("good")), Some(Verdict::Good));
    assert_eq!(store.script().finds, finds);
}

#[tokio::test(start_paused = true)]
async fn a_late_heartbeat_makes_the_gate_query_the_store() {
    let store = Scripted::new();
    let one = in_sync(&store).await;
    for mood in [scripted::Mood::Hanging, scripted::Mood::Down] {
        store.script().position = mood;
        let start = Instant::now();
        while one.in_sync() {
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

    // The same, detected by an announcement.
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
async fn a_truncated_announcement_causes_a_snapshot() {
    let store = Scripted::new();
    let (one, other) = (in_sync(&store).await, in_sync(&store).await);
    store.script().terse = true;
    for sid in ["a", "b", "c"] {
        other.revoke_session(sid).await.unwrap();
        moment().await;
        assert_eq!(at_once(&one, &of_session(sid)), Some(Verdict::Revoked));
        assert!(one.in_sync());
    }
    store.script().snapshot = scripted::Mood::Down;
    other.revoke_session("d").await.unwrap();
    moment().await;
    assert_eq!(
        at_once(&one, &of_session("good")),
        None,
        "the replica is out of sync without the snapshot"
    );
    assert_eq!(verdict(&one, &of_session("d")).await, Verdict::Revoked);
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
    moment().await;
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
