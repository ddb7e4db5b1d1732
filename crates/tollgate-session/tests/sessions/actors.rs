//! Tokens whose `act` names an actor: they end with the session of the actor.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{EndpointRequest, SigningKey};
use tollgate_session::{
    AccessToken, Continuation, ContinuedSession, CookieTransport, Issuer, Login, PseudonymKey,
    RefreshKey, RefreshRequest, SessionErrorKind as Kind, SessionId, SessionStore, SessionUpdate,
    Tokens,
};

use crate::fixture::{Fault, START, Service};

/// Returns the status of a request with the token; 200 if it is accepted.
async fn status(service: &Service, token: &str) -> u16 {
    let gate = service.sessions.gate().build().unwrap();
    let mut request = EndpointRequest::new("GET", "/orders");
    let credential = format!("Bearer {token}").into_bytes();
    request
        .headers
        .push(("authorization".to_owned(), credential));
    match gate.begin(&request).await {
        Ok(_) => 200,
        Err(refusal) => refusal.rejection().status(),
    }
}

fn acting(service: &Service, act: Value) -> String {
    let mut token = AccessToken::new("u-7");
    token.claims.insert("act".to_owned(), act);
    service.sessions.issuer().issue(&token).unwrap()
}

async fn actor(service: &Service) -> (Tokens, Value) {
    let tokens = service.sessions.login(Login::new("admin-1")).await.unwrap();
    let act = json!({"sub": "admin-1", "sid": tokens.session.to_string()});
    (tokens, act)
}

#[tokio::test]
async fn a_logout_of_the_actor_ends_the_token_on_every_instance() {
    let service = Service::new();
    let other = service.beside(|builder| builder.refresh_key(key()));
    let (tokens, act) = actor(&service).await;
    let token = acting(&service, act);
    assert_eq!(status(&service, &token).await, 200);
    assert_eq!(status(&other, &token).await, 200);
    assert!(service.sessions.logout(&tokens.session).await.unwrap());
    assert_eq!(status(&service, &token).await, 401);
    assert_eq!(status(&other, &token).await, 401);
}

#[tokio::test]
async fn a_logout_of_the_actor_everywhere_ends_the_token() {
    let service = Service::new();
    let (_, act) = actor(&service).await;
    let token = acting(&service, act);
    let by_subject = acting(&service, json!({"sub": "admin-1"}));
    let other = acting(&service, json!({"sub": "admin-2"}));
    let foreign = acting(
        &service,
        json!({"sub": "admin-1", "iss": "https://else.example"}),
    );
    service.pass(1);
    service.sessions.logout_all("admin-1").await.unwrap();
    assert_eq!(status(&service, &token).await, 401);
    assert_eq!(status(&service, &by_subject).await, 401);
    assert_eq!(status(&service, &other).await, 200);
    assert_eq!(status(&service, &foreign).await, 200);
}

#[tokio::test]
async fn a_logout_of_the_user_ends_the_token_and_not_the_actor() {
    let service = Service::new();
    let (tokens, act) = actor(&service).await;
    let token = acting(&service, act);
    service.pass(1);
    service.sessions.logout_all("u-7").await.unwrap();
    assert_eq!(status(&service, &token).await, 401);
    assert_eq!(status(&service, &tokens.access_token).await, 200);
}

#[tokio::test]
async fn a_malformed_actor_is_refused() {
    let service = Service::new();
    for act in [
        json!("admin-1"),
        json!({}),
        json!({"sub": ""}),
        json!([{"sub": "a"}]),
    ] {
        let token = acting(&service, act.clone());
        assert_eq!(status(&service, &token).await, 401, "{act}");
    }
    let token = acting(&service, Value::Null);
    assert_eq!(status(&service, &token).await, 200);
}

/// Logs in the admin, then the admin as the user.
async fn impersonated(service: &Service) -> (Tokens, Tokens) {
    let admin = service.sessions.login(Login::new("admin-1")).await.unwrap();
    let login = as_user(service, &admin);
    let tokens = service.sessions.login(login).await.unwrap();
    (admin, tokens)
}

fn as_user(service: &Service, admin: &Tokens) -> Login {
    Login::new("u-7").actor(&service.principal(&admin.access_token))
}

fn key() -> RefreshKey {
    RefreshKey::new(1, [1; 32])
}

#[tokio::test]
async fn everything_shows_the_actor() {
    let asked: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let service = Service::with(|builder| {
        builder
            .refresh_key(key())
            .on_continue(move |session: ContinuedSession| {
                let actor = session.actor().map(str::to_owned);
                heard.lock().unwrap().push(actor);
                async { Continuation::keep() }
            })
    });
    service.sessions.login(Login::new("u-7")).await.unwrap();
    let (admin, tokens) = impersonated(&service).await;
    let refreshed = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [Some("admin-1".to_owned())]);
    for token in [&tokens.access_token, &refreshed.access_token] {
        let act = json!({"sub": "admin-1", "sid": admin.session.to_string()});
        assert_eq!(service.principal(token).claim("act"), Some(act));
        assert_eq!(status(&service, token).await, 200);
    }
    let devices = service.sessions.devices("u-7", None).await.unwrap();
    let mut actors: Vec<_> = devices.into_iter().map(|device| device.actor).collect();
    actors.sort();
    assert_eq!(actors, [None, Some("admin-1".to_owned())]);
    let export = service.sessions.export("u-7").await.unwrap();
    let export = serde_json::to_value(export).unwrap();
    let mut sessions = export["sessions"].as_array().unwrap().iter();
    assert!(sessions.any(|session| session["actor"] == "admin-1"));
    let event = service.events.lock().unwrap().pop().unwrap();
    assert_eq!(
        (event.subject(), event.actor()),
        (Some("u-7"), Some("admin-1"))
    );
    assert!(!format!("{event:?}").contains("admin-1"));
    let pseudonyms = PseudonymKey::new(&[7; 32]);
    let hidden = serde_json::to_value(event.with_pseudonym(&pseudonyms)).unwrap();
    assert_eq!(hidden["actor_pseudonym"], pseudonyms.of("admin-1"));
    assert!(hidden.get("actor").is_none());
    let plain = serde_json::to_value(event.in_plain_text()).unwrap();
    assert_eq!(plain["actor"], "admin-1");
}

#[tokio::test]
async fn every_end_of_the_actors_session_ends_the_session_on_every_instance() {
    for end in ["logout", "all", "others", "device", "forget", "token"] {
        let service = Service::new();
        let other = service.beside(|builder| builder.refresh_key(key()));
        let (admin, tokens) = impersonated(&service).await;
        service.pass(1);
        let (sessions, id) = (&service.sessions, &admin.session);
        match end {
            "logout" => assert!(sessions.logout(id).await.unwrap()),
            "all" => assert_eq!(sessions.logout_all("admin-1").await.unwrap(), 1),
            "others" => {
                let keep = sessions.login(Login::new("admin-1")).await.unwrap();
                let ended = sessions.logout_others("admin-1", &keep.session).await;
                assert_eq!(ended.unwrap(), 1);
            }
            "device" => assert!(sessions.logout_device("admin-1", id).await.unwrap()),
            "forget" => assert_eq!(sessions.forget("admin-1").await.unwrap(), 1),
            _ => {
                let ended = sessions.logout_by_refresh_token(&admin.refresh_token).await;
                assert!(ended.unwrap());
            }
        }
        for instance in [&service, &other] {
            assert_eq!(status(instance, &tokens.access_token).await, 401, "{end}");
            let devices = instance.sessions.devices("u-7", None).await.unwrap();
            assert!(devices.is_empty(), "{end}");
        }
        service.pass(600);
        let principal = service.principal(&tokens.access_token);
        assert_eq!(
            other.sessions.renew(&principal).await.unwrap(),
            None,
            "{end}"
        );
        assert_eq!(other.events(), ["Ended"], "{end}");
        assert_eq!(service.refused(&tokens.refresh_token).await, Kind::Invalid);
    }
}

#[tokio::test]
async fn a_late_logout_of_the_actor_revokes_the_newest_token_until_its_end() {
    let service = Service::new();
    let other = service.beside(|builder| builder.refresh_key(key()));
    let (admin, tokens) = impersonated(&service).await;
    service.pass(890); // of the 900 seconds of the actor's own token
    let refreshed = other.refresh(&tokens.refresh_token).await.unwrap();
    let principal = service.principal(&refreshed.access_token);
    service.pass(700);
    let renewed = other.sessions.renew(&principal).await.unwrap().unwrap();
    assert!(service.sessions.logout(&admin.session).await.unwrap());
    for _ in 0..90 {
        service.pass(10);
        assert_eq!(status(&service, &renewed.access_token).await, 401);
        assert_eq!(status(&other, &renewed.access_token).await, 401);
    }
}

#[tokio::test]
async fn the_session_lives_no_longer_than_the_actors() {
    let service = Service::new();
    let login = Login::new("admin-1")
        .auth_time(START - 500)
        .idle_timeout(Duration::from_secs(600))
        .absolute_timeout(Duration::from_secs(1_000));
    let admin = service.sessions.login(login).await.unwrap();
    let tokens = service
        .sessions
        .login(as_user(&service, &admin))
        .await
        .unwrap();
    assert_eq!((tokens.expires_in, tokens.session_expires_in), (600, 1_000));
    let principal = service.principal(&tokens.access_token);
    assert_eq!(principal.claim("auth_time"), Some((START - 500).into()));
    // The use of the session is none of the actor's.
    service.pass(400);
    let refreshed = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(refreshed.expires_in, 200);
    let renewed = service.sessions.renew(&principal).await.unwrap();
    assert_eq!(renewed, None, "nothing is gained");
    service.refresh(&admin.refresh_token).await.unwrap();
    let renewed = service.sessions.renew(&principal).await.unwrap().unwrap();
    assert_eq!(renewed.expires_in, 600);
    service.pass(600);
    assert_eq!(
        service.refused(&refreshed.refresh_token).await,
        Kind::Invalid
    );
}

#[tokio::test]
async fn a_failure_of_the_store_changes_nothing() {
    let service = Service::new();
    let (admin, tokens) = impersonated(&service).await;
    service.store.fail(Fault::Down);
    let refused = service.refused(&tokens.refresh_token).await;
    assert_eq!(refused, Kind::Unavailable);
    let login = as_user(&service, &admin);
    let failed = service.sessions.login(login).await.unwrap_err();
    assert_eq!(failed.kind(), Kind::Unavailable);
    service.store.fail(None);
    service.store.fail_revocations(Fault::Down);
    let refused = service.refused(&tokens.refresh_token).await;
    assert_eq!(refused, Kind::Unavailable);
    service.store.fail_revocations(None);
    assert_eq!(
        service.sessions.devices("u-7", None).await.unwrap().len(),
        1
    );
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_of_the_actor_ends_concurrent_logins_refreshes_and_renewals() {
    let service = Service::new();
    for _ in 0..20 {
        let (admin, tokens) = impersonated(&service).await;
        let principal = service.principal(&tokens.access_token);
        service.pass(600);
        let calls: Vec<_> = (0..12)
            .map(|at| {
                let sessions = service.sessions.clone();
                let (principal, tokens) = (principal.clone(), tokens.clone());
                let login = as_user(&service, &admin);
                tokio::spawn(async move {
                    match at % 3 {
                        0 => sessions.login(login).await.ok().map(|it| it.access_token),
                        1 => {
                            let request = RefreshRequest::default();
                            let refreshed = sessions.refresh(&tokens.refresh_token, request).await;
                            refreshed.ok().map(|tokens| tokens.access_token)
                        }
                        _ => {
                            let renewed = sessions.renew(&principal).await.ok().flatten();
                            renewed.map(|renewed| renewed.access_token)
                        }
                    }
                })
            })
            .collect();
        assert!(service.sessions.logout(&admin.session).await.unwrap());
        for call in calls {
            if let Some(token) = call.await.unwrap() {
                assert_eq!(status(&service, &token).await, 401);
            }
        }
        assert!(service.refresh(&tokens.refresh_token).await.is_err());
        assert!(
            service
                .sessions
                .devices("u-7", None)
                .await
                .unwrap()
                .is_empty()
        );
        service.sessions.logout_all("u-7").await.unwrap();
        service.pass(1_000);
    }
}

#[tokio::test]
async fn an_actor_needs_a_live_session_of_its_own() {
    let service = Service::new();
    let (admin, tokens) = impersonated(&service).await;
    let kind = async |token: &str| {
        let login = Login::new("u-8").actor(&service.principal(token));
        service.sessions.login(login).await.unwrap_err().kind()
    };
    assert_eq!(kind(&tokens.access_token).await, Kind::Impersonated);
    let mut token = AccessToken::new("admin-1");
    let issue = |token: &AccessToken| service.sessions.issuer().issue(token).unwrap();
    assert_eq!(kind(&issue(&token)).await, Kind::Invalid);
    token.session = Some(SessionId::new([9; 16]));
    assert_eq!(kind(&issue(&token)).await, Kind::Invalid);
    token.session = Some(admin.session);
    token.subject = "admin-2".to_owned();
    assert_eq!(kind(&issue(&token)).await, Kind::Invalid);

    let foreign = Issuer::builder("https://else.example")
        .audience("orders-api")
        .signing_key(SigningKey::hs256([7; 32]).unwrap().with_kid("1"))
        .build()
        .unwrap();
    let mut token = AccessToken::new("admin-1");
    token.session = Some(admin.session);
    let verifier = foreign.verifier().build().unwrap();
    let principal = verifier.verify(foreign.issue(&token).unwrap()).unwrap();
    let login = Login::new("u-8").actor(&principal);
    let error = service.sessions.login(login).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);

    // A change to the roles of the actor revokes the token.
    service.pass(1);
    let update = SessionUpdate::new().roles(["clerk"]);
    service.sessions.update("admin-1", update).await.unwrap();
    assert_eq!(kind(&admin.access_token).await, Kind::Invalid);
    service.sessions.logout(&admin.session).await.unwrap();
    assert_eq!(kind(&admin.access_token).await, Kind::Invalid);
    let devices = service.sessions.devices("u-8", None).await.unwrap();
    assert!(devices.is_empty());
}

#[tokio::test]
async fn the_claim_is_set_by_the_actor_alone() {
    let service = Service::new();
    let act = json!({"sub": "admin-1"});
    let login = Login::new("u-7").claim("act", act.clone());
    let error = service.sessions.login(login).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Misconfigured);
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    for act in [act, Value::Null] {
        let update = SessionUpdate::new().claim("act", act);
        let error = service.sessions.update("u-7", update).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Misconfigured);
    }
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
    let builder = Issuer::builder("https://id.example.com").audience("orders-api");
    let builder = builder.signing_key(SigningKey::hs256([7; 32]).unwrap().with_kid("1"));
    assert!(builder.role_claim("act").build().is_err());
}

#[tokio::test]
async fn a_session_from_before_with_such_a_claim_goes_on() {
    let service = Service::new();
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    let memory = &service.store.memory;
    let stored = memory.load(&tokens.session, service.now()).await.unwrap();
    let mut stored = stored.unwrap();
    let mut body: Value = serde_json::from_slice(&stored.data).unwrap();
    assert!(body.get("actor").is_none());
    body["claims"] = json!({"act": {"sub": "admin-1"}});
    stored.data = serde_json::to_vec(&body).unwrap();
    stored.revision += 1;
    assert!(memory.replace(&stored, 1, service.now()).await.unwrap());
    let tokens = service.refresh(&tokens.refresh_token).await.unwrap();
    let principal = service.principal(&tokens.access_token);
    assert_eq!(principal.actor().unwrap().unwrap().subject(), "admin-1");
}

#[tokio::test]
async fn only_the_user_can_authenticate_again() {
    let service = Service::new();
    let (_, tokens) = impersonated(&service).await;
    let principal = service.principal(&tokens.access_token);
    let error = service
        .sessions
        .reauthenticated(&principal)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Impersonated);
    assert_eq!(error.answer().status, 403);
    assert!(service.refresh(&tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn an_actor_evicts_no_session_of_the_user() {
    let service = Service::with(|builder| {
        let builder = builder.refresh_key(key());
        builder.max_sessions_per_subject(2)
    });
    let own = [
        service.sessions.login(Login::new("u-7")).await.unwrap(),
        service.sessions.login(Login::new("u-7")).await.unwrap(),
    ];
    let (admin, first) = impersonated(&service).await;
    for _ in 0..2 {
        service.pass(1);
        let login = as_user(&service, &admin);
        service.sessions.login(login).await.unwrap();
    }
    assert_eq!(service.refused(&first.refresh_token).await, Kind::Invalid);
    for tokens in own {
        assert!(service.refresh(&tokens.refresh_token).await.is_ok());
    }
    assert_eq!(
        service.sessions.devices("u-7", None).await.unwrap().len(),
        4
    );
}

#[tokio::test]
async fn a_refresh_of_the_actor_keeps_the_token() {
    let service = Service::with(|builder| builder.refresh_key(key()).revoke_former_access());
    let other = service.beside(|builder| builder.refresh_key(key()));
    let (admin, tokens) = impersonated(&service).await;
    service.pass(5);
    let refreshed = service.refresh(&admin.refresh_token).await.unwrap();
    assert_eq!(status(&service, &admin.access_token).await, 401);
    for instance in [&service, &other] {
        assert_eq!(status(instance, &tokens.access_token).await, 200);
    }
    // An update of the actor does not; the next token is accepted in the same second.
    let update = SessionUpdate::new().roles(["clerk"]);
    service.sessions.update("admin-1", update).await.unwrap();
    assert_eq!(status(&service, &tokens.access_token).await, 401);
    let tokens = service.refresh(&tokens.refresh_token).await.unwrap();
    assert_eq!(status(&service, &tokens.access_token).await, 200);
    assert!(service.sessions.logout(&refreshed.session).await.unwrap());
    assert_eq!(status(&service, &tokens.access_token).await, 401);
}

#[tokio::test]
async fn a_login_with_the_cookies_of_the_actor_is_refused() {
    let service = Service::new();
    let own = CookieTransport::builder().build().unwrap();
    let request = EndpointRequest::new("POST", "/login");
    let admin = own.log_in(&service.sessions, Login::new("admin-1"), &request);
    let (admin, edits) = admin.await.unwrap();
    let mut request = EndpointRequest::new("POST", "/impersonate");
    for (_, line) in edits.iter() {
        let pair = line.split(|byte| *byte == b';').next().unwrap();
        request.headers.push(("cookie".to_owned(), pair.to_vec()));
    }
    let login = as_user(&service, &admin);
    let error = own.log_in(&service.sessions, login.clone(), &request);
    assert_eq!(error.await.unwrap_err().kind(), Kind::Misconfigured);
    assert_eq!(status(&service, &admin.access_token).await, 200);
    let second = CookieTransport::builder().access_name("as-access");
    let second = second.binding_name("as-session").refresh_name("as-refresh");
    let second = second.path("/as").build().unwrap();
    let begun = second.log_in(&service.sessions, login, &request).await;
    assert!(begun.is_ok());
    assert!(
        service.refresh(&admin.refresh_token).await.is_err(),
        "it is bound"
    );
    assert_eq!(status(&service, &admin.access_token).await, 200);
}
