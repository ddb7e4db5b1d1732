//! The erasure and the export of a user.

use serde_json::json;
use tollgate_session::{
    Device, Login, RevocationStore, SessionErrorKind as Kind, SessionStore, StoredSession,
};

use crate::fixture::{Fault, START, Service};

fn login() -> Login {
    let device = Device {
        user_agent: Some("Firefox".to_owned()),
        address: Some("203.0.113.7".to_owned()),
        name: None,
    };
    Login::new("u-7")
        .role("clerk")
        .claim("mail", "u7@example.com")
        .device(device)
}

#[tokio::test]
async fn nothing_of_a_forgotten_user_stays_in_the_sessions() {
    let service = Service::new();
    let (sessions, memory) = (&service.sessions, &service.store.memory);
    let first = sessions.login(login()).await.unwrap();
    let ended = sessions.login(login()).await.unwrap();
    let damaged = sessions.login(login()).await.unwrap();
    let other = sessions.login(Login::new("u-8")).await.unwrap();
    sessions.logout(&ended.session).await.unwrap();
    let there = memory.load(&damaged.session, START).await.unwrap().unwrap();
    let rubbish = StoredSession {
        data: b"u7@example.com".to_vec(),
        revision: 2,
        ..there
    };
    assert!(memory.replace(&rubbish, 1, START).await.unwrap());

    assert_eq!(sessions.forget("u-7").await.unwrap(), 3);
    assert!(memory.of_subject("u-7", 9, 0).await.unwrap().is_empty());
    for tokens in [&first, &ended, &damaged] {
        assert!(memory.load(&tokens.session, 0).await.unwrap().is_none());
        assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);
        assert!(!service.accepts(&tokens.access_token).await);
    }
    assert!(service.accepts(&other.access_token).await);
    service.refresh(&other.refresh_token).await.unwrap();
    assert_eq!(sessions.forget("u-7").await.unwrap(), 0);

    let again = sessions.login(login()).await.unwrap();
    assert!(service.accepts(&again.access_token).await);
    service.pass(1);
    let again = service.refresh(&again.refresh_token).await.unwrap();
    assert!(service.accepts(&again.access_token).await);
    assert_eq!(sessions.forget("u-7").await.unwrap(), 1);

    // The subject is in the revocations, until the tokens have expired.
    let about = |entries: Vec<tollgate_session::Revocation>| {
        entries
            .iter()
            .filter(|entry| entry.key.value() == "u-7")
            .count()
    };
    assert_eq!(
        about(memory.snapshot(service.now()).await.unwrap().entries),
        2
    );
    let export = sessions.export("u-7").await.unwrap();
    assert!(export.sessions.is_empty() && export.unreadable.is_empty());
    assert_eq!(export.revocations.len(), 2);
}

#[tokio::test]
async fn a_failure_in_part_can_be_repeated() {
    for fault in [Fault::Down, Fault::Full] {
        let service = Service::new();
        let tokens = service.sessions.login(login()).await.unwrap();
        service.store.fail_acknowledgements(fault);
        assert!(
            service
                .sessions
                .forget("u-7")
                .await
                .unwrap_err()
                .is_unavailable()
        );
        assert!(!service.accepts(&tokens.access_token).await);
        service.store.fail_acknowledgements(None);
        assert_eq!(service.sessions.forget("u-7").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn an_export_has_everything_but_secrets() {
    let service = Service::new();
    let sessions = &service.sessions;
    let tokens = sessions.login(login().scope("orders:read")).await.unwrap();
    sessions
        .set_data(&tokens.session, 0, &json!({"cart": 5}))
        .await
        .unwrap();
    service.pass(5);
    let ended = sessions.login(Login::new("u-7")).await.unwrap();
    sessions.logout(&ended.session).await.unwrap();
    sessions.login(Login::new("u-8")).await.unwrap();
    let export = sessions.export("u-7").await.unwrap();
    assert!(!format!("{export:?} {:?}", export.sessions).contains("Firefox"));
    let json = serde_json::to_value(&export).unwrap();
    assert_eq!(
        json["sessions"][0],
        json!({
            "id": tokens.session.to_string(),
            "created_at": START,
            "last_seen": START,
            "auth_time": START,
            "idle_until": START + 7 * 24 * 3600,
            "expires_at": START + 30 * 24 * 3600,
            "ended_at": null,
            "device": {"user_agent": "Firefox", "address": "203.0.113.7", "name": null},
            "actor": null,
            "client_id": null,
            "scope": "orders:read",
            "roles": ["clerk"],
            "claims": {"mail": "u7@example.com"},
            "data": {"cart": 5},
        })
    );
    assert_eq!(json["sessions"][1]["ended_at"], START + 5);
    assert_eq!(json["revocations"][0]["kind"], "session");
    assert_eq!(
        (&json["subject"], &json["exported_at"]),
        (&json!("u-7"), &json!(START + 5))
    );
    assert!(!json.to_string().contains("u-8"));
}
