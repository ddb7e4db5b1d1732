//! A store that is down, silent, full or corrupt.

use std::time::Duration;

use tollgate_session::{Login, RefreshKey, RefreshRequest, SessionErrorKind};

use crate::fixture::{Fault, QUICK, Service};

#[tokio::test(start_paused = true)]
async fn nothing_is_issued_while_the_store_fails_and_it_recovers() {
    for fault in [Fault::Down, Fault::Silent, Fault::Full, Fault::Rubbish] {
        let service = Service::with(|builder| {
            builder
                .refresh_key(RefreshKey::new(1, [1; 32]))
                .store_timeout(QUICK)
        });
        let sessions = &service.sessions;
        let tokens = sessions.login(Login::new("u-7")).await.unwrap();
        let principal = service.principal(&tokens.access_token);
        service.pass(600);
        service.events();
        service.store.fail(fault);
        let begun = tokio::time::Instant::now();
        let refreshed = sessions
            .refresh(&tokens.refresh_token, RefreshRequest::default())
            .await;
        let renewed = sessions.renew(&principal).await;
        let reauthenticated = sessions.reauthenticated(&principal).await;
        let devices = sessions.devices("u-7", None).await;
        if fault == Fault::Rubbish {
            // The sessions are damaged, not the store.
            for refused in [refreshed, reauthenticated] {
                assert_eq!(refused.unwrap_err().kind(), SessionErrorKind::Invalid);
            }
            assert_eq!((renewed, devices), (Ok(None), Ok(Vec::new())));
        } else {
            let failures = [
                refreshed.err(),
                renewed.err(),
                reauthenticated.err(),
                devices.err(),
                sessions.logout(&tokens.session).await.err(),
                sessions.logout_all("u-7").await.err(),
                sessions.login(Login::new("u-7")).await.err(),
            ];
            for failure in failures {
                assert!(failure.expect("it fails").is_unavailable(), "{fault:?}");
            }
        }
        assert!(
            begun.elapsed() <= 7 * (QUICK + Duration::from_millis(1)),
            "{fault:?}: {:?}",
            begun.elapsed()
        );
        assert!(service.events().is_empty(), "{fault:?}");

        service.store.fail(None);
        let tokens = service.refresh(&tokens.refresh_token).await.unwrap();
        assert!(service.accepts(&tokens.access_token).await, "{fault:?}");
        assert!(sessions.logout(&tokens.session).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rotation_whose_response_was_lost_is_repeated() {
    let service = Service::new();
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    service.pass(9);
    let again = service.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(
        (&again.refresh_token, &again.access_token),
        (&second.refresh_token, &second.access_token)
    );
    assert_eq!(service.events(), ["LoggedIn", "Refreshed", "Repeated"]);
    assert!(service.refresh(&again.refresh_token).await.is_ok());
}
