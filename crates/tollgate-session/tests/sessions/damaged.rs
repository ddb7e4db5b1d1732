//! Stored sessions that cannot be read.

use proptest::prelude::*;
use serde_json::json;
use tollgate_session::{
    Login, RefreshKey, SessionErrorKind as Kind, SessionId, SessionStore, StoredSession, Tokens,
};

use crate::fixture::Service;

/// Changes the content of a stored session, as damage to the store does.
async fn damage(service: &Service, id: &SessionId, change: impl FnOnce(&mut Vec<u8>)) {
    let memory = &service.store.memory;
    let there = memory.load(id, service.now()).await.unwrap().unwrap();
    let mut data = there.data;
    change(&mut data);
    let damaged = StoredSession {
        data,
        revision: there.revision + 1,
        ..there
    };
    assert!(
        memory
            .replace(&damaged, there.revision, service.now())
            .await
            .unwrap()
    );
}

async fn two(service: &Service) -> (Tokens, Tokens) {
    let damaged = service.sessions.login(Login::new("u-7")).await.unwrap();
    let healthy = service.sessions.login(Login::new("u-7")).await.unwrap();
    (damaged, healthy)
}

fn missing_field(data: &mut Vec<u8>) {
    let mut body: serde_json::Value = serde_json::from_slice(data).unwrap();
    body.as_object_mut().unwrap().remove("salt");
    *data = serde_json::to_vec(&body).unwrap();
}

fn newer(data: &mut Vec<u8>) {
    *data = br#"{"v":2}"#.to_vec();
}

#[tokio::test]
async fn one_unreadable_session_affects_no_other() {
    for change in [missing_field, newer, Vec::clear] {
        let service = Service::with(|builder| {
            let builder = builder.refresh_key(RefreshKey::new(1, [1; 32]));
            builder.max_sessions_per_subject(2)
        });
        let (damaged, healthy) = two(&service).await;
        damage(&service, &damaged.session, change).await;
        let sessions = &service.sessions;
        let healthy = service.refresh(&healthy.refresh_token).await.unwrap();
        let devices = sessions.devices("u-7", None).await.unwrap();
        assert_eq!(
            devices.iter().map(|device| device.id).collect::<Vec<_>>(),
            [healthy.session]
        );
        let here = sessions.login(Login::new("u-7")).await.unwrap();
        assert!(sessions.logout(&healthy.session).await.unwrap());
        assert_eq!(
            sessions.logout_others("u-7", &here.session).await.unwrap(),
            1
        );
        assert!(!service.accepts(&damaged.access_token).await);
        assert!(service.refresh(&here.refresh_token).await.is_ok());
        assert_eq!(sessions.logout_all("u-7").await.unwrap(), 1);
        assert_eq!(sessions.logout_all("u-7").await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_unreadable_session_is_refused_and_can_be_ended() {
    for by in 0..3 {
        let service = Service::new();
        let (damaged, _) = two(&service).await;
        let principal = service.principal(&damaged.access_token);
        damage(&service, &damaged.session, missing_field).await;
        service.pass(600);
        let sessions = &service.sessions;
        assert_eq!(service.refused(&damaged.refresh_token).await, Kind::Invalid);
        assert_eq!(sessions.renew(&principal).await.unwrap(), None);
        let again = sessions.reauthenticated(&principal).await;
        assert_eq!(again.unwrap_err().kind(), Kind::Invalid);
        assert!(
            !sessions
                .logout_device("u-8", &damaged.session)
                .await
                .unwrap()
        );
        assert!(service.accepts(&damaged.access_token).await);
        let ended = match by {
            0 => sessions.logout(&damaged.session).await,
            1 => {
                sessions
                    .logout_by_refresh_token(&damaged.refresh_token)
                    .await
            }
            _ => sessions.logout_device("u-7", &damaged.session).await,
        };
        assert!(ended.unwrap());
        assert!(!service.accepts(&damaged.access_token).await);
        assert!(!sessions.logout(&damaged.session).await.unwrap());
        assert_eq!(service.refused(&damaged.refresh_token).await, Kind::Invalid);
        assert_eq!(service.events().last().unwrap(), "LoggedOut");
    }
}

/// Pairs of a time and its count take 70 times the memory of their text.
#[tokio::test]
async fn a_record_that_is_too_large_is_not_expanded() {
    for (version, kind) in [(1, Kind::Invalid), (2, Kind::Unavailable)] {
        let service = Service::new();
        let (large, healthy) = two(&service).await;
        damage(&service, &large.session, |data| {
            let runs = "[1,64],".repeat(300_000);
            let text = String::from_utf8(std::mem::take(data)).unwrap();
            let rest = text.strip_prefix(r#"{"v":1,"#).unwrap();
            *data = format!(r#"{{"v":{version},"earlier":[{runs}[1,1]],{rest}"#).into_bytes();
        })
        .await;
        assert_eq!(service.refused(&large.refresh_token).await, kind);
        assert!(service.sessions.logout(&large.session).await.unwrap());
        assert!(!service.accepts(&large.access_token).await);
        assert!(service.refresh(&healthy.refresh_token).await.is_ok());
    }
}

/// An upgrade is in progress: an instance that can read the session answers the next request.
#[tokio::test]
async fn a_session_of_a_newer_version_is_unavailable_and_not_invalid() {
    let service = Service::new();
    let (upgraded, _) = two(&service).await;
    let principal = service.principal(&upgraded.access_token);
    damage(&service, &upgraded.session, newer).await;
    service.pass(600);
    let sessions = &service.sessions;
    assert_eq!(
        service.refused(&upgraded.refresh_token).await,
        Kind::Unavailable
    );
    assert!(
        sessions
            .renew(&principal)
            .await
            .unwrap_err()
            .is_unavailable()
    );
    // It cannot be verified here that the token is genuine.
    let by_token = sessions
        .logout_by_refresh_token(&upgraded.refresh_token)
        .await;
    assert!(by_token.unwrap_err().is_unavailable());
    assert!(sessions.logout(&upgraded.session).await.unwrap());
    assert!(!service.accepts(&upgraded.access_token).await);
    assert_eq!(
        service.refused(&upgraded.refresh_token).await,
        Kind::Invalid
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Any damage: nothing panics, nothing becomes 500, and no other session notices.
    #[test]
    fn any_damage_stays_within_its_session(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        rotated in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let service = Service::with(|builder| {
                let builder = builder.refresh_key(RefreshKey::new(1, [1; 32]));
                builder.max_sessions_per_subject(2)
            });
            let (mut damaged, healthy) = two(&service).await;
            if rotated {
                damaged = service.refresh(&damaged.refresh_token).await.unwrap();
            }
            damage(&service, &damaged.session, |data| {
                for (at, byte) in &edits {
                    let at = at.index(data.len());
                    data[at] = *byte;
                }
                if let Some(cut) = cut {
                    data.truncate(cut.index(data.len()));
                }
            }).await;
            let sessions = &service.sessions;
            let principal = service.principal(&damaged.access_token);
            service.pass(600);
            let allowed = |kind: Option<Kind>| !matches!(
                kind,
                Some(Kind::Misconfigured | Kind::TooLarge | Kind::ScopeExceeded)
            );
            let refreshed = service.refresh(&damaged.refresh_token).await;
            assert!(allowed(refreshed.err().map(|error| error.kind())));
            let renewed = sessions.renew(&principal).await;
            assert!(allowed(renewed.err().map(|error| error.kind())));
            let again = sessions.reauthenticated(&principal).await;
            assert!(allowed(again.err().map(|error| error.kind())));
            let healthy = service.refresh(&healthy.refresh_token).await.unwrap();
            sessions.devices("u-7", None).await.unwrap();
            let here = sessions.login(Login::new("u-7")).await.unwrap();
            sessions.logout(&damaged.session).await.unwrap();
            assert!(!service.accepts(&damaged.access_token).await);
            sessions.logout(&healthy.session).await.unwrap();
            assert!(service.refresh(&here.refresh_token).await.is_ok());
            sessions.logout_all("u-7").await.unwrap();
            assert!(sessions.devices("u-7", None).await.unwrap().is_empty());
        });
    }
}

/// Each value is JSON of the right type.
#[tokio::test]
async fn hostile_values_lock_nobody_out() {
    let far = 1_u64 << 39;
    for (member, value) in [
        ("earlier", json!(vec![(1, 64); 200])),
        ("earlier", json!([(u64::MAX, 64)])),
        ("late", json!({ "generation": 1, "at": u64::MAX })),
        ("late", json!({ "generation": u64::MAX, "at": 0 })),
        ("step_up", json!({ "generation": u64::MAX, "at": u64::MAX })),
        ("generation", json!(u64::MAX)),
        ("generation", json!(u64::MAX - 1)),
        ("rotated_at", json!(far)),
        ("auth_time", json!(far)),
        ("last_seen", json!(far)),
        ("created_at", json!(far)),
        ("cap", json!(far)),
        ("idle_until", json!(far)),
        ("issued", json!({ "last": far, "until": far + 900 })),
        ("issued", json!({ "last": 0, "until": 1 })),
        (
            "former",
            json!({ "jti": "", "issued_at": u64::MAX, "expires_at": u64::MAX, "scope": "" }),
        ),
        ("claims", json!({ "a": vec!["x"; 9_000] })),
        (
            "device",
            json!({ "user_agent": "\u{1}".repeat(4_000), "address": null, "name": null }),
        ),
        ("csrf", json!("x".repeat(30_000))),
        ("client_id", json!("x".repeat(30_000))),
    ] {
        for most in [1, 256] {
            let service = Service::with(|builder| {
                let builder = builder.refresh_key(RefreshKey::new(1, [1; 32]));
                let builder = builder
                    .revoke_former_access()
                    .max_revocations_per_subject(most);
                builder.max_sessions_per_subject(2)
            });
            let what = format!("{member} {most} {:.60}", value.to_string());
            let (damaged, healthy) = two(&service).await;
            let principal = service.principal(&damaged.access_token);
            damage(&service, &damaged.session, |data| {
                let mut body: serde_json::Value = serde_json::from_slice(data).unwrap();
                body[member] = value.clone();
                *data = serde_json::to_vec(&body).unwrap();
            })
            .await;
            let ok = |kind| matches!(kind, Kind::Invalid | Kind::Reuse);
            service.pass(600);
            let sessions = &service.sessions;
            sessions
                .renew(&principal)
                .await
                .unwrap_or_else(|e| panic!("{what}: renew {e}"));
            if let Err(error) = service.refresh(&damaged.refresh_token).await {
                assert!(ok(error.kind()), "{what}: refresh {error}");
            }
            service.refresh(&healthy.refresh_token).await.unwrap();
            for _ in 0..3 {
                sessions
                    .login(Login::new("u-7"))
                    .await
                    .unwrap_or_else(|e| panic!("{what}: login {e}"));
            }
            sessions
                .logout(&damaged.session)
                .await
                .unwrap_or_else(|e| panic!("{what}: logout {e}"));
            assert!(!service.accepts(&damaged.access_token).await, "{what}");
            sessions
                .logout_all("u-7")
                .await
                .unwrap_or_else(|e| panic!("{what}: all {e}"));
            service.pass(2);
            let again = sessions.login(Login::new("u-7")).await.unwrap();
            assert!(service.accepts(&again.access_token).await, "{what}: again");
        }
    }
}

#[tokio::test]
async fn a_session_with_the_last_revision_can_be_ended() {
    for revision in [0, u64::MAX - 1, u64::MAX] {
        let service = Service::new();
        let (damaged, _) = two(&service).await;
        let memory = &service.store.memory;
        let there = memory
            .load(&damaged.session, service.now())
            .await
            .unwrap()
            .unwrap();
        let next = StoredSession { revision, ..there };
        assert!(memory.replace(&next, 1, service.now()).await.unwrap());
        let refreshed = service.refresh(&damaged.refresh_token).await;
        assert!(refreshed.is_ok(), "{revision}: {refreshed:?}");
        let sessions = &service.sessions;
        assert!(
            sessions.logout(&damaged.session).await.unwrap(),
            "{revision}"
        );
        assert_eq!(sessions.logout_all("u-7").await.unwrap(), 1, "{revision}");
    }
}
