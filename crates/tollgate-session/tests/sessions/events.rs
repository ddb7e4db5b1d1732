//! Events for an audit log.

use serde_json::{Value, json};
use tollgate_core::{Endpoint, EndpointRequest};
use tollgate_session::{
    Device, Login, LoginFailure, LoginRefusal, PseudonymKey, RefreshKey, RefreshRequest,
    SessionEndpoints, SessionEvent, SessionEventKind as Event, Transport, event_stream,
};

use crate::fixture::{START, Service};

fn phone() -> Device {
    Device {
        address: Some("203.0.113.7".to_owned()),
        ..Device::default()
    }
}

fn key() -> RefreshKey {
    RefreshKey::new(1, [1; 32])
}

#[tokio::test]
async fn an_event_says_what_happened_to_whom() {
    let service = Service::new();
    let login = Login::new("u-7").device(phone());
    let tokens = service.sessions.login(login).await.unwrap();
    let event = service.events.lock().unwrap().pop().unwrap();
    assert_eq!((event.kind(), event.at()), (Event::LoggedIn, START));
    assert_eq!(event.subject(), Some("u-7"));
    assert_eq!(event.device(), &phone());
    let text = format!("{event:?} {:?}", event.in_plain_text());
    assert!(!text.contains("u-7") && !text.contains("203.0.113.7"));
    let json = |record| serde_json::to_value(record).unwrap();
    let plain = json!({
        "at": START,
        "event": "logged_in",
        "session": tokens.session.to_string(),
        "subject": "u-7",
        "transport": "json",
        "address": "203.0.113.7",
    });
    assert_eq!(json(event.in_plain_text()), plain);
    let key = PseudonymKey::new(&[7; 32]);
    let hidden: Value = json(event.with_pseudonym(&key));
    assert_eq!(hidden["pseudonym"], key.of("u-7"));
    assert!(hidden.get("subject").is_none() && hidden.get("address").is_none());

    service.sessions.forget("u-7").await.unwrap();
    let event = service.events.lock().unwrap().pop().unwrap();
    assert_eq!((event.kind(), event.session()), (Event::Forgotten, None));
    assert_eq!(event.subject(), Some("u-7"));
}

#[tokio::test]
async fn a_refused_refresh_is_an_event_without_a_subject() {
    let service = Service::new();
    let tokens = service.sessions.login(Login::new("u-7")).await.unwrap();
    service.sessions.logout(&tokens.session).await.unwrap();
    service.events();
    for (token, session) in [
        ("rubbish", None),
        (&*tokens.refresh_token, Some(tokens.session)),
    ] {
        let request = RefreshRequest {
            device: phone(),
            ..RefreshRequest::default()
        };
        assert!(service.sessions.refresh(token, request).await.is_err());
        let event = service.events.lock().unwrap().pop().unwrap();
        assert_eq!(
            (event.kind(), event.session()),
            (Event::RefreshRefused, session)
        );
        assert_eq!((event.subject(), event.device()), (None, &phone()));
    }
}

#[tokio::test]
async fn a_refused_login_is_an_event_with_its_reason() {
    for (failure, reason) in [
        (LoginFailure::refused(), Some(LoginRefusal::Credentials)),
        (LoginFailure::malformed(), Some(LoginRefusal::Malformed)),
        (
            LoginFailure::too_many_attempts(std::time::Duration::ZERO),
            Some(LoginRefusal::TooManyAttempts),
        ),
        (LoginFailure::unavailable(std::time::Duration::ZERO), None),
    ] {
        let service = Service::new();
        let endpoints = SessionEndpoints::builder(service.sessions.clone(), Transport::Json)
            .login(move |_| std::future::ready(Err(failure.clone())))
            .build()
            .unwrap();
        let mut request = EndpointRequest::new("POST", "/login");
        request
            .headers
            .push(("user-agent".to_owned(), b"Firefox".to_vec()));
        endpoints.respond(request).await;
        let event = service.events.lock().unwrap().pop();
        let kind = event.as_ref().map(SessionEvent::kind);
        assert_eq!(kind, reason.map(|reason| Event::LoginRefused { reason }));
        let agent = event.and_then(|event| event.device().user_agent.clone());
        assert_eq!(agent.as_deref(), reason.and(Some("Firefox")));
    }
}

#[tokio::test]
async fn a_slow_sink_loses_events_and_delays_no_request() {
    let (send, mut events) = event_stream(2);
    let service = Service::with(|builder| builder.refresh_key(key()).on_event(send));
    let first = service.sessions.login(Login::new("u-7")).await.unwrap();
    let second = service.refresh(&first.refresh_token).await.unwrap();
    service.sessions.logout(&second.session).await.unwrap();
    assert_eq!(events.lost(), 1);
    assert_eq!(events.next().await.unwrap().kind(), Event::LoggedIn);
    service.sessions.login(Login::new("u-8")).await.unwrap();
    events.close();
    service.sessions.login(Login::new("u-9")).await.unwrap();
    assert_eq!(events.next().await.unwrap().kind(), Event::Refreshed);
    assert_eq!(events.next().await.unwrap().subject(), Some("u-8"));
    assert!(events.next().await.is_none(), "closed");
    assert_eq!(events.lost(), 2);
}

#[tokio::test]
async fn a_stream_ends_after_the_last_event_of_dropped_sessions() {
    let (send, mut events) = event_stream(0);
    let service = Service::with(|builder| builder.refresh_key(key()).on_event(send));
    service.sessions.login(Login::new("u-7")).await.unwrap();
    drop(service);
    assert_eq!(events.next().await.unwrap().kind(), Event::LoggedIn);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_callback_that_panics_harms_neither_the_request_nor_the_other_callbacks() {
    let (send, mut stream) = event_stream(8);
    let service = Service::with(|builder| {
        let builder = builder.refresh_key(key());
        builder.on_event(|_| panic!("no sink")).on_event(send)
    });
    let sessions = service.sessions.clone();
    let work = tokio::spawn(async move {
        let tokens = sessions.login(Login::new("u-7")).await.unwrap();
        let tokens = sessions.refresh(&tokens.refresh_token, RefreshRequest::default());
        tokens.await.unwrap()
    });
    work.await.unwrap();
    assert_eq!(stream.next().await.unwrap().kind(), Event::LoggedIn);
    assert_eq!(stream.next().await.unwrap().kind(), Event::Refreshed);
}
