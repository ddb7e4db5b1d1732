//! Tokens whose `act` names an actor: they end with the session of the actor.

use serde_json::{Value, json};
use tollgate_core::EndpointRequest;
use tollgate_session::{AccessToken, Login, RefreshKey, Tokens};

use crate::fixture::Service;

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
    let other = service.beside(|builder| builder.refresh_key(RefreshKey::new(1, [1; 32])));
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
