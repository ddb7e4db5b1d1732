//! A thief with old tokens while the owner authenticates again.

#![allow(clippy::unwrap_used)]

use tollgate_session::{Login, RefreshKey, RefreshRequest, SessionErrorKind as Kind, Tokens};

use crate::fixture::Service;

fn auth_time(service: &Service, token: &str) -> Option<u64> {
    service.principal(token).claim("auth_time")?.as_u64()
}

async fn step_up(service: &Service, tokens: &Tokens) -> Tokens {
    let principal = service.principal(&tokens.access_token);
    service.sessions.reauthenticated(&principal).await.unwrap()
}

/// Returns a service, the tokens that a thief copied, and those of the owner's re-authentication.
async fn stolen() -> (Service, Tokens, Tokens) {
    let service = Service::new();
    let login = Login::new("u-7").scope("payments").auth_time(1_600_000_000);
    let stolen = service.sessions.login(login).await.unwrap();
    service.pass(300);
    let fresh = step_up(&service, &stolen).await;
    (service, stolen, fresh)
}

#[tokio::test]
async fn a_stolen_access_token_does_not_gain_the_step_up() {
    let (service, stolen, fresh) = stolen().await;
    assert_eq!(
        auth_time(&service, &fresh.access_token),
        Some(service.now())
    );
    service.pass(500);
    let thief = service.principal(&stolen.access_token);
    assert_eq!(service.sessions.renew(&thief).await, Ok(None));
    // The owner's renewal does not help the thief to the same token either.
    let owner = service.principal(&fresh.access_token);
    assert!(service.sessions.renew(&owner).await.unwrap().is_some());
    assert_eq!(service.sessions.renew(&thief).await, Ok(None));
}

#[tokio::test]
async fn a_stolen_refresh_token_does_not_gain_the_step_up() {
    let (service, stolen, fresh) = stolen().await;
    assert_eq!(service.refused(&stolen.refresh_token).await, Kind::Invalid);
    let owner = service.refresh(&fresh.refresh_token).await.unwrap();
    assert_eq!(service.refused(&stolen.refresh_token).await, Kind::Invalid);
    assert!(
        service.accepts(&owner.access_token).await,
        "the session goes on"
    );
    service.pass(10);
    assert_eq!(service.refused(&stolen.refresh_token).await, Kind::Reuse);
    assert_eq!(service.refused(&owner.refresh_token).await, Kind::Invalid);
}

#[tokio::test]
async fn a_lost_answer_is_repaired_by_another_step_up() {
    for strict in [false, true] {
        let service = Service::with(|builder| {
            let builder = builder.refresh_key(RefreshKey::new(1, [1; 32]));
            if strict {
                builder.revoke_former_access()
            } else {
                builder
            }
        });
        let first = service.sessions.login(Login::new("u-7")).await.unwrap();
        service.pass(300);
        let lost = step_up(&service, &first).await;
        service.pass(2);
        assert!(service.accepts(&first.access_token).await);
        let second = step_up(&service, &first).await;
        assert_eq!(service.refused(&lost.refresh_token).await, Kind::Invalid);
        let third = service.refresh(&second.refresh_token).await.unwrap();
        let at = auth_time(&service, &third.access_token);
        assert_eq!(at, Some(service.now()));
    }
}

#[tokio::test]
async fn a_used_token_from_before_a_step_up_still_logs_out() {
    let (service, stolen, fresh) = stolen().await;
    let sessions = &service.sessions;
    assert!(
        sessions
            .logout_by_refresh_token(&stolen.refresh_token)
            .await
            .unwrap()
    );
    assert_eq!(service.refused(&fresh.refresh_token).await, Kind::Invalid);
}

#[tokio::test]
async fn the_tokens_of_a_step_up_are_a_full_set() {
    let service = Service::new();
    let login = Login::new("u-7").scope("a b").with_csrf();
    let first = service.sessions.login(login).await.unwrap();
    let less = RefreshRequest {
        scope: Some("a".to_owned()),
        ..RefreshRequest::default()
    };
    let narrow = service
        .sessions
        .refresh(&first.refresh_token, less)
        .await
        .unwrap();
    let fresh = step_up(&service, &narrow).await;
    assert_eq!((&*fresh.scope, &fresh.csrf), ("a", &first.csrf));
    assert_eq!(fresh.session, first.session);
    let all = service.refresh(&fresh.refresh_token).await.unwrap();
    assert_eq!(all.scope, "a b");
}

#[tokio::test]
async fn a_repeat_says_whether_the_device_differs() {
    use std::sync::{Arc, Mutex};
    use tollgate_session::{Device, SessionEventKind};

    let heard = Arc::new(Mutex::new(Vec::new()));
    let repeats = Arc::clone(&heard);
    let service = Service::with(|builder| {
        let builder = builder.refresh_key(RefreshKey::new(1, [1; 32]));
        builder.on_event(move |event| {
            if let SessionEventKind::Repeated { other_device } = event.kind() {
                repeats.lock().unwrap().push(other_device);
            }
        })
    });
    let from = |agent: &str, address: Option<&str>| RefreshRequest {
        device: Device {
            user_agent: Some(agent.repeat(300)),
            address: address.map(str::to_owned),
            name: None,
        },
        ..RefreshRequest::default()
    };
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    for (agent, address) in [
        ("a", Some("203.0.113.7")), // the first
        ("a", Some("203.0.113.7")),
        ("a", None),
        ("b", None),
        ("a", Some("203.0.113.8")),
    ] {
        let request = from(agent, address);
        service
            .sessions
            .refresh(&tokens.refresh_token, request)
            .await
            .unwrap();
    }
    assert_eq!(*heard.lock().unwrap(), [false, false, true, true]);
}
