//! Endpoints mounted in apps, and requests that never reach them.
#![allow(clippy::unwrap_used)]

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, Scope, web};
use tollgate_actix::EndpointService;
use tollgate_core::{Answer, BoxFuture, Endpoint, EndpointRequest};

/// An endpoint that echoes the request.
struct Mirror;

impl Endpoint for Mirror {
    fn respond(&self, request: EndpointRequest) -> BoxFuture<Answer> {
        Box::pin(async move {
            let mut answer = Answer::new(201);
            answer.append("set-cookie", "a=1");
            answer.append("set-cookie", "b=2");
            answer.append("x-broken", "a\r\nb");
            let custom: Vec<_> = request
                .headers
                .iter()
                .filter(|(name, _)| name == "x-a")
                .collect();
            answer.body = format!(
                "{} {} {:?} {custom:?} {:?} {:?}",
                request.method,
                request.path,
                request.query,
                request.remote_address,
                String::from_utf8_lossy(&request.content),
            )
            .into_bytes();
            answer
        })
    }

    fn content_limit(&self) -> usize {
        8
    }
}

fn endpoint(path: &str, mirror: Mirror) -> Scope {
    web::scope(path).service(EndpointService::new(mirror))
}

#[actix_web::test]
async fn the_endpoint_sees_the_whole_request() {
    let app = init_service(App::new().service(endpoint("/auth", Mirror))).await;
    let request = TestRequest::with_uri("/auth/a%2Fb/c%20?x=1")
        .method(Method::DELETE)
        .insert_header(("X-A", "1"))
        .peer_addr("192.0.2.7:4711".parse().unwrap())
        .set_payload("content")
        .to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status(), 201);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(!response.headers().contains_key("x-broken"));
    assert_eq!(
        to_bytes(response.into_body()).await.unwrap(),
        r#"DELETE /a%2Fb/c%20 Some("x=1") [("x-a", [49])] Some(192.0.2.7) "content""#
    );
}

#[actix_web::test]
async fn the_path_is_relative_to_the_scope() {
    let app = init_service(
        App::new()
            .service(web::scope("/v%201/{tenant}").service(endpoint("/auth", Mirror)))
            .service(endpoint("/auth", Mirror))
            .service(EndpointService::new(Mirror)),
    )
    .await;
    for (sent, seen) in [
        ("/auth", "/"),
        ("/auth/", "/"),
        ("/auth/login", "/login"),
        ("/auth/sessions/x%20y", "/sessions/x%20y"),
        ("/auth//login", "//login"),
        ("/authx/login", "/authx/login"),
        ("/other", "/other"),
        ("/", "/"),
        ("/auth/login/", "/login/"),
    ] {
        let response = call_service(&app, TestRequest::with_uri(sent).to_request()).await;
        let body = to_bytes(response.into_body()).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(body.split(' ').nth(1), Some(seen), "{sent}");
    }
}

#[actix_web::test]
async fn an_endpoint_within_a_scope() {
    let nested = web::scope("/v1/{tenant}").service(endpoint("/auth", Mirror));
    let app = init_service(App::new().service(nested)).await;
    for (sent, seen) in [
        ("/v1/a%2Fb/auth/login/x", "/login/x"),
        ("/v1/acme/auth", "/"),
    ] {
        let response = call_service(&app, TestRequest::with_uri(sent).to_request()).await;
        let body = to_bytes(response.into_body()).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(body.split(' ').nth(1), Some(seen), "{sent}");
    }
}

#[actix_web::test]
async fn content_over_the_limit_does_not_reach_the_endpoint() {
    let app = init_service(App::new().service(endpoint("/auth", Mirror))).await;
    for (content, status) in [("12345678", 201), ("123456789", 413)] {
        let request = TestRequest::post().uri("/auth/x").set_payload(content);
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status, "{content}");
        if status == 413 {
            assert_eq!(
                response.headers().get("content-type").unwrap(),
                "application/problem+json"
            );
            assert_eq!(response.headers().get("cache-control").unwrap(), "no-store");
        }
    }
}
