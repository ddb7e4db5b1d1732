//! Login attempts while the store is down, silent, full or corrupt.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tollgate_session::{LoginAttempt, LoginThrottle, PendingLogin, RefreshKey, TooManyAttempts};
use tracing::field::{Field, Visit};

use crate::fixture::{Fault, QUICK, Service};

/// A subscriber that records every event, one line each.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
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

impl Log {
    fn count(&self, text: &str) -> usize {
        let log = self.0.lock().unwrap();
        assert!(!log.contains("alice") && !log.contains("203.0"), "{log}");
        log.lines().filter(|line| line.contains(text)).count()
    }
}

fn service() -> Service {
    Service::with(|builder| {
        let builder = builder.refresh_key(RefreshKey::new(1, [1; 32]));
        builder.store_timeout(QUICK)
    })
}

async fn attempt(service: &Service) -> Result<PendingLogin, TooManyAttempts> {
    let attempt = LoginAttempt::new()
        .name("alice")
        .address([203, 0, 113, 7].into());
    service
        .sessions
        .attempt(&LoginThrottle::default(), attempt)
        .await
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_in_memory_while_the_store_fails() {
    for fault in [Fault::Down, Fault::Silent, Fault::Full, Fault::Rubbish] {
        let service = service();
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        service.store.fail(fault);
        let begun = tokio::time::Instant::now();
        for at in 0..10 {
            // A success gives the attempt back to the memory.
            attempt(&service).await.unwrap().succeeded().await.unwrap();
            let pending = attempt(&service).await;
            assert!(pending.is_ok(), "{fault:?} {at}");
        }
        assert!(attempt(&service).await.is_err(), "{fault:?}");
        assert!(begun.elapsed() <= 21 * 2 * QUICK, "{fault:?}");
        let (event, alone) = match fault {
            Fault::Rubbish => ("ERROR message=the store returned other budgets", 0),
            _ => (
                "WARN message=login attempts are counted by this process alone",
                21,
            ),
        };
        assert_eq!(
            log.count("counted by this process alone"),
            alone,
            "{fault:?}"
        );
        assert_eq!(log.count(event), 21, "{fault:?}");

        // Of the store, none is charged. It counts again as soon as it works.
        service.store.fail(None);
        for at in 0..10 {
            assert!(attempt(&service).await.is_ok(), "{fault:?} {at}");
        }
        assert!(attempt(&service).await.is_err(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_store_fails_meanwhile_stays_counted() {
    let service = service();
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    for _ in 0..10 {
        let pending = attempt(&service).await.unwrap();
        service.store.fail(Fault::Down);
        assert!(pending.succeeded().await.is_some());
        service.store.fail(None);
    }
    assert!(attempt(&service).await.is_err());
    assert_eq!(log.count("WARN message=a login attempt stays counted"), 10);
}
