//! Forms of pages at the session endpoints, and the hook for refused requests.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::Value;
use tollgate_core::{Algorithm, Answer, Endpoint, EndpointRequest, UnreadContent};
use tollgate_session::{
    CookieTransport, Issuer, Login, LoginFailure, LoginRequest, MemoryStore, RefreshKey,
    SessionEndpoints, SessionEndpointsBuilder, Sessions, Transport,
};
use tollgate_testkit::{FakeClock, keys};

const URL: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=XX";

async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let form: BTreeMap<String, String> = request.form()?;
    match form.get("password").map(String::as_str) {
        Some("right") => Ok(Login::new("u-1")),
        _ => Err(LoginFailure::refused()),
    }
}

fn endpoints(
    change: impl FnOnce(SessionEndpointsBuilder) -> SessionEndpointsBuilder,
) -> SessionEndpoints {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(Algorithm::HS256))
        .clock(FakeClock::new())
        .build()
        .unwrap();
    let sessions = Sessions::builder(issuer, MemoryStore::default())
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .build()
        .unwrap();
    let cookies = Transport::Cookie(CookieTransport::builder().build().unwrap());
    let builder = SessionEndpoints::builder(sessions, cookies).login(login);
    change(builder.login_page("/login?lang=de"))
        .build()
        .unwrap()
}

fn form(path: &str, content_type: &str, content: &str) -> EndpointRequest {
    let mut request = EndpointRequest::new("POST", path);
    if let Some((path, query)) = path.split_once('?') {
        request = EndpointRequest::new("POST", path);
        request.query = Some(query.to_owned());
    }
    content.as_bytes().clone_into(&mut request.content);
    let request = with(request, "content-type", content_type);
    let request = with(request, "sec-fetch-site", "same-origin");
    with(request, "sec-fetch-mode", "navigate")
}

fn with(mut request: EndpointRequest, name: &str, value: &str) -> EndpointRequest {
    let value = value.as_bytes().to_vec();
    request.headers.push((name.to_owned(), value));
    request
}

fn location(answer: &Answer) -> Option<&str> {
    assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
    (answer.status == 303).then(|| std::str::from_utf8(answer.header("location").unwrap()).unwrap())
}

fn code(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["status"], answer.status);
    let code = body["code"].as_str().unwrap();
    let guide = include_str!("../../../docs/guide/answers.md");
    assert!(guide.contains(&format!("| `{code}` |")), "{code}");
    code.to_owned()
}

/// The cookies of a login, and the CSRF token.
async fn logged_in(endpoints: &SessionEndpoints) -> (String, String) {
    let answer = endpoints
        .respond(form("/login", URL, "password=right"))
        .await;
    assert_eq!(location(&answer), Some("/"));
    assert!(answer.body.is_empty());
    let cookies = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let pairs = cookies.map(|(_, value)| {
        let value = std::str::from_utf8(value).unwrap();
        value.split(';').next().unwrap().to_owned()
    });
    let cookies = pairs.collect::<Vec<_>>().join("; ");
    let session = with(EndpointRequest::new("GET", "/session"), "cookie", &cookies);
    let answer = endpoints.respond(session).await;
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    (cookies, body["csrf_token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_login_by_a_form_redirects() {
    let endpoints = endpoints(|builder| builder);
    let to = async |path: &str, content_type: &str, content: &str| {
        let answer = endpoints.respond(form(path, content_type, content)).await;
        location(&answer).unwrap().to_owned()
    };
    assert_eq!(
        to("/login?return_to=/a%3Fb", URL, "password=right").await,
        "/a?b"
    );
    assert_eq!(
        to("/login", URL, "password=right&return_to=%2Fa").await,
        "/a"
    );
    for hostile in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "%2F%0D%0Aa",
    ] {
        let content = format!("password=right&return_to={hostile}");
        assert_eq!(to("/login", URL, &content).await, "/", "{hostile}");
    }
    let multipart = "--XX\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nright\r\n\
                     --XX--\r\n";
    assert_eq!(to("/login", PARTS, multipart).await, "/");
    assert_eq!(
        to("/login?return_to=/a", URL, "user=%3Cb%3E&password=x").await,
        "/login?lang=de&error=wrong_credentials&return_to=/a"
    );
    assert_eq!(
        to("/login", URL, "a=1&a=2").await,
        "/login?lang=de&error=malformed_content"
    );
    let file = multipart.replace("\"password\"", "\"password\"; filename=\"x\"");
    assert_eq!(
        to("/login", PARTS, &file).await,
        "/login?lang=de&error=malformed_content"
    );
}

#[tokio::test]
async fn scripts_and_other_sites_get_no_redirect() {
    let endpoints = endpoints(|builder| builder);
    let mut script = form("/login", URL, "password=x");
    script.headers.pop();
    let answer = endpoints.respond(script.clone()).await;
    assert_eq!((answer.status, &*code(&answer)), (401, "wrong_credentials"));
    assert!(answer.header("www-authenticate").is_some());
    script.content = b"password=right".to_vec();
    assert_eq!(endpoints.respond(script).await.status, 200);
    let mut foreign = form("/login", URL, "password=right");
    foreign.headers[1].1 = b"cross-site".to_vec();
    let answer = endpoints.respond(foreign).await;
    assert_eq!(location(&answer), Some("/login?lang=de&error=cross_site"));
    assert_eq!(answer.header("set-cookie"), None);
    let plain = endpoints
        .respond(form("/login", "text/plain", "password=right"))
        .await;
    assert_eq!(
        (plain.status, &*code(&plain)),
        (415, "unsupported_content_type")
    );
}

#[tokio::test]
async fn a_logout_by_a_form_needs_the_token() {
    let endpoints = endpoints(|builder| builder);
    let (cookies, token) = logged_in(&endpoints).await;
    let send = async |path: &str, content: &str| {
        let request = with(form(path, URL, content), "cookie", &cookies);
        endpoints.respond(request).await
    };
    for (path, content) in [
        ("/logout".to_owned(), String::new()),
        ("/logout".to_owned(), "csrf_token=x".to_owned()),
        (
            "/logout".to_owned(),
            format!("csrf_token={token}&csrf_token={token}"),
        ),
        (format!("/logout?csrf_token={token}"), String::new()),
        ("/sessions/logout-all".to_owned(), String::new()),
    ] {
        let answer = send(&path, &content).await;
        assert_eq!(answer.status / 100, 4, "{path} {content}");
        assert_eq!(answer.header("set-cookie"), None);
    }
    let token = format!("csrf_token={token}");
    let others = send(
        "/sessions/logout-others",
        &format!("{token}&return_to=/devices"),
    )
    .await;
    assert_eq!(location(&others), Some("/devices"));
    let answer = send("/logout", &token).await;
    assert_eq!(location(&answer), Some("/login?lang=de"));
    assert!(answer.header("set-cookie").is_some());
}

#[tokio::test]
async fn a_form_ends_another_session() {
    let endpoints = endpoints(|builder| builder);
    let (cookies, token) = logged_in(&endpoints).await;
    let list = with(EndpointRequest::new("GET", "/sessions"), "cookie", &cookies);
    let body: Value = serde_json::from_slice(&endpoints.respond(list).await.body).unwrap();
    let id = body["sessions"][0]["id"].as_str().unwrap();
    let path = format!("/sessions/{id}/logout");
    let content = format!("csrf_token={token}");
    let request = with(form(&path, URL, &content), "cookie", &cookies);
    assert_eq!(location(&endpoints.respond(request).await), Some("/"));
}

#[tokio::test]
async fn every_refusal_goes_through_the_hook() {
    let endpoints = endpoints(|builder| {
        builder.on_refusal(|refusal, answer| {
            answer.set("x-code", refusal.code());
            if refusal.is_form() && refusal.code() == "wrong_credentials" {
                answer.set("content-type", "text/html");
                answer.body = format!("to {:?}", refusal.return_to()).into_bytes();
            }
        })
    });
    let seen =
        |answer: &Answer| String::from_utf8(answer.header("x-code").unwrap().into()).unwrap();
    let page = endpoints
        .respond(form("/login?return_to=/a", URL, "password=x"))
        .await;
    assert_eq!(
        (page.status, &page.body[..]),
        (401, &b"to Some(ReturnTo(\"/a\"))"[..])
    );
    for (method, path, wanted) in [
        ("GET", "/nowhere", (404, "not_found")),
        ("GET", "/login", (405, "method_not_allowed")),
        ("GET", "/session", (401, "missing_credential")),
        ("POST", "/login", (403, "cross_site")),
        ("GET", "/resume", (404, "not_found")),
    ] {
        let answer = endpoints.respond(EndpointRequest::new(method, path)).await;
        assert_eq!((answer.status, &*code(&answer)), wanted, "{path}");
        assert_eq!(seen(&answer), wanted.1);
    }
    let refresh = with(
        EndpointRequest::new("POST", "/refresh"),
        "sec-fetch-site",
        "same-origin",
    );
    let answer = endpoints.respond(refresh).await;
    assert_eq!(
        (answer.status, &*code(&answer)),
        (400, "missing_refresh_token")
    );
    for (reason, wanted) in [
        (UnreadContent::TooLarge, (413, "content_too_large")),
        (UnreadContent::TooSlow, (408, "content_too_slow")),
        (UnreadContent::Broken, (400, "broken_content")),
    ] {
        let answer = endpoints.respond_unread(&EndpointRequest::new("POST", "/refresh"), reason);
        assert_eq!((answer.status, &*code(&answer)), wanted);
        assert_eq!(seen(&answer), wanted.1);
        assert_eq!(answer.header("connection"), Some(&b"close"[..]));
    }
}
