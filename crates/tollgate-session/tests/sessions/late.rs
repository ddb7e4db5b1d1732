//! Refresh tokens that are repeated after the grace period, and writes that land late.

use std::time::Duration;

use tollgate_session::{
    Device, Login, RefreshKey, RefreshRequest, SessionErrorKind as Kind, SessionEventKind,
    SessionStore, Sessions,
};

use crate::fixture::{Fault, Service};

fn key() -> RefreshKey {
    RefreshKey::new(1, [1; 32])
}

/// A rotation that the store executes while its caller gets an error, and that is seen after the
/// grace period.
#[tokio::test]
async fn a_write_that_lands_late_logs_nobody_out() {
    let service = Service::new();
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    let before = service
        .store
        .memory
        .load(&first.session, service.now())
        .await
        .unwrap();
    let lost = service.refresh(&first.refresh_token).await.unwrap();
    service.pass(13);
    let tokens = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(tokens.refresh_token, lost.refresh_token);
    assert_ne!(tokens.access_token, lost.access_token);
    assert_eq!(
        before.unwrap().expires_at,
        service.now() - 13 + 7 * 24 * 3600 + 60
    );
    assert_eq!(
        tokens.refresh_expires_in,
        7 * 24 * 3600 - 13,
        "the idle timeout did not move"
    );
    service.pass(9);
    let again = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(again.access_token, tokens.access_token);
    assert!(service.refresh(&again.refresh_token).await.is_ok());
    let events = [
        "LoggedIn",
        "Refreshed",
        "RepeatedLate",
        "RepeatedLate",
        "Refreshed",
    ];
    assert_eq!(service.events(), events);
}

#[tokio::test]
async fn a_second_late_repeat_is_reuse() {
    let service = Service::new();
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    service.refresh(&first.refresh_token).await.unwrap();
    service.pass(10);
    let second = service.refresh(&first.refresh_token).await.unwrap();
    service.pass(10);
    assert_eq!(service.refused(&first.refresh_token).await, Kind::Reuse);
    assert_eq!(service.refused(&second.refresh_token).await, Kind::Invalid);
    let events = ["LoggedIn", "Refreshed", "RepeatedLate", "ReuseDetected"];
    assert_eq!(service.events(), events);
}

/// A thief and the owner who take turns outside the grace period are seen at every turn.
#[tokio::test]
async fn alternating_parties_raise_an_event_each_time() {
    let service = Service::new();
    let mut stolen = service.sessions.login(Login::new("u-7")).await.unwrap();
    service.events();
    for turn in 0..5 {
        let owner = service.refresh(&stolen.refresh_token).await.unwrap();
        service.pass(60);
        let thief = service.refresh(&stolen.refresh_token).await.unwrap();
        assert_eq!(thief.refresh_token, owner.refresh_token);
        assert_eq!(
            service.events(),
            ["Refreshed", "RepeatedLate"],
            "turn {turn}"
        );
        stolen = thief;
    }
}

#[tokio::test]
async fn a_late_repeat_revokes_the_former_access_tokens_if_configured() {
    let service = Service::with(|builder| builder.refresh_key(key()).revoke_former_access());
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    service.pass(60);
    let third = service.refresh(&first.refresh_token).await.unwrap();
    for former in [&first.access_token, &second.access_token] {
        assert!(!service.accepts(former).await);
    }
    assert!(service.accepts(&third.access_token).await);
}

#[tokio::test]
async fn another_device_gets_no_late_repeat_and_another_address_does() {
    let from = |agent: &str, address: &str| RefreshRequest {
        device: Device {
            user_agent: Some(agent.to_owned()),
            address: Some(address.to_owned()),
            name: None,
        },
        ..RefreshRequest::default()
    };
    let service = Service::new();
    let login = || Login::new("u-7").device(from("phone", "203.0.113.7").device);
    let refresh = async |sessions: &Sessions, token: &str, request| {
        sessions
            .refresh(token, request)
            .await
            .map(|tokens| tokens.refresh_token)
    };
    for (agent, other) in [("phone", false), ("laptop", true)] {
        let first = service.sessions.login(login()).await.unwrap().refresh_token;
        let there = from("phone", "203.0.113.7");
        let second = refresh(&service.sessions, &first, there).await.unwrap();
        service.pass(60);
        let late = refresh(&service.sessions, &first, from(agent, "198.51.100.1")).await;
        if other {
            assert_eq!(late.unwrap_err().kind(), Kind::Reuse);
        } else {
            assert_eq!(late.unwrap(), second);
            let seen = service.events.lock().unwrap();
            let last = seen.last().unwrap();
            let kind = SessionEventKind::RepeatedLate { other_device: true };
            assert_eq!(last.kind(), kind);
        }
    }
}

#[tokio::test]
async fn zero_switches_late_repeats_off() {
    let off = Duration::ZERO;
    let service = Service::with(|builder| builder.refresh_key(key()).late_repeat(off));
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    service.refresh(&first.refresh_token).await.unwrap();
    service.pass(10);
    assert_eq!(service.refused(&first.refresh_token).await, Kind::Reuse);
}

/// The revocations are down for longer than the grace period, while the sessions are not.
#[tokio::test]
async fn without_its_revocations_a_session_does_not_change() {
    let service = Service::with(|builder| builder.refresh_key(key()).revoke_former_access());
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    service.pass(600);
    let stored = async || {
        service
            .store
            .memory
            .load(&tokens.session, service.now())
            .await
            .unwrap()
            .unwrap()
    };
    let before = stored().await;
    service.store.fail_revocations(Fault::Down);
    for _ in 0..20 {
        assert_eq!(
            service.refused(&tokens.refresh_token).await,
            Kind::Unavailable
        );
        assert!(
            service
                .sessions
                .renew(&principal)
                .await
                .unwrap_err()
                .is_unavailable()
        );
        assert!(
            service
                .sessions
                .reauthenticated(&principal)
                .await
                .unwrap_err()
                .is_unavailable()
        );
        service.pass(1);
    }
    assert_eq!(stored().await, before);
    // A login fails before it ends another session.
    let limited = service.beside(|builder| builder.refresh_key(key()).max_sessions_per_subject(1));
    limited.sessions.login(Login::new("u-7")).await.unwrap_err();
    service.store.fail_revocations(None);
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
}

/// A store that acknowledges nothing for longer than two grace periods: the sessions are visible,
/// but can still be lost.
#[tokio::test]
async fn an_outage_of_acknowledgements_does_not_use_up_the_late_repeat() {
    let service = Service::new();
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    service.store.fail_acknowledgements(Fault::Down);
    let mut presented = 0;
    for _ in 0..60 {
        assert_eq!(
            service.refused(&first.refresh_token).await,
            Kind::Unavailable
        );
        presented += 1;
        service.pass(1);
    }
    service.store.fail_acknowledgements(None);
    let tokens = service.refresh(&first.refresh_token).await.unwrap();
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
    assert_eq!(
        (presented, service.events().last().unwrap().as_str()),
        (60, "Refreshed")
    );
}

/// A write of another caller is confirmed before it is acknowledged.
#[tokio::test]
async fn what_another_call_wrote_is_acknowledged_only_when_it_cannot_be_lost() {
    let service = Service::new();
    let login = async || service.sessions.login(Login::new("u-7")).await.unwrap();
    let (first, other, all) = (login().await, login().await, login().await);
    let principal = service.principal(&first.access_token);
    service.pass(600);
    service.store.fail_acknowledgements(Fault::Down);
    let unavailable = |kind: Kind| assert_eq!(kind, Kind::Unavailable);
    // The first call writes, the second one would only repeat.
    for _ in 0..2 {
        unavailable(service.sessions.renew(&principal).await.unwrap_err().kind());
        unavailable(service.refused(&first.refresh_token).await);
        unavailable(
            service
                .sessions
                .logout(&other.session)
                .await
                .unwrap_err()
                .kind(),
        );
        let by_token = service
            .sessions
            .logout_by_refresh_token(&other.refresh_token)
            .await;
        unavailable(by_token.unwrap_err().kind());
        let device = service.sessions.logout_device("u-7", &other.session).await;
        unavailable(device.unwrap_err().kind());
    }
    for _ in 0..5 {
        unavailable(service.sessions.logout_all("u-7").await.unwrap_err().kind());
    }
    service.store.fail_acknowledgements(None);
    assert!(!service.sessions.logout(&other.session).await.unwrap());
    service.sessions.logout_all("u-7").await.unwrap();
    assert_eq!(service.refused(&all.refresh_token).await, Kind::Invalid);
}
