//! Revocation checks while the store does not answer.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use scripted::{FAULTS, Mood};
use tollgate_session::Reading;
use tracing::field::{Field, Visit};

use super::*;

/// Creates revocations that were in sync with session `a` revoked, and then lost the store.
async fn cut_off(store: &Scripted, mood: Mood) -> Revocations {
    let revocations = in_sync(store).await;
    revocations.revoke_session("a").await.unwrap();
    sleep(Duration::from_secs(2)).await;
    store.script().all(mood);
    store.cut_feeds();
    let good = of_session("good");
    while at_once(&revocations, &good) == Some(Verdict::Good) {
        moment().await;
    }
    revocations
}

#[tokio::test(start_paused = true)]
async fn each_reading_is_bounded_in_time_and_recovers() {
    for mood in FAULTS {
        let store = Scripted::new();
        let revocations = cut_off(&store, mood).await;
        let good = of_session("good");
        let stale = Duration::from_secs(60);
        for (reading, wanted) in [
            (Reading::FailClosed, Verdict::Unavailable),
            (Reading::StaleIfError(stale), Verdict::Good),
            (Reading::DangerousFailOpen, Verdict::Good),
        ] {
            let check = revocations.reading(reading);
            // The first check queries the store, the second does not.
            for _ in 0..2 {
                let start = Instant::now();
                assert_eq!(verdict(&check, &good).await, wanted, "{mood:?} {reading:?}");
                assert!(
                    start.elapsed() <= TIMEOUT + Duration::from_millis(1),
                    "{mood:?} {reading:?}"
                );
            }
            assert_eq!(
                at_once(&check, &of_session("a")),
                Some(Verdict::Revoked),
                "an entry of the replica still applies"
            );
            sleep(Duration::from_secs(1)).await;
        }
        sleep(stale).await;
        let late = revocations.reading(Reading::StaleIfError(stale));
        assert_eq!(
            verdict(&late, &good).await,
            Verdict::Unavailable,
            "{mood:?}: the replica is older than the limit"
        );
        let open = revocations.reading(Reading::DangerousFailOpen);
        assert_eq!(verdict(&open, &good).await, Verdict::Good, "{mood:?}");
        assert_eq!(
            verdict(&revocations, &good).await,
            Verdict::Unavailable,
            "the default"
        );

        store.script().all(Mood::Fine);
        until_in_sync(&revocations).await;
        assert_eq!(at_once(&revocations, &good), Some(Verdict::Good));
        assert_eq!(
            at_once(&revocations, &of_session("a")),
            Some(Verdict::Revoked)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_unread_replica_is_never_stale() {
    for mood in FAULTS {
        let store = Scripted::new();
        store.script().all(mood);
        let revocations = instance(&store);
        moment().await;
        let check = revocations.reading(Reading::StaleIfError(Duration::from_secs(1_000_000)));
        assert_eq!(
            verdict(&check, &of_session("good")).await,
            Verdict::Unavailable,
            "{mood:?}"
        );
        assert_eq!(revocations.status().confirmed, None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_staleness_bound_is_exact() {
    let store = Scripted::new();
    let revocations = cut_off(&store, Mood::Down).await;
    let most = Duration::from_secs(30);
    let check = revocations.reading(Reading::StaleIfError(most));
    let age = || revocations.status().confirmed.unwrap();
    sleep(
        most.checked_sub(age())
            .unwrap()
            .checked_sub(Duration::from_millis(2))
            .unwrap(),
    )
    .await;
    assert!(age() < most);
    assert_eq!(verdict(&check, &of_session("good")).await, Verdict::Good);
    while age() < most {
        moment().await;
    }
    assert!(age() < most + Duration::from_millis(3));
    assert_eq!(
        verdict(&check, &of_session("good")).await,
        Verdict::Unavailable
    );
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_not_queried_for_a_moment() {
    let store = Scripted::new();
    let revocations = cut_off(&store, Mood::Hanging).await;
    let good = of_session("good");
    assert_eq!(verdict(&revocations, &good).await, Verdict::Unavailable);
    let finds = store.script().finds;
    let start = Instant::now();
    for _ in 0..500 {
        assert_eq!(verdict(&revocations, &good).await, Verdict::Unavailable);
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits");
    assert_eq!(store.script().finds, finds, "nobody asks");

    // Then one check queries the store for all.
    sleep(Duration::from_millis(201)).await;
    let mut waiting: Vec<_> = (0..100)
        .map(|_| {
            let (revocations, good) = (revocations.clone(), good.clone());
            tokio::spawn(async move { verdict(&revocations, &good).await })
        })
        .collect();
    moment().await;
    assert_eq!(store.script().finds, finds + 1);
    assert_eq!(waiting.iter().filter(|task| !task.is_finished()).count(), 1);
    for task in waiting.drain(..) {
        assert_eq!(task.await.unwrap(), Verdict::Unavailable);
    }

    // A cancelled query does not block the others forever.
    sleep(Duration::from_millis(201)).await;
    drop(revocations.check(&good));
    store.script().find = Mood::Fine;
    sleep(TIMEOUT + Duration::from_millis(201)).await;
    assert_eq!(verdict(&revocations, &good).await, Verdict::Good);
    assert_eq!(verdict(&revocations, &good).await, Verdict::Good);
    assert_eq!(store.script().finds, finds + 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_is_an_error_within_the_timeout() {
    let hanging = HangingRevoke(Scripted::new());
    let revocations = Revocations::builder(hanging, Mint::ISSUER)
        .timeout(TIMEOUT)
        .build()
        .unwrap();
    let start = Instant::now();
    let error = revocations.revoke_session("a").await.unwrap_err();
    assert_eq!(error.kind(), tollgate_session::StoreErrorKind::Timeout);
    assert!(start.elapsed() <= TIMEOUT + Duration::from_millis(1));
}

struct HangingRevoke(Scripted);

impl tollgate_session::RevocationStore for HangingRevoke {
    fn revoke<'a>(
        &'a self,
        _: &'a [tollgate_session::Revocation],
        _: u64,
    ) -> tollgate_session::StoreFuture<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn find<'a>(
        &'a self,
        keys: &'a [tollgate_session::RevocationKey],
        now: u64,
    ) -> tollgate_session::StoreFuture<'a, Vec<tollgate_session::Revocation>> {
        self.0.find(keys, now)
    }

    fn snapshot(
        &self,
        now: u64,
    ) -> tollgate_session::StoreFuture<'_, tollgate_session::RevocationSnapshot> {
        self.0.snapshot(now)
    }

    fn position(&self) -> tollgate_session::StoreFuture<'_, tollgate_session::Position> {
        self.0.position()
    }

    fn changes(
        &self,
        after: tollgate_session::Position,
        now: u64,
    ) -> tollgate_session::StoreFuture<'_, Option<tollgate_session::RevocationSnapshot>> {
        self.0.changes(after, now)
    }

    fn feed(&self) -> tollgate_session::StoreFuture<'_, Box<dyn tollgate_session::RevocationFeed>> {
        self.0.feed()
    }
}

/// A subscriber that records every event, one line each.
#[derive(Clone, Default)]
pub(super) struct Log(pub(super) Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        use std::fmt::Write as _;
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock().unwrap();
        log.push_str(event.metadata().level().as_str());
        event.record(&mut Line(&mut log));
        log.push('\n');
    }

    fn enter(&self, _: &tracing::Id) {}

    fn exit(&self, _: &tracing::Id) {}
}

#[tokio::test(start_paused = true)]
async fn fail_open_is_logged_without_names() {
    let store = Scripted::new();
    let revocations = cut_off(&store, Mood::Down).await;
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let check = revocations.reading(Reading::DangerousFailOpen);
    // With a query, and without.
    for times in 1..=2 {
        assert_eq!(
            verdict(&check, &of_session("SECRET-NAME")).await,
            Verdict::Good
        );
        let log = log.0.lock().unwrap();
        let warnings = log.lines().filter(|line| {
            line.starts_with("WARN") && line.contains("accepted without a revocation check")
        });
        assert_eq!(warnings.count(), times);
        assert!(
            !log.contains("SECRET-NAME") && !log.contains("u-7"),
            "{log}"
        );
    }
}
