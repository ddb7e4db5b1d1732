//! Concurrent operations on several threads.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Barrier;
use tollgate_session::{Login, RefreshKey, RefreshRequest};

use crate::fixture::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_refreshes_of_one_token_rotate_it_once() {
    const CALLERS: usize = 200;
    let service = Service::new();
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    let barrier = Arc::new(Barrier::new(CALLERS));
    let calls: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (sessions, barrier) = (service.sessions.clone(), Arc::clone(&barrier));
            let token = first.refresh_token.clone();
            tokio::spawn(async move {
                barrier.wait().await;
                sessions.refresh(&token, RefreshRequest::default()).await
            })
        })
        .collect();
    let mut held = HashSet::new();
    for call in calls {
        let tokens = call.await.unwrap().unwrap();
        held.insert((tokens.refresh_token, tokens.access_token));
    }
    assert_eq!(
        service.store.replaced.load(Ordering::SeqCst),
        1,
        "one rotation"
    );
    assert_eq!(held.len(), 1, "one successor");
    let events = service.events();
    assert_eq!(
        events.iter().filter(|event| *event == "Refreshed").count(),
        1
    );
    assert_eq!(
        events.iter().filter(|event| *event == "Repeated").count(),
        CALLERS - 1
    );
    let (refresh_token, access_token) = held.into_iter().next().unwrap();
    assert!(service.accepts(&access_token).await);
    assert!(service.refresh(&refresh_token).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_concurrent_logins_keep_the_session_limit() {
    let service = Service::with(|builder| {
        builder
            .refresh_key(RefreshKey::new(1, [1; 32]))
            .max_sessions_per_subject(5)
    });
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let sessions = service.sessions.clone();
            tokio::spawn(async move { sessions.login(Login::new("u-7")).await })
        })
        .collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
    assert_eq!(
        service.sessions.devices("u-7", None).await.unwrap().len(),
        5
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_ends_concurrent_refreshes_and_renewals() {
    let service = Service::new();
    for _ in 0..20 {
        let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
        let principal = service.principal(&tokens.access_token);
        service.pass(600);
        let calls: Vec<_> = (0..20)
            .map(|at| {
                let (sessions, principal, tokens) =
                    (service.sessions.clone(), principal.clone(), tokens.clone());
                tokio::spawn(async move {
                    if at % 2 == 0 {
                        let refreshed = sessions
                            .refresh(&tokens.refresh_token, RefreshRequest::default())
                            .await;
                        refreshed.ok().map(|tokens| tokens.access_token)
                    } else {
                        sessions
                            .renew(&principal)
                            .await
                            .unwrap()
                            .map(|renewed| renewed.access_token)
                    }
                })
            })
            .collect();
        assert!(service.sessions.logout(&tokens.session).await.unwrap());
        for call in calls {
            if let Some(token) = call.await.unwrap() {
                assert!(
                    !service.accepts(&token).await,
                    "a token is accepted after the logout"
                );
            }
        }
        assert!(service.refresh(&tokens.refresh_token).await.is_err());
    }
}
