//! The session endpoints with both transports, including attacks.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::{Algorithm, Answer, ConfigErrorKind as Kind, Endpoint, EndpointRequest};
use tollgate_session::{
    Continuation, CookieTransport, Device, Issuer, Login, LoginFailure, LoginRequest, MemoryStore,
    Position, RefreshKey, Revocation, RevocationFeed, RevocationKey, RevocationSnapshot,
    RevocationStore, SameSite, SessionEndpoints, SessionEndpointsBuilder, SessionErrorKind,
    SessionStore, SessionUpdate, Sessions, StoreError, StoreErrorKind, StoreFuture, StoredSession,
    Transport,
};
use tollgate_testkit::{FakeClock, keys};

/// A store in memory whose sessions can become unavailable.
#[derive(Clone)]
struct Store {
    memory: Arc<MemoryStore>,
    down: Arc<AtomicBool>,
}

impl Store {
    fn unless_down<'a, T: 'a>(&self, later: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.down.load(Ordering::Relaxed) {
            return Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "down")) });
        }
        later
    }
}

impl SessionStore for Store {
    fn insert<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.unless_down(self.memory.insert(session, now))
    }
    fn load<'a>(
        &'a self,
        id: &'a tollgate_session::SessionId,
        now: u64,
    ) -> StoreFuture<'a, Option<StoredSession>> {
        self.unless_down(self.memory.load(id, now))
    }
    fn replace<'a>(
        &'a self,
        session: &'a StoredSession,
        expected: u64,
        now: u64,
    ) -> StoreFuture<'a, bool> {
        self.unless_down(self.memory.replace(session, expected, now))
    }
    fn of_subject<'a>(
        &'a self,
        subject: &'a str,
        most: usize,
        now: u64,
    ) -> StoreFuture<'a, Vec<StoredSession>> {
        self.unless_down(self.memory.of_subject(subject, most, now))
    }
    fn confirm<'a>(&'a self, session: &'a StoredSession, now: u64) -> StoreFuture<'a, bool> {
        self.unless_down(self.memory.confirm(session, now))
    }
}

impl RevocationStore for Store {
    fn revoke<'a>(&'a self, entries: &'a [Revocation], now: u64) -> StoreFuture<'a, ()> {
        self.memory.revoke(entries, now)
    }
    fn find<'a>(&'a self, keys: &'a [RevocationKey], now: u64) -> StoreFuture<'a, Vec<Revocation>> {
        self.memory.find(keys, now)
    }
    fn snapshot(&self, now: u64) -> StoreFuture<'_, RevocationSnapshot> {
        self.memory.snapshot(now)
    }
    fn position(&self) -> StoreFuture<'_, Position> {
        self.memory.position()
    }
    fn changes(&self, after: Position, now: u64) -> StoreFuture<'_, Option<RevocationSnapshot>> {
        self.memory.changes(after, now)
    }
    fn feed(&self) -> StoreFuture<'_, Box<dyn RevocationFeed>> {
        self.memory.feed()
    }
}

/// Logs in any user with the password `correct horse`. Other names select a failure.
async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let sent: BTreeMap<String, String> = request.read()?;
    match (
        sent.get("user").map(String::as_str),
        sent.get("password").map(String::as_str),
    ) {
        (Some("flood"), _) => Err(LoginFailure::too_many_attempts(Duration::from_secs(30))),
        (Some("down"), _) => Err(LoginFailure::unavailable(Duration::ZERO)),
        (Some("custom"), _) => Err(Answer::new(418).into()),
        (Some("broken"), _) => Ok(Login::new("u-1").claim("iss", "x")),
        (Some("large"), _) => Ok(Login::new("u-1").claim("x", "x".repeat(4096))),
        (Some("named"), _) => {
            let name = Some("the phone".to_owned());
            Ok(Login::new("u-1").device(Device {
                name,
                ..Device::default()
            }))
        }
        (Some("public"), _) => Ok(Login::new("u-1").browser_session()),
        (Some(user), Some("correct horse")) => Ok(Login::new(user).scope("a b")),
        _ => Err(LoginFailure::refused()),
    }
}

struct World {
    clock: FakeClock,
    store: Store,
    sessions: Sessions,
    endpoints: SessionEndpoints,
}

fn world_with(
    transport: Transport,
    change: impl FnOnce(SessionEndpointsBuilder) -> SessionEndpointsBuilder,
) -> World {
    let clock = FakeClock::new();
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(Algorithm::HS256))
        .clock(clock.clone())
        .build()
        .unwrap();
    let store = Store {
        memory: Arc::new(MemoryStore::default()),
        down: Arc::default(),
    };
    let sessions = Sessions::builder(issuer, store.clone())
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .build()
        .unwrap();
    let builder = SessionEndpoints::builder(sessions.clone(), transport).login(login);
    let endpoints = change(builder).build().unwrap();
    World {
        clock,
        store,
        sessions,
        endpoints,
    }
}

fn json_world() -> World {
    world_with(Transport::Json, |builder| builder)
}

fn cookie_world() -> World {
    let cookies = CookieTransport::builder().build().unwrap();
    world_with(Transport::Cookie(cookies), |builder| {
        builder.gate(|gate| gate.trusted_origin("https://app.example.com"))
    })
}

/// A request whose response is checked against the rules for all responses.
struct Call(EndpointRequest);

impl Call {
    fn new(method: &str, path: &str) -> Self {
        Self(EndpointRequest::new(method, path))
    }

    fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0
            .headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    fn content(mut self, content_type: &str, content: impl AsRef<[u8]>) -> Self {
        self.0.content = content.as_ref().to_vec();
        self.with("content-type", content_type)
    }

    fn json(self, content: &Value) -> Self {
        self.content("application/json", content.to_string())
    }

    fn same_origin(self) -> Self {
        self.with("sec-fetch-site", "same-origin")
    }

    async fn to(self, world: &World) -> Answer {
        let head = self.0.method == "HEAD";
        let answer = world.endpoints.respond(self.0).await;
        assert_eq!(
            answer.header("cache-control"),
            Some(&b"no-store"[..]),
            "no response may be stored"
        );
        if answer.status >= 400 && answer.status != 418 && !head {
            let body = body(&answer);
            assert_eq!(
                answer.header("content-type"),
                Some(&b"application/problem+json"[..])
            );
            assert_eq!(body["status"], answer.status);
        }
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some());
        }
        for (name, value) in &answer.headers {
            assert!(
                !value.iter().any(u8::is_ascii_control),
                "the field {name} contains a control character"
            );
        }
        answer
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| panic!("a response {} without JSON content", answer.status))
}

fn error(answer: &Answer) -> (u16, String) {
    let error = body(answer)["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status, error)
}

fn set_cookies(answer: &Answer) -> Vec<String> {
    let lines = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    // The cookie of the device belongs to no session.
    let lines = lines.filter(|(_, value)| !value.starts_with(b"__Host-session-device="));
    lines
        .map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
        .collect()
}

/// The cookies that a browser sends, and the CSRF token of the page.
struct Browser {
    cookies: String,
    csrf: String,
}

impl Browser {
    fn of(answer: &Answer) -> Self {
        let pairs: Vec<_> = set_cookies(answer)
            .iter()
            .map(|line| line.split(';').next().unwrap().to_owned())
            .collect();
        assert_eq!(pairs.len(), 3, "all cookies are set together");
        Self {
            cookies: pairs.join("; "),
            csrf: body(answer)["csrf_token"].as_str().unwrap().to_owned(),
        }
    }

    async fn log_in(world: &World) -> Self {
        Self::of(&log_in(world).await)
    }

    /// The cookies after the response to a refresh.
    fn refreshed(&self, answer: &Answer) -> Self {
        let lines = set_cookies(answer);
        assert_eq!(lines.len(), 2, "the binding cookie stays");
        let mut pairs: Vec<_> = self.cookies.split("; ").map(str::to_owned).collect();
        for (at, line) in [0, 2].into_iter().zip(lines) {
            line.split(';').next().unwrap().clone_into(&mut pairs[at]);
        }
        Self {
            cookies: pairs.join("; "),
            csrf: body(answer)["csrf_token"].as_str().unwrap().to_owned(),
        }
    }

    /// The cookies that remain after the access cookie has expired.
    fn lasting_cookies(&self) -> &str {
        self.cookies.split_once("; ").unwrap().1
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, path)
            .with("cookie", &self.cookies)
            .with("x-csrf-token", &self.csrf)
            .same_origin()
    }
}

fn credentials() -> Value {
    json!({"user": "alice", "password": "correct horse"})
}

async fn log_in(world: &World) -> Answer {
    let answer = Call::new("POST", "/login")
        .json(&credentials())
        .same_origin()
        .to(world)
        .await;
    assert_eq!(answer.status, 200);
    answer
}

/// Logs in by JSON and returns the access and the refresh token.
async fn tokens(world: &World) -> (String, String) {
    let body = body(&log_in(world).await);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

async fn devices(world: &World) -> usize {
    world.sessions.devices("alice", None).await.unwrap().len()
}

#[tokio::test]
async fn the_json_response_has_the_oauth_members() {
    let world = json_world();
    let answer = log_in(&world).await;
    let got = body(&answer);
    assert_eq!(
        (&got["token_type"], &got["expires_in"], &got["scope"]),
        (&json!("Bearer"), &json!(900), &json!("a b"))
    );
    assert_eq!(
        answer.header("content-type"),
        Some(&b"application/json"[..])
    );
    assert!(set_cookies(&answer).is_empty());

    let refresh = got["refresh_token"].as_str().unwrap();
    for call in [
        Call::new("POST", "/refresh").json(&json!({"refresh_token": refresh, "unknown": 1})),
        Call::new("POST", "/refresh").content(
            "application/x-www-form-urlencoded",
            format!("grant_type=refresh_token&refresh_token={refresh}&scope="),
        ),
    ] {
        let again = call.to(&world).await;
        assert_eq!(again.status, 200);
        assert_ne!(body(&again)["refresh_token"], got["refresh_token"]);
    }
}

#[tokio::test]
async fn a_refresh_can_reduce_scope_and_not_extend_it() {
    let world = json_world();
    let (_, refresh) = tokens(&world).await;
    let call = |scope: &str| {
        Call::new("POST", "/refresh").json(&json!({"refresh_token": refresh, "scope": scope}))
    };
    assert_eq!(
        error(&call("a c").to(&world).await),
        (400, "invalid_scope".to_owned())
    );
    assert_eq!(body(&call("a").to(&world).await)["scope"], "a");
}

#[tokio::test]
async fn an_ended_session_is_an_invalid_grant() {
    let world = json_world();
    let (access, refresh) = tokens(&world).await;
    let call = |token: &str| Call::new("POST", "/refresh").json(&json!({"refresh_token": token}));
    for token in ["x", &access, "\u{0}", &"x".repeat(5_000), &refresh[1..]] {
        assert_eq!(
            error(&call(token).to(&world).await),
            (400, "invalid_grant".to_owned())
        );
    }
    assert_eq!(call(&refresh).to(&world).await.status, 200);
    world.clock.advance(3600);
    let reused = call(&refresh).to(&world).await;
    assert_eq!(error(&reused), (400, "invalid_grant".to_owned()));
    assert_eq!(devices(&world).await, 0, "reuse ends the session");
}

#[tokio::test]
async fn access_and_refresh_tokens_are_not_interchangeable() {
    let world = json_world();
    let (access, refresh) = tokens(&world).await;
    let as_refresh = Call::new("POST", "/refresh").json(&json!({"refresh_token": access}));
    assert_eq!(error(&as_refresh.to(&world).await).1, "invalid_grant");
    let as_access =
        Call::new("GET", "/sessions").with("authorization", format!("Bearer {refresh}"));
    assert_eq!(as_access.to(&world).await.status, 401);
}

#[tokio::test]
async fn a_failed_login_reveals_nothing_else() {
    let world = cookie_world();
    for (sent, status) in [
        (json!({"user": "alice", "password": "guess"}), 401),
        (json!({"user": "nobody", "password": "guess"}), 401),
        (json!({"user": "flood"}), 429),
        (json!({"user": "down"}), 503),
        (json!({"user": "custom"}), 418),
        (json!({"user": 5}), 400),
        (json!([]), 400),
        (json!({"user": "broken"}), 500),
    ] {
        let answer = Call::new("POST", "/login")
            .json(&sent)
            .same_origin()
            .to(&world)
            .await;
        assert_eq!(answer.status, status, "{sent}");
        assert!(set_cookies(&answer).is_empty());
        if status == 401 {
            assert!(answer.header("www-authenticate").is_some());
        }
    }
}

#[tokio::test]
async fn no_session_begins_if_browsers_drop_its_cookies() {
    let world = cookie_world();
    let answer = Call::new("POST", "/login")
        .json(&json!({"user": "large"}))
        .same_origin()
        .to(&world)
        .await;
    assert_eq!(answer.status, 500);
    assert!(set_cookies(&answer).is_empty());
    assert!(
        world
            .sessions
            .devices("u-1", None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn malformed_content_is_a_client_error() {
    for world in [json_world(), cookie_world()] {
        for path in ["/login", "/refresh", "/logout"] {
            for (content_type, content, status) in [
                ("application/json", "{", 400),
                ("application/json", "[]", 400),
                ("application/json", "null", 400),
                (
                    "application/json",
                    "{\"refresh_token\": 5, \"user\": []}",
                    400,
                ),
                (
                    "application/json",
                    "{\"refresh_token\":\"a\",\"refresh_token\":\"b\"}",
                    400,
                ),
                ("application/json", "{\"x\":{\"a\":1,\"a\":1}}", 400),
                ("application/json", "\u{1}", 400),
                (
                    "application/x-www-form-urlencoded",
                    "refresh_token=a&refresh_token=b",
                    400,
                ),
                (
                    "application/x-www-form-urlencoded",
                    "refresh_token=%zz",
                    400,
                ),
                ("text/plain", "{}", 415),
                ("application/json; charset=latin1", "{}", 415),
                ("", "{}", 415),
            ] {
                let call = Call::new("POST", path)
                    .content(content_type, content)
                    .same_origin();
                let answer = call.to(&world).await;
                assert_eq!(answer.status, status, "{path} {content_type} {content}");
                assert!(set_cookies(&answer).is_empty());
            }
            let mut untyped = Call::new("POST", path).same_origin();
            untyped.0.content = b"{}".to_vec();
            assert_eq!(untyped.to(&world).await.status, 415);
            let large =
                Call::new("POST", path).content("application/json", " ".repeat(16 * 1024 + 1));
            assert_eq!(large.same_origin().to(&world).await.status, 413);
        }
    }
    let world = json_world();
    for (content_type, content, wanted) in [
        ("application/json", "{}", "invalid_request"),
        (
            "application/json",
            "{\"refresh_token\": \"\"}",
            "invalid_request",
        ),
        (
            "application/json",
            "{\"refresh_token\": \"a\", \"grant_type\": \"password\"}",
            "unsupported_grant_type",
        ),
        (
            "application/x-www-form-urlencoded",
            "refresh_token=a",
            "invalid_request",
        ),
        (
            "application/x-www-form-urlencoded",
            "refresh_token=a&grant_type=password",
            "unsupported_grant_type",
        ),
    ] {
        let answer = Call::new("POST", "/refresh")
            .content(content_type, content)
            .to(&world)
            .await;
        assert_eq!(error(&answer), (400, wanted.to_owned()), "{content}");
    }
}

#[tokio::test]
async fn the_time_for_content_has_bounds() {
    let world = json_world();
    assert_eq!(world.endpoints.content_timeout(), Duration::from_secs(10));
    for (millis, accepted) in [
        (0, false),
        (999, false),
        (1000, true),
        (300_000, true),
        (300_001, false),
    ] {
        let built = SessionEndpoints::builder(world.sessions.clone(), Transport::Json)
            .login(login)
            .content_timeout(Duration::from_millis(millis))
            .build();
        assert_eq!(built.is_ok(), accepted, "{millis} ms");
    }
}

#[tokio::test]
async fn paths_and_methods_are_exact() {
    let world = json_world();
    for path in [
        "",
        "/",
        "/Login",
        "/login/",
        "//login",
        "/sessions/",
        "/sessions/x",
        "/sessions/logout-all/",
        "/sessions/AAECAwQFBgcICQoLDA0ODx",
        "/session/x",
        "/login%20",
        "/sessions/../login",
    ] {
        assert_eq!(
            Call::new("POST", path).to(&world).await.status,
            404,
            "{path}"
        );
    }
    for (method, path, allow) in [
        ("GET", "/login", "POST"),
        ("GET", "/refresh", "POST"),
        ("HEAD", "/logout", "POST"),
        ("OPTIONS", "/login", "POST"),
        ("post", "/login", "POST"),
        ("POST", "/session", "GET, HEAD"),
        ("DELETE", "/sessions", "GET, HEAD"),
        ("GET", "/sessions/AAECAwQFBgcICQoLDA0ODw", "DELETE"),
        ("GET", "/sessions/logout-all", "POST"),
        ("PUT", "/sessions/logout-others", "POST"),
    ] {
        let answer = Call::new(method, path).to(&world).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allow.as_bytes())),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn all_cookies_are_set_and_the_content_has_no_token() {
    let world = cookie_world();
    let answer = log_in(&world).await;
    let lines = set_cookies(&answer);
    assert!(
        lines[0].starts_with("__Host-access=ey")
            && lines[0].ends_with("; Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax")
    );
    assert!(
        lines[1].starts_with("__Host-session=")
            && lines[1].ends_with("; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax")
    );
    assert!(
        lines[2].starts_with("__Secure-refresh=")
            && lines[2].contains("; Path=/auth; ")
            && lines[2].ends_with("; Secure; HttpOnly; SameSite=Lax")
    );
    let text = String::from_utf8(answer.body.clone()).unwrap();
    for line in &lines {
        let value = line.split(['=', ';']).nth(1).unwrap();
        assert!(!text.contains(value));
    }
    let got = body(&answer);
    assert_eq!(got["expires_in"], 900);
    assert!(got.get("access_token").is_none() && got.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_browser_refreshes_by_its_cookie() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let call = || {
        Call::new("POST", "/refresh")
            .with("cookie", browser.lasting_cookies())
            .same_origin()
    };
    let answer = call().to(&world).await;
    assert_eq!(answer.status, 200);
    let after = browser.refreshed(&answer);
    assert_ne!(after.lasting_cookies(), browser.lasting_cookies());
    // The other tab comes a moment later and gets the same tokens.
    let again = browser.refreshed(&call().to(&world).await);
    assert_eq!(again.lasting_cookies(), after.lasting_cookies());
    let less = call().json(&json!({"scope": "a"})).to(&world).await;
    assert_eq!(less.status, 200);
    // A token in the content is refused with this transport, as a page must not have it.
    let mixed = call().json(&json!({"refresh_token": "x"})).to(&world).await;
    assert_eq!(mixed.status, 400);
}

#[tokio::test]
async fn a_browser_session_stays_one_through_refreshes_and_renewals() {
    let world = cookie_world();
    let has_age = |answer: &Answer| {
        let mut lines = set_cookies(answer).into_iter();
        lines.any(|line| line.contains("Max-Age") || line.contains("Expires"))
    };
    let login = Call::new("POST", "/login").json(&json!({"user": "public"}));
    let answer = login.same_origin().to(&world).await;
    assert!(!has_age(&answer));
    let mut browser = Browser::of(&answer);
    for _ in 0..3 {
        let call = Call::new("POST", "/refresh").with("cookie", browser.lasting_cookies());
        let answer = call.same_origin().to(&world).await;
        assert!(!has_age(&answer));
        browser = browser.refreshed(&answer);
    }
    let token = browser.cookies.split(['=', ';']).nth(1).unwrap();
    let verifier = world.sessions.issuer().verifier().build().unwrap();
    let principal = verifier.verify(token).unwrap();
    world.clock.advance(600);
    let renewed = world.sessions.renew(&principal).await.unwrap().unwrap();
    let transport = CookieTransport::builder().build().unwrap();
    let edits = transport.set_access(&renewed).unwrap();
    let (_, line) = edits.iter().next().unwrap();
    assert!(!String::from_utf8_lossy(line).contains("Max-Age"));
    let logout = browser.call("POST", "/logout").to(&world).await;
    assert_eq!(logout.status, 204);
    assert!(
        set_cookies(&logout)
            .iter()
            .all(|line| line.contains("Max-Age=0"))
    );
}

/// A browser that does not store the cookies of a refresh would present a used token next.
#[tokio::test]
async fn an_update_that_browsers_drop_is_refused_before_it_is_stored() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let roles = |number: usize| {
        let roles = (0..number).map(|number| format!("role-{number:06}"));
        SessionUpdate::new().roles(roles)
    };
    let refused = world
        .sessions
        .update("alice", roles(200))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::TooLarge);
    assert_eq!(world.sessions.update("alice", roles(140)).await, Ok(1));
    let call = Call::new("POST", "/refresh").with("cookie", browser.lasting_cookies());
    let answer = call.same_origin().to(&world).await;
    assert_eq!(answer.status, 200);
    browser.refreshed(&answer);
}

/// A hook that cannot decide, or that ends the session, over HTTP.
#[tokio::test]
async fn the_answers_of_a_hook_are_503_and_invalid_grant() {
    for (answer, expected) in [
        (Continuation::unavailable(), (503, "")),
        (Continuation::end(), (400, "invalid_grant")),
    ] {
        let base = cookie_world();
        let sessions = Sessions::builder(base.sessions.issuer().clone(), base.store.clone())
            .refresh_key(RefreshKey::new(1, [7; 32]))
            .on_continue(move |_| std::future::ready(answer.clone()))
            .build()
            .unwrap();
        let cookies = Transport::Cookie(CookieTransport::builder().build().unwrap());
        let endpoints = SessionEndpoints::builder(sessions.clone(), cookies).login(login);
        let world = World {
            endpoints: endpoints.build().unwrap(),
            sessions,
            ..base
        };
        let browser = Browser::log_in(&world).await;
        let call = Call::new("POST", "/refresh").with("cookie", browser.lasting_cookies());
        let answer = call.same_origin().to(&world).await;
        assert_eq!(error(&answer), (expected.0, expected.1.to_owned()));
        assert!(
            set_cookies(&answer).is_empty(),
            "a failed refresh changes no cookie"
        );
        let left = world.sessions.devices("alice", None).await.unwrap().len();
        assert_eq!(left, usize::from(expected.0 == 503));
        let page = browser.call("GET", "/session").to(&world).await;
        assert_eq!(page.status, if left == 1 { 200 } else { 401 });
    }
}

#[tokio::test]
async fn a_refresh_that_fails_deletes_no_cookie() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let call = |cookie: &str| {
        Call::new("POST", "/refresh")
            .with("cookie", cookie)
            .same_origin()
    };
    for (cookie, status) in [
        ("__Secure-refresh=rubbish", 400),
        ("__Secure-refresh=", 400),
        ("other=1", 400),
        ("__Secure-refresh=a; __Secure-refresh=b", 400),
    ] {
        let answer = call(cookie).to(&world).await;
        assert_eq!(answer.status, status, "{cookie}");
        assert!(set_cookies(&answer).is_empty(), "{cookie}");
    }
    world.store.down.store(true, Ordering::Relaxed);
    let down = call(browser.lasting_cookies()).to(&world).await;
    assert_eq!(down.status, 503);
    assert!(set_cookies(&down).is_empty());
    world.store.down.store(false, Ordering::Relaxed);
    assert_eq!(call(browser.lasting_cookies()).to(&world).await.status, 200);
    world.clock.advance(3600);
    let reused = call(browser.lasting_cookies()).to(&world).await;
    assert_eq!(error(&reused), (400, "invalid_grant".to_owned()));
    assert!(set_cookies(&reused).is_empty());
}

#[tokio::test]
async fn an_outdated_refresh_cookie_changes_no_cookie() {
    let world = cookie_world();
    let first = Browser::log_in(&world).await;
    let second = first.call("POST", "/refresh").to(&world).await;
    let second = first.refreshed(&second);
    assert_eq!(second.call("POST", "/refresh").to(&world).await.status, 200);
    let outdated = first.call("POST", "/refresh").to(&world).await;
    assert_eq!(error(&outdated), (400, "invalid_grant".to_owned()));
    assert!(set_cookies(&outdated).is_empty());
}

#[tokio::test]
async fn another_site_can_neither_log_in_nor_refresh_nor_log_out() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("x-nothing", "sent"),
    ] {
        for path in ["/login", "/refresh", "/logout"] {
            let call = Call::new("POST", path)
                .with("host", "api.example.com")
                .with(name, value)
                .with("cookie", &browser.cookies)
                .with("x-csrf-token", &browser.csrf);
            let call = if path == "/login" {
                call.json(&credentials())
            } else {
                call
            };
            let answer = call.to(&world).await;
            assert_eq!(answer.status, 403, "{path} {name}: {value}");
            assert!(set_cookies(&answer).is_empty());
        }
    }
    assert_eq!(devices(&world).await, 1);
    // A form of another site cannot send JSON, but its own type is accepted content.
    let form = Call::new("POST", "/login")
        .content(
            "application/x-www-form-urlencoded",
            "user=alice&password=correct+horse",
        )
        .with("sec-fetch-site", "cross-site");
    assert_eq!(form.to(&world).await.status, 403);
    let trusted = Call::new("POST", "/login")
        .json(&credentials())
        .with("origin", "https://app.example.com");
    assert_eq!(trusted.to(&world).await.status, 200);
}

#[tokio::test]
async fn unsafe_requests_require_the_csrf_token() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let other = Browser::log_in(&world).await;
    let id = world.sessions.devices("alice", None).await.unwrap()[0].id;
    for (method, path) in [
        ("POST", "/logout".to_owned()),
        ("POST", "/sessions/logout-all".to_owned()),
        ("POST", "/sessions/logout-others".to_owned()),
        ("DELETE", format!("/sessions/{id}")),
    ] {
        for csrf in [None, Some(""), Some("guess"), Some(&*other.csrf)] {
            let mut call = Call::new(method, &path)
                .with("cookie", &browser.cookies)
                .same_origin();
            if let Some(csrf) = csrf {
                call = call.with("x-csrf-token", csrf);
            }
            assert_eq!(call.to(&world).await.status, 403, "{path} {csrf:?}");
        }
    }
    assert_eq!(devices(&world).await, 2);
}

#[tokio::test]
async fn a_reloaded_page_gets_its_csrf_token() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    world.clock.advance(100);
    let answer = Call::new("GET", "/session")
        .with("cookie", &browser.cookies)
        .to(&world)
        .await;
    let got = body(&answer);
    assert_eq!(
        (&got["csrf_token"], &got["expires_in"], &got["scope"]),
        (&json!(browser.csrf), &json!(800), &json!("a b"))
    );
    let head = Call::new("HEAD", "/session")
        .with("cookie", &browser.cookies)
        .to(&world)
        .await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("content-length"),
        Some(answer.body.len().to_string().as_bytes())
    );
    assert_eq!(Call::new("GET", "/session").to(&world).await.status, 401);
}

#[tokio::test]
async fn a_logout_ends_the_session_and_deletes_all_cookies() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let answer = browser.call("POST", "/logout").to(&world).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        set_cookies(&answer),
        [
            "__Host-access=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Secure-refresh=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
            "__Secure-refresh-2=; Path=/auth; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
    );
    assert_eq!(devices(&world).await, 0);
    assert_eq!(browser.call("GET", "/session").to(&world).await.status, 401);
    assert_eq!(
        browser.call("POST", "/refresh").to(&world).await.status,
        400
    );
    // A repeated logout changes nothing.
    assert_eq!(browser.call("POST", "/logout").to(&world).await.status, 204);
}

/// Content types that browsers and HTTP libraries add to a request without content.
const TYPES: [&str; 6] = [
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/json",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "",
];

#[tokio::test]
async fn the_type_of_empty_content_does_not_matter() {
    for content_type in TYPES {
        let world = json_world();
        let (access, _) = tokens(&world).await;
        let out = || Call::new("POST", "/logout").content(content_type, "");
        assert_eq!(out().to(&world).await.status, 401, "{content_type}");
        assert_eq!(devices(&world).await, 1);
        let out = out().with("authorization", format!("Bearer {access}"));
        assert_eq!(out.to(&world).await.status, 204, "{content_type}");
        assert_eq!(devices(&world).await, 0);

        let world = cookie_world();
        let browser = Browser::log_in(&world).await;
        let again = browser.call("POST", "/refresh").content(content_type, "");
        let again = again.to(&world).await;
        assert_eq!(again.status, 200, "{content_type}");
        let browser = browser.refreshed(&again);
        // A form of another site: the proof of origin is required with any type.
        for site in ["cross-site", "same-site"] {
            let forged = Call::new("POST", "/logout")
                .content(content_type, "")
                .with("cookie", &browser.cookies)
                .with("sec-fetch-site", site);
            assert_eq!(forged.to(&world).await.status, 403, "{content_type}");
        }
        let without_csrf = Call::new("POST", "/logout")
            .content(content_type, "")
            .with("cookie", &browser.cookies)
            .same_origin();
        assert_eq!(without_csrf.to(&world).await.status, 403, "{content_type}");
        assert_eq!(devices(&world).await, 1);
        let out = browser.call("POST", "/logout").content(content_type, "");
        assert_eq!(out.to(&world).await.status, 204, "{content_type}");
        assert_eq!(devices(&world).await, 0);
    }
    // A login requires content.
    let login = Call::new("POST", "/login").content("text/plain", "");
    assert_eq!(login.to(&json_world()).await.status, 415);
}

#[tokio::test]
async fn repeated_logouts_of_one_account_do_not_fill_the_revocations() {
    for world in [json_world(), cookie_world()] {
        let mut ended = Vec::new();
        for _ in 0..300 {
            let answer = log_in(&world).await;
            let content = body(&answer);
            let call = if let Some(token) = content["access_token"].as_str() {
                let credential = format!("Bearer {token}");
                Call::new("POST", "/logout").with("authorization", credential)
            } else {
                Browser::of(&answer).call("POST", "/logout")
            };
            ended.push(call.0.clone());
            assert_eq!(call.to(&world).await.status, 204);
        }
        world.clock.advance(5); // the store has dropped the sessions
        for request in ended {
            assert_eq!(Call(request).to(&world).await.status, 204);
        }
        assert!(world.sessions.revocations().status().entries <= 257);
    }
}

#[tokio::test]
async fn a_logout_works_when_the_access_token_has_expired() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    world.clock.advance(3_600);
    // The page has lost its CSRF token with the access token.
    let call = Call::new("POST", "/logout")
        .with("cookie", &browser.cookies)
        .same_origin();
    assert_eq!(call.to(&world).await.status, 204);
    assert_eq!(devices(&world).await, 0);

    let browser = Browser::log_in(&world).await;
    let call = Call::new("POST", "/logout")
        .with("cookie", browser.lasting_cookies())
        .same_origin();
    assert_eq!(call.to(&world).await.status, 204);
    assert_eq!(devices(&world).await, 0);

    let world = json_world();
    let (access, refresh) = tokens(&world).await;
    world.clock.advance(3_600);
    let bearer = |call: Call| call.with("authorization", format!("Bearer {access}"));
    assert_eq!(
        bearer(Call::new("POST", "/logout")).to(&world).await.status,
        401
    );
    let call = bearer(Call::new("POST", "/logout").json(&json!({"refresh_token": refresh})));
    assert_eq!(call.to(&world).await.status, 204);
    assert_eq!(devices(&world).await, 0);
}

#[tokio::test]
async fn a_planted_refresh_cookie_does_not_prevent_a_logout() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let planted = "__Secure-refresh=planted";
    let answer = browser
        .call("POST", "/logout")
        .with("cookie", planted)
        .to(&world)
        .await;
    assert_eq!((answer.status, set_cookies(&answer).len()), (204, 4));
    assert_eq!(devices(&world).await, 0);

    let browser = Browser::log_in(&world).await;
    let call = |cookie: &str| {
        Call::new("POST", "/logout")
            .same_origin()
            .with("cookie", browser.lasting_cookies())
            .with("cookie", cookie)
    };
    // Nothing else names the session, and the response must not reveal that it has ended.
    let answer = call("__Host-session=another").to(&world).await;
    assert_eq!((answer.status, set_cookies(&answer).len()), (400, 0));
    assert_eq!(devices(&world).await, 1);
    let answer = call(planted).to(&world).await;
    assert_eq!((answer.status, set_cookies(&answer).len()), (204, 4));
    assert_eq!(devices(&world).await, 0);
}

#[tokio::test]
async fn a_logout_by_a_malformed_token_ends_and_reveals_nothing() {
    let world = json_world();
    let (access, refresh) = tokens(&world).await;
    let mut forged = refresh.clone();
    forged.replace_range(
        60..64,
        if &refresh[60..64] == "AAAA" {
            "BBBB"
        } else {
            "AAAA"
        },
    );
    for token in ["rubbish", &access, &forged] {
        let call = Call::new("POST", "/logout").json(&json!({"refresh_token": token}));
        assert_eq!(call.to(&world).await.status, 204, "{token}");
    }
    assert_eq!(devices(&world).await, 1);
    assert_eq!(Call::new("POST", "/logout").to(&world).await.status, 401);
    assert_eq!(
        Call::new("POST", "/logout")
            .json(&json!({"refresh_token": refresh}))
            .to(&world)
            .await
            .status,
        204
    );
    assert_eq!(devices(&world).await, 0);
}

#[tokio::test]
async fn a_failed_logout_keeps_the_cookies() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    world.store.down.store(true, Ordering::Relaxed);
    let answer = browser.call("POST", "/logout").to(&world).await;
    assert_eq!(answer.status, 503);
    assert!(set_cookies(&answer).is_empty());
    world.store.down.store(false, Ordering::Relaxed);
    let again = Call::new("POST", "/logout")
        .with("cookie", browser.lasting_cookies())
        .same_origin();
    assert_eq!(again.to(&world).await.status, 204);
    assert_eq!(devices(&world).await, 0);
}

#[tokio::test]
async fn a_logout_completes_if_the_client_disconnects() {
    let world = cookie_world();
    let browser = Browser::log_in(&world).await;
    let mut answer = world.endpoints.respond(browser.call("POST", "/logout").0);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(answer.as_mut().poll(&mut context).is_pending());
    drop(answer);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(devices(&world).await, 0);
}

#[tokio::test]
async fn a_user_sees_their_own_devices_and_ends_them() {
    let world = cookie_world();
    let call = Call::new("POST", "/login")
        .json(&credentials())
        .same_origin();
    let mut call = call.with("user-agent", "Fire\u{1b}[31m\u{202e}fox\r\nX: 1");
    call.0.remote_address = Some([203, 0, 113, 7].into());
    let here = Browser::of(&call.to(&world).await);
    world.clock.advance(5);
    let there = Browser::log_in(&world).await;
    let mallory = json!({"user": "mallory", "password": "correct horse"});
    let mallory = Browser::of(
        &Call::new("POST", "/login")
            .json(&mallory)
            .same_origin()
            .to(&world)
            .await,
    );

    let list = async |browser: &Browser| {
        let answer = browser.call("GET", "/sessions").to(&world).await;
        body(&answer)["sessions"].as_array().unwrap().clone()
    };
    let seen = list(&here).await;
    assert_eq!(seen.len(), 2);
    let (there_seen, here_seen) = (&seen[0], &seen[1]);
    assert_eq!(
        (&here_seen["current"], &there_seen["current"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(here_seen["user_agent"], "Fire[31mfoxX: 1");
    assert_eq!(here_seen["address"], "203.0.113.7");
    assert_eq!(here_seen["created_at"], FakeClock::START);
    assert_eq!(list(&mallory).await.len(), 1);

    let path = format!("/sessions/{}", there_seen["id"].as_str().unwrap());
    assert_eq!(
        mallory.call("DELETE", &path).to(&world).await.status,
        404,
        "the session belongs to another user"
    );
    let ended = here.call("DELETE", &path).to(&world).await;
    assert_eq!((ended.status, set_cookies(&ended).len()), (204, 0));
    assert_eq!(here.call("DELETE", &path).to(&world).await.status, 404);
    assert_eq!(there.call("GET", "/session").to(&world).await.status, 401);

    let path = format!("/sessions/{}", here_seen["id"].as_str().unwrap());
    let own = here.call("DELETE", &path).to(&world).await;
    assert_eq!((own.status, set_cookies(&own).len()), (204, 4));
    assert_eq!(list(&mallory).await.len(), 1);
}

#[tokio::test]
async fn logout_others_and_logout_all_end_the_right_sessions() {
    let world = cookie_world();
    let here = Browser::log_in(&world).await;
    let there = Browser::log_in(&world).await;
    let answer = here
        .call("POST", "/sessions/logout-others")
        .to(&world)
        .await;
    assert_eq!(
        (body(&answer), set_cookies(&answer).len()),
        (json!({"ended": 1}), 0)
    );
    assert_eq!(there.call("GET", "/session").to(&world).await.status, 401);
    assert_eq!(here.call("GET", "/session").to(&world).await.status, 200);
    Browser::log_in(&world).await;
    let answer = here.call("POST", "/sessions/logout-all").to(&world).await;
    assert_eq!(
        (body(&answer), set_cookies(&answer).len()),
        (json!({"ended": 2}), 4)
    );
    assert_eq!(here.call("GET", "/session").to(&world).await.status, 401);
}

#[tokio::test]
async fn requests_without_a_token_are_refused() {
    for world in [json_world(), cookie_world()] {
        for (method, path) in [
            ("GET", "/session"),
            ("GET", "/sessions"),
            ("POST", "/sessions/logout-others"),
            ("POST", "/sessions/logout-all"),
            ("DELETE", "/sessions/AAECAwQFBgcICQoLDA0ODw"),
        ] {
            assert_eq!(
                Call::new(method, path)
                    .same_origin()
                    .to(&world)
                    .await
                    .status,
                401,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn json_ignores_cookies_and_cookies_ignore_headers() {
    let (json_world, cookie_world) = (json_world(), cookie_world());
    let (access, _) = tokens(&json_world).await;
    let by_cookie = Call::new("GET", "/session").with("cookie", format!("__Host-access={access}"));
    assert_eq!(by_cookie.to(&json_world).await.status, 401);
    let browser = Browser::log_in(&cookie_world).await;
    let access = browser.cookies.split(['=', ';']).nth(1).unwrap();
    let by_header = Call::new("GET", "/session").with("authorization", format!("Bearer {access}"));
    assert_eq!(by_header.to(&cookie_world).await.status, 401);
}

#[tokio::test]
async fn a_forwarded_address_is_trusted_only_if_configured() {
    let call = || {
        let mut call = Call::new("POST", "/login")
            .json(&credentials())
            .with("x-forwarded-for", "10.0.0.1, 203.0.113.7");
        call.0.remote_address = Some([192, 0, 2, 1].into());
        call
    };
    for (proxies, wanted) in [
        (None, Some("192.0.2.1")),
        (Some(1), Some("203.0.113.7")),
        (Some(3), None),
    ] {
        let world = world_with(Transport::Json, |builder| match proxies {
            Some(proxies) => builder.trust_forwarded_for(proxies),
            None => builder,
        });
        assert_eq!(call().to(&world).await.status, 200);
        let device = &world.sessions.devices("alice", None).await.unwrap()[0];
        assert_eq!(device.address.as_deref(), wanted);
    }
}

#[tokio::test]
async fn device_values_of_the_service_take_precedence() {
    let world = json_world();
    let call = Call::new("POST", "/login")
        .json(&json!({"user": "named"}))
        .with("user-agent", "Firefox");
    assert_eq!(call.to(&world).await.status, 200);
    let device = &world.sessions.devices("u-1", None).await.unwrap()[0];
    assert_eq!(
        (device.name.as_deref(), device.user_agent.as_deref()),
        (Some("the phone"), Some("Firefox"))
    );
}

#[tokio::test]
async fn a_store_that_is_down_is_a_503_everywhere() {
    for (method, path) in [
        ("POST", "/logout"),
        ("GET", "/sessions"),
        ("POST", "/sessions/logout-others"),
        ("POST", "/sessions/logout-all"),
        ("DELETE", "/sessions/AAECAwQFBgcICQoLDA0ODw"),
    ] {
        let world = json_world();
        let (access, _) = tokens(&world).await;
        world.store.down.store(true, Ordering::Relaxed);
        let call = Call::new(method, path).with("authorization", format!("Bearer {access}"));
        assert_eq!(call.to(&world).await.status, 503, "{path}");
    }
    let world = json_world();
    let (_, refresh) = tokens(&world).await;
    world.store.down.store(true, Ordering::Relaxed);
    for call in [
        Call::new("POST", "/login").json(&credentials()),
        Call::new("POST", "/refresh").json(&json!({"refresh_token": refresh})),
    ] {
        assert_eq!(call.to(&world).await.status, 503);
    }
}

#[tokio::test]
async fn a_logout_that_failed_halfway_can_be_repeated() {
    let world = json_world();
    let (access, _) = tokens(&world).await;
    let logout = || Call::new("POST", "/logout").with("authorization", format!("Bearer {access}"));
    world.store.down.store(true, Ordering::Relaxed);
    assert_eq!(logout().to(&world).await.status, 503);
    world.store.down.store(false, Ordering::Relaxed);
    let session = Call::new("GET", "/session").with("authorization", format!("Bearer {access}"));
    assert_eq!(
        session.to(&world).await.status,
        401,
        "the access token is already revoked"
    );
    assert_eq!(devices(&world).await, 1);
    assert_eq!(logout().to(&world).await.status, 204);
    assert_eq!(devices(&world).await, 0);

    // With cookies, the browser keeps what it needs to repeat it.
    let cookies = CookieTransport::builder().clear_site_data();
    let world = world_with(Transport::Cookie(cookies.build().unwrap()), |all| all);
    let browser = Browser::log_in(&world).await;
    for path in ["/sessions/logout-all", "/logout"] {
        world.store.down.store(true, Ordering::Relaxed);
        let answer = browser.call("POST", path).to(&world).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.header("clear-site-data"), None, "{path}");
        assert!(set_cookies(&answer).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn debug_shows_no_credential() {
    let seen: Arc<std::sync::Mutex<String>> = Arc::default();
    let kept = Arc::clone(&seen);
    let cookies = CookieTransport::builder().build().unwrap();
    let world = world_with(Transport::Cookie(cookies), |builder| {
        builder.login(move |request| {
            *kept.lock().unwrap() = format!("{request:?}");
            async { Err(LoginFailure::refused()) }
        })
    });
    let call = Call::new("POST", "/login")
        .json(&credentials())
        .with("cookie", "__Secure-refresh=s3cret");
    assert_eq!(call.same_origin().to(&world).await.status, 401);
    let shown = seen.lock().unwrap().clone() + &format!("{:?}", world.endpoints);
    assert!(
        shown.contains("Json") && !shown.contains("correct horse") && !shown.contains("s3cret")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// No request causes a failure of the service.
    #[test]
    fn no_request_causes_a_500(
        cookies: bool,
        method in "GET|HEAD|POST|DELETE|OPTIONS|[A-Z]{0,4}",
        path in "/(login|refresh|logout|session|sessions\
            |sessions/(logout-others|logout-all|[A-Za-z0-9_-]{22}))|/.{0,12}",
        content_type in "application/json|application/x-www-form-urlencoded|.{0,12}",
        cookie in "(__Host-access|__Secure-refresh)=.{0,90}|.{0,12}",
        authorization in "Bearer [A-Za-z0-9._-]{0,90}|.{0,12}",
        content in prop_oneof![
            "\\PC{0,40}".prop_map(String::into_bytes),
            any::<Vec<u8>>(),
            "\\{\"(refresh_token|scope|user|grant_type)\":\"[A-Za-z0-9_=-]{0,90}\"\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let world = if cookies { cookie_world() } else { json_world() };
            let call = Call::new(&method, &path)
                .content(&content_type, content)
                .with("cookie", cookie)
                .with("authorization", authorization)
                .with("user-agent", "\u{0}\r\n")
                .same_origin();
            call.to(&world).await
        });
        prop_assert!(answer.status < 500, "{}", answer.status);
    }
}

fn resuming_world() -> World {
    let cookies = CookieTransport::builder().build().unwrap();
    world_with(Transport::Cookie(cookies), |builder| {
        builder.resume("/login?lang=de")
    })
}

/// A page load of a browser that followed a link of another site.
fn page_load(query: &str, cookies: &str) -> Call {
    let mut call = Call::new("GET", "/resume")
        .with("sec-fetch-mode", "navigate")
        .with("sec-fetch-dest", "document")
        .with("sec-fetch-site", "cross-site")
        .with("cookie", cookies);
    call.0.query = Some(query.to_owned());
    call
}

fn location(answer: &Answer) -> (u16, String) {
    let location = answer.header("location").unwrap_or_default();
    (answer.status, String::from_utf8(location.to_vec()).unwrap())
}

#[tokio::test]
async fn a_page_load_resumes_the_session() {
    let world = resuming_world();
    let browser = Browser::log_in(&world).await;
    world.clock.advance(1000);
    let answer = page_load("return_to=/orders%3Fpage%3D2", browser.lasting_cookies())
        .to(&world)
        .await;
    assert_eq!(location(&answer), (303, "/orders?page=2".to_owned()));
    assert!(answer.body.is_empty());
    let lines = set_cookies(&answer);
    assert_eq!(
        lines.len(),
        3,
        "the binding cookie stays, and the marker is new"
    );
    assert_eq!(
        lines[2],
        "__Host-access-resumed=1; Path=/; Max-Age=10; Secure; HttpOnly; SameSite=Lax"
    );
    let access = lines[0].split(';').next().unwrap();
    let session = Call::new("GET", "/session")
        .with("cookie", access)
        .to(&world)
        .await;
    assert_eq!(session.status, 200);
    assert_eq!(devices(&world).await, 1);

    // A repeat within the grace period, as by a second tab, gets the same successor.
    let again = page_load("", browser.lasting_cookies()).to(&world).await;
    assert_eq!(location(&again), (303, "/".to_owned()));
    assert_eq!(set_cookies(&again)[1], lines[1]);

    // The marker is there: the access cookie is, too, or the browser does not keep it.
    let marked = format!("{}; __Host-access-resumed=1", browser.lasting_cookies());
    let marked = page_load("return_to=/a", &marked).to(&world).await;
    assert_eq!(location(&marked), (303, "/a".to_owned()));
    assert!(set_cookies(&marked).is_empty());
}

#[tokio::test]
async fn a_session_that_is_over_goes_to_the_login_page() {
    let world = resuming_world();
    let browser = Browser::log_in(&world).await;
    for cookies in [
        "",
        "__Host-session=x; __Secure-refresh=y",
        &*browser.cookies.replace("session=", "session=x"),
    ] {
        let answer = page_load("return_to=/orders%3Fpage%3D2", cookies)
            .to(&world)
            .await;
        let page = "/login?lang=de&return_to=/orders%3Fpage%3D2";
        assert_eq!(location(&answer), (303, page.to_owned()), "{cookies}");
        assert!(
            set_cookies(&answer).is_empty(),
            "a failed refresh changes no cookie"
        );
    }
    world.sessions.logout_all("alice").await.unwrap();
    for query in [
        "return_to=//evil.example",
        "return_to=https://evil.example",
        "",
        "return_to=/%5Ca",
    ] {
        let answer = page_load(query, &browser.cookies).to(&world).await;
        assert_eq!(
            location(&answer),
            (303, "/login?lang=de".to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_resumed_session_never_leaves_the_service() {
    let world = resuming_world();
    let browser = Browser::log_in(&world).await;
    for query in [
        "return_to=https://evil.example/",
        "return_to=%2F%2Fevil.example",
        "return_to=/%5Cevil.example",
        "return_to=/.//evil.example",
        "return_to=/%252e%252e//evil.example",
        "return_to=/%09/evil.example",
        "return_to=/a&return_to=//evil.example",
        "return_to=javascript:alert(1)",
        "return_to=/%0d%0aSet-Cookie:%20a=b",
    ] {
        let answer = page_load(query, &browser.cookies).to(&world).await;
        assert_eq!(location(&answer), (303, "/".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn only_a_page_load_resumes_a_session() {
    let world = resuming_world();
    let browser = Browser::log_in(&world).await;
    let with = |fields: &[(&str, &str)]| {
        let call = Call::new("GET", "/resume").with("cookie", &browser.cookies);
        fields
            .iter()
            .fold(call, |call, (name, value)| call.with(name, value))
    };
    let page = ("sec-fetch-mode", "navigate");
    for fields in [
        &[][..],
        &[("accept", "*/*")],
        &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
        &[page, ("sec-fetch-dest", "iframe")],
        &[
            page,
            ("sec-fetch-dest", "document"),
            ("sec-purpose", "prefetch"),
        ],
        &[page, ("hx-request", "true")],
    ] {
        let answer = with(fields).to(&world).await;
        assert_eq!(answer.status, 403, "{fields:?}");
        assert!(set_cookies(&answer).is_empty());
    }
    assert_eq!(
        with(&[("accept", "text/html,*/*;q=0.8")])
            .to(&world)
            .await
            .status,
        303
    );
    for method in ["POST", "HEAD", "PUT"] {
        let answer = browser
            .call(method, "/resume")
            .with(page.0, page.1)
            .to(&world)
            .await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), Some(&b"GET"[..]));
    }
}

#[tokio::test]
async fn a_store_that_is_down_gives_a_page() {
    let world = resuming_world();
    let browser = Browser::log_in(&world).await;
    world.store.down.store(true, Ordering::Relaxed);
    let call = page_load("return_to=/a", &browser.cookies);
    let answer = world.endpoints.respond(call.0).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some(&b"1"[..]));
    assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
    assert_eq!(
        answer.header("content-type"),
        Some(&b"text/plain; charset=utf-8"[..])
    );
    assert!(set_cookies(&answer).is_empty());
    world.store.down.store(false, Ordering::Relaxed);
    let answer = page_load("return_to=/a", &browser.cookies).to(&world).await;
    assert_eq!(location(&answer), (303, "/a".to_owned()));
}

#[tokio::test]
async fn resuming_is_optional_and_needs_cookies_that_links_bring() {
    let world = cookie_world();
    for method in ["GET", "POST"] {
        let answer = Call::new(method, "/resume")
            .with("sec-fetch-mode", "navigate")
            .to(&world)
            .await;
        assert_eq!(answer.status, 404);
    }
    let build = |transport: Transport, page: &str| {
        let builder = SessionEndpoints::builder(world.sessions.clone(), transport).login(login);
        builder
            .resume(page)
            .build()
            .map(drop)
            .map_err(|error| error.kind())
    };
    let by_cookie = |same_site| {
        let cookies = CookieTransport::builder().same_site(same_site).build();
        Transport::Cookie(cookies.unwrap())
    };
    assert_eq!(build(by_cookie(SameSite::Lax), "/login"), Ok(()));
    assert_eq!(build(by_cookie(SameSite::None), "/login"), Ok(()));
    assert_eq!(
        build(by_cookie(SameSite::Strict), "/login"),
        Err(Kind::Contradiction)
    );
    assert_eq!(build(Transport::Json, "/login"), Err(Kind::Contradiction));
    for page in [
        "",
        "login",
        "//a",
        "https://id.example.com/login",
        "/login#a",
        "/a b",
    ] {
        assert_eq!(
            build(by_cookie(SameSite::Lax), page),
            Err(Kind::InvalidText),
            "{page:?}"
        );
    }
}

proptest! {
    /// No page load fails, or leaves the service.
    #[test]
    fn any_page_load_is_redirected_within_the_service(
        query in ".{0,60}|return_to=[/\\\\%25Fa:.?&=+]{0,40}",
        cookie in "(__Host-session|__Secure-refresh|__Host-access-resumed)=.{0,90}|.{0,12}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            page_load(&query, &cookie).to(&resuming_world()).await
        });
        let (status, location) = location(&answer);
        prop_assert_eq!(status, 303);
        prop_assert!(location.starts_with('/') && !location.starts_with("//"), "{}", location);
        prop_assert!(!location.contains('\\'), "{}", location);
    }
}
