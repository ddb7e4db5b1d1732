//! The responses of both frameworks during store failures.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate_session::Transport;

use crate::service::{STALE, Service};
use crate::store::Fault;
use crate::{Ask, Got, actix, axum};

const FAULTS: [Fault; 5] = [
    Fault::Down,
    Fault::Silent,
    Fault::Slow,
    Fault::Full,
    Fault::Rubbish,
];

/// The maximum response time: a logout queries the store with a timeout of one second, possibly
/// several times.
const PATIENCE: Duration = Duration::from_secs(5);

async fn every_fault(call: impl AsyncFn(&Service, &Ask) -> Got) {
    for fault in FAULTS {
        one_fault(&call, fault).await;
    }
}

async fn one_fault(call: &impl AsyncFn(&Service, &Ask) -> Got, fault: Fault) {
    let service = Service::new(&Transport::Json);
    let call = async |ask: Ask| {
        let start = Instant::now();
        let got = call(&service, &ask).await;
        assert!(
            start.elapsed() <= PATIENCE,
            "{fault:?}: {ask:?} took {:?}",
            start.elapsed()
        );
        got
    };
    let at = async |path: &str, token: &str| call(Ask::new("GET", path).bearer(token)).await.status;
    let log_in = || Ask::new("POST", "/auth/login").json(r#"{"password":"lovelace"}"#);
    let refresh = |token: &str| {
        let content = format!(r#"{{"refresh_token":"{token}"}}"#);
        Ask::new("POST", "/auth/refresh").json(content)
    };
    let log_out = |token: &str| Ask::new("POST", "/auth/logout").bearer(token);

    let (good, gone) = (call(log_in()).await, call(log_in()).await);
    let (token, revoked) = (good.member("access_token"), gone.member("access_token"));
    assert_eq!(call(log_out(&revoked)).await.status, 204);
    until_in_sync(&service).await;

    service.store.fail(fault);
    sleep(Duration::from_secs(2)).await;
    // A full store is still readable.
    let full = fault == Fault::Full;
    for (path, wanted) in [
        ("/closed", if full { 200 } else { 503 }),
        ("/stale", 200),
        ("/open", 200),
    ] {
        assert_eq!(at(path, &token).await, wanted, "{fault:?} {path}");
        assert_eq!(
            at(path, &revoked).await,
            401,
            "{fault:?} {path}: a known revocation still applies"
        );
    }
    for ask in [
        log_in(),
        refresh(&good.member("refresh_token")),
        log_out(&token),
    ] {
        let got = call(ask.clone()).await;
        assert_eq!(got.status, 503, "{fault:?} {ask:?}: {got:?}");
        assert!(got.field("retry-after").is_some(), "{fault:?} {ask:?}");
    }
    sleep(STALE).await;
    assert_eq!(
        at("/stale", &token).await,
        if full { 200 } else { 503 },
        "{fault:?}"
    );
    assert_eq!(at("/open", &token).await, 200, "{fault:?}");

    // The service recovers automatically.
    service.store.fail(None);
    until_in_sync(&service).await;
    for path in ["/closed", "/stale", "/open"] {
        assert_eq!(at(path, &token).await, 200, "{fault:?} {path}");
        assert_eq!(at(path, &revoked).await, 401, "{fault:?} {path}");
    }
    assert_eq!(call(log_in()).await.status, 200);
    assert_eq!(
        call(refresh(&good.member("refresh_token"))).await.status,
        200
    );
    assert_eq!(call(log_out(&token)).await.status, 204);
    assert_eq!(at("/closed", &token).await, 401, "{fault:?}");
}

async fn until_in_sync(service: &Service) {
    let start = Instant::now();
    while !service.sessions.revocations().in_sync() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the replica is not in sync"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn axum_routes_behave_as_configured_and_recover() {
    every_fault(axum::call).await;
}

#[tokio::test(start_paused = true)]
async fn actix_web_routes_behave_as_configured_and_recover() {
    every_fault(actix::call).await;
}
