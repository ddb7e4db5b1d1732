//! Stored sessions that cannot be read.

use proptest::prelude::*;
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
