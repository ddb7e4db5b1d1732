//! Cookies for browsers and JSON for apps at the same paths, including attacks.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Answer, Endpoint, EndpointRequest, Gate, HeaderEdits, Step};
use tollgate_session::{
    CookieTransport, CookieTransportBuilder, Issuer, Login, LoginFailure, LoginRequest,
    MemoryStore, RefreshKey, RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal,
    Transport,
};
use tollgate_testkit::{FakeClock, keys};

const PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

struct World {
    clock: FakeClock,
    sessions: Sessions,
    endpoints: SessionEndpoints,
    gate: Gate,
}

async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let said: Value = request.json()?;
    Ok(Login::new(said["user"].as_str().unwrap_or("u-1")))
}

fn world(cookies: CookieTransportBuilder) -> World {
    let clock = FakeClock::new();
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(Algorithm::HS256))
        .clock(clock.clone())
        .build()
        .unwrap();
    let sessions = Sessions::builder(issuer, MemoryStore::default())
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .build()
        .unwrap();
    let cookies = cookies.build().unwrap();
    let transport = Transport::Both(cookies.clone());
    let gate = transport
        .apply(sessions.gate())
        .renewal(SlidingRenewal::new(
            sessions.clone(),
            RenewalTransport::Both(cookies),
        ))
        .build()
        .unwrap();
    let endpoints = SessionEndpoints::builder(sessions.clone(), transport)
        .login(login)
        .gate(|gate| gate.trusted_origin("https://app.example.com"))
        .build()
        .unwrap();
    World {
        clock,
        sessions,
        endpoints,
        gate,
    }
}

fn both() -> World {
    world(CookieTransport::builder())
}

fn request(method: &str, path: &str, fields: &[(&str, &str)], content: &Value) -> EndpointRequest {
    let mut request = EndpointRequest::new(method, path);
    for (name, value) in fields {
        let value = value.as_bytes().to_vec();
        request.headers.push(((*name).to_owned(), value));
    }
    if !content.is_null() {
        let kind = ("content-type".to_owned(), b"application/json".to_vec());
        request.headers.push(kind);
        request.content = content.to_string().into_bytes();
    }
    request
}

impl World {
    async fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        content: Value,
    ) -> Answer {
        let request = request(method, path, fields, &content);
        self.endpoints.respond(request).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)], content: Value) -> Answer {
        self.send("POST", path, fields, content).await
    }

    async fn refresh_by(&self, cookie: &str) -> Answer {
        let fields = [PAGE, ("cookie", cookie)];
        self.post("/refresh", &fields, Value::Null).await
    }

    async fn browser(&self) -> Browser {
        let answer = self.post("/login", &[PAGE], json!({})).await;
        assert_eq!(answer.status, 200);
        let cookies: Vec<_> = set_cookies(&answer)
            .iter()
            .map(|line| line.split(';').next().unwrap().to_owned())
            .collect();
        let csrf = body(&answer)["csrf_token"].as_str().unwrap().to_owned();
        Browser { cookies, csrf }
    }

    async fn app(&self) -> App {
        let answer = self.post("/login", &[], json!({})).await;
        let of = |name: &str| body(&answer)[name].as_str().unwrap().to_owned();
        App {
            bearer: format!("Bearer {}", of("access_token")),
            refresh: of("refresh_token"),
        }
    }

    async fn sessions(&self) -> usize {
        self.sessions.devices("u-1", None).await.unwrap().len()
    }
}

struct Browser {
    cookies: Vec<String>,
    csrf: String,
}

impl Browser {
    fn cookie(&self) -> String {
        self.cookies.join("; ")
    }

    fn refresh_token(&self) -> &str {
        let pair = self.cookies.iter().find(|pair| pair.contains("refresh"));
        pair.unwrap().split_once('=').unwrap().1
    }
}

struct App {
    bearer: String,
    refresh: String,
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn set_cookies(answer: &Answer) -> Vec<String> {
    let lines = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    lines
        .map(|(_, line)| String::from_utf8(line.to_vec()).unwrap())
        .collect()
}

/// Fails if the content has a token.
fn assert_unreadable(answer: &Answer, what: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    assert!(
        !text.contains("\"access_token\"") && !text.contains("\"refresh_token\""),
        "{what}: {text}"
    );
}

#[tokio::test]
async fn a_browser_gets_cookies_and_an_app_gets_json() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    assert_eq!(browser.cookies.len(), 3);

    let refreshed = world.refresh_by(&browser.cookie()).await;
    assert_eq!((refreshed.status, set_cookies(&refreshed).len()), (200, 2));
    assert_unreadable(&refreshed, "refresh by cookie");

    let content = json!({ "refresh_token": app.refresh });
    let refreshed = world.post("/refresh", &[], content).await;
    assert_eq!((refreshed.status, set_cookies(&refreshed).len()), (200, 0));
    assert!(body(&refreshed)["refresh_token"].is_string());
}

#[tokio::test]
async fn a_reauthentication_answers_by_the_transport_of_the_login() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    let cookies = CookieTransport::builder().build().unwrap();
    let transports = [
        Transport::Both(cookies.clone()),
        Transport::Cookie(cookies),
        Transport::Json,
    ];
    for (is_browser, (name, value), answered) in [
        (true, ("cookie", &browser.cookie()), [true, true, false]),
        (false, ("authorization", &app.bearer), [true, false, true]),
    ] {
        let request = request("GET", "/", &[(name, value)], &Value::Null);
        let caller = world.gate.decide(&request).unwrap();
        let user = caller.authenticated().unwrap();
        let tokens = world.sessions.reauthenticated(user).await.unwrap();
        for (transport, is_answered) in transports.iter().zip(answered) {
            let Ok(answer) = transport.answer(&tokens) else {
                assert!(!is_answered, "{name} {transport:?}");
                continue;
            };
            assert!(is_answered, "{name} {transport:?}");
            assert_eq!(answer.header("cache-control"), Some(&b"no-store"[..]));
            assert_eq!(body(&answer)["access_token"].is_string(), !is_browser);
            assert_eq!(set_cookies(&answer).len(), if is_browser { 2 } else { 0 });
            if is_browser {
                assert_unreadable(&answer, "re-authentication by cookie");
                assert!(body(&answer)["csrf_token"].is_string());
            }
        }
    }
}

#[tokio::test]
async fn the_fetch_of_node_is_no_page() {
    let world = both();
    let answer = world.post("/login", &[("sec-fetch-mode", "cors")], json!({}));
    assert!(body(&answer.await)["access_token"].is_string());
}

#[tokio::test]
async fn no_page_gets_a_token_to_read() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    let cookies = browser.cookie();
    let mut marks = vec![
        vec![PAGE],
        vec![("sec-fetch-site", "")],
        vec![("origin", "https://app.example.com")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "")],
        vec![
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
        ],
        vec![("cookie", &*cookies)],
        vec![PAGE, ("cookie", &*cookies)],
    ];
    // Each cookie alone, and without a value.
    let names = browser
        .cookies
        .iter()
        .map(|pair| pair.split('=').next().unwrap());
    // Those that a logout leaves have no session, but no app has them either.
    let others = [
        "__Secure-refresh-2",
        "__Host-session-device",
        "__Host-access-resumed",
    ];
    let names: Vec<_> = names.chain(others).collect();
    let alone: Vec<_> = browser
        .cookies
        .iter()
        .map(String::as_str)
        .chain(names)
        .collect();
    marks.extend(alone.iter().map(|pair| vec![("cookie", *pair)]));
    for fields in &marks {
        for (path, content) in [
            ("/login", json!({ "user": "u-2" })),
            ("/refresh", Value::Null),
            ("/refresh", json!({ "refresh_token": app.refresh })),
            (
                "/refresh",
                json!({ "refresh_token": browser.refresh_token() }),
            ),
            (
                "/refresh",
                json!({ "grant_type": "refresh_token", "refresh_token": "" }),
            ),
        ] {
            let answer = world.post(path, fields, content.clone()).await;
            assert_unreadable(&answer, &format!("{path} {fields:?} {content}"));
        }
    }
    let content = json!({ "refresh_token": app.refresh });
    assert_eq!(world.post("/refresh", &[], content).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_does_not_change_its_transport() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;

    let stolen = json!({ "refresh_token": browser.refresh_token() });
    let answer = world.post("/refresh", &[], stolen).await;
    assert_eq!(
        (answer.status, &body(&answer)["error"]),
        (400, &json!("invalid_grant"))
    );
    for cookie in [
        format!("__Secure-refresh={}", app.refresh),
        format!("{}; __Secure-refresh={}", browser.cookies[1], app.refresh),
    ] {
        let answer = world.refresh_by(&cookie).await;
        assert_eq!(answer.status, 400, "{cookie}");
    }

    let own = world.refresh_by(&browser.cookie()).await;
    assert_eq!(own.status, 200, "the session of the browser goes on");
    let own = world.post("/refresh", &[], json!({ "refresh_token": app.refresh }));
    assert_eq!(own.await.status, 200, "the session of the app goes on");
}

#[tokio::test]
async fn a_request_with_both_credentials_is_refused_and_changes_nothing() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    let id = world.sessions.devices("u-1", None).await.unwrap()[0].id;
    let device = format!("/sessions/{id}");
    let schemes = [app.bearer.clone(), app.bearer.replace("Bearer", " bEARER")];
    let [access, binding, _] = &browser.cookies[..] else {
        unreachable!("three cookies")
    };
    let cookies = [access.clone(), binding.clone(), browser.cookie()];
    for cookie in &cookies {
        for bearer in &schemes {
            let fields = [
                PAGE,
                ("cookie", &**cookie),
                ("authorization", bearer),
                ("x-csrf-token", &browser.csrf),
            ];
            for (method, path) in [
                ("POST", "/refresh"),
                ("POST", "/logout"),
                ("GET", "/session"),
                ("GET", "/sessions"),
                ("DELETE", &device),
                ("POST", "/sessions/logout-others"),
                ("POST", "/sessions/logout-all"),
            ] {
                let answer = world.send(method, path, &fields, Value::Null).await;
                assert_eq!(answer.status, 400, "{method} {path} {cookie}");
                assert_eq!(set_cookies(&answer).len(), 0, "{method} {path}");
            }
        }
        for path in ["/refresh", "/logout"] {
            let fields = [PAGE, ("cookie", &**cookie), ("x-csrf-token", &browser.csrf)];
            let content = json!({ "refresh_token": app.refresh });
            let answer = world.post(path, &fields, content).await;
            assert_eq!(answer.status, 400, "{path} {cookie}");
        }
    }
    assert_eq!(world.sessions().await, 2);
    // A refresh cookie alone, which a sibling domain can plant, is no credential either.
    let planted = format!("__Secure-refresh={}", browser.refresh_token());
    let fields = [("cookie", &*planted), ("authorization", &*app.bearer)];
    let answer = world.send("GET", "/session", &fields, Value::Null).await;
    assert_eq!(answer.status, 200);
    // `Authorization` of another scheme, for instance of a proxy, is no credential of a session.
    let cookie = browser.cookie();
    let fields = [PAGE, ("cookie", &*cookie), ("authorization", "Basic YTpi")];
    assert_eq!(
        world
            .send("GET", "/session", &fields, Value::Null)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_logout_ends_the_session_of_its_own_transport() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    let content = json!({ "refresh_token": app.refresh });
    let answer = world.post("/logout", &[], content).await;
    assert_eq!((answer.status, set_cookies(&answer).len()), (204, 0));
    assert_eq!(world.sessions().await, 1);

    let bearer = world.app().await.bearer;
    let fields = [("authorization", &*bearer)];
    let answer = world.post("/logout", &fields, Value::Null).await;
    assert_eq!((answer.status, set_cookies(&answer).len()), (204, 0));

    let cookie = browser.cookie();
    let answer = world
        .post("/logout", &[("cookie", &*cookie)], Value::Null)
        .await;
    assert_eq!(answer.status, 403, "no proof of origin");
    let fields = [PAGE, ("cookie", &cookie), ("x-csrf-token", &browser.csrf)];
    let answer = world.post("/logout", &fields, Value::Null).await;
    assert_eq!((answer.status, set_cookies(&answer).len()), (204, 4));
    assert_eq!(world.sessions().await, 0);
}

async fn decide(gate: &Gate, request: &EndpointRequest) -> Result<HeaderEdits, u16> {
    let decided = match gate.begin(request) {
        Step::Ready(decided) => decided,
        Step::Pending(pending) => pending.await,
    };
    let authentication = decided.map_err(|refusal| refusal.answer().status)?;
    match authentication.renewal(200, std::iter::empty()) {
        Some(renewal) => Ok(renewal.await),
        None => Ok(HeaderEdits::default()),
    }
}

#[tokio::test]
async fn the_rules_against_other_sites_apply_to_cookies_only() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    let cookie = browser.cookie();
    let post = async |fields: &[(&str, &str)]| {
        let request = request("POST", "/orders", fields, &Value::Null);
        decide(&world.gate, &request).await.map(|_| ())
    };
    let (cookie, bearer) = (("cookie", &*cookie), ("authorization", &*app.bearer));
    let csrf = ("x-csrf-token", &*browser.csrf);
    assert_eq!(post(&[bearer]).await, Ok(()));
    assert_eq!(post(&[cookie, PAGE, csrf]).await, Ok(()));
    assert_eq!(post(&[cookie, PAGE]).await, Err(403));
    assert_eq!(post(&[cookie, csrf]).await, Err(403));
    assert_eq!(post(&[cookie, bearer, PAGE, csrf]).await, Err(400));
}

#[tokio::test]
async fn each_token_is_renewed_by_its_own_transport() {
    let world = both();
    let browser = world.browser().await;
    let app = world.app().await;
    world.clock.advance(600);
    let renewed = async |fields: &[(&str, &str)]| {
        let request = request("GET", "/orders", fields, &Value::Null);
        let edits = decide(&world.gate, &request).await.unwrap();
        let names = edits.iter().map(|(name, _)| name.to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        renewed(&[("cookie", &browser.cookie())]).await,
        ["set-cookie", "cache-control"]
    );
    assert_eq!(
        renewed(&[("authorization", &app.bearer)]).await,
        [
            "x-access-token",
            "x-access-token-expires-in",
            "cache-control"
        ]
    );
    for name in ["x-access-token", "x-access-token-expires-in"] {
        assert!(tollgate_core::CORS_EXPOSED_HEADERS.contains(&name));
    }
}

#[tokio::test]
async fn clear_site_data_comes_with_the_end_of_the_own_session_only() {
    let world = world(CookieTransport::builder().clear_site_data());
    let clears = |answer: &Answer| {
        let value = answer.header("clear-site-data");
        assert!(value.is_none_or(|value| value == br#""cache", "storage""#));
        (answer.status, value.is_some())
    };
    let fields_of = |browser: &Browser| {
        [
            ("sec-fetch-site", "same-origin".to_owned()),
            ("cookie", browser.cookie()),
            ("x-csrf-token", browser.csrf.clone()),
        ]
    };
    let send = async |method: &str, path: &str, browser: &Browser| {
        let fields = fields_of(browser);
        let fields = fields.each_ref().map(|(name, value)| (*name, &**value));
        clears(&world.send(method, path, &fields, Value::Null).await)
    };

    let browser = world.browser().await;
    let answer = world.post("/login", &[PAGE], json!({})).await;
    assert_eq!(clears(&answer), (200, false));
    let cookie = browser.cookie();
    for path in ["/logout", "/sessions/logout-all"] {
        let answer = world
            .post(path, &[("cookie", &*cookie), PAGE], Value::Null)
            .await;
        assert_eq!(clears(&answer), (403, false), "{path}: no CSRF token");
    }
    assert_eq!(send("POST", "/refresh", &browser).await, (200, false));
    assert_eq!(
        send("POST", "/sessions/logout-others", &browser).await,
        (200, false)
    );
    let own = world.sessions.devices("u-1", None).await.unwrap()[0].id;
    let other = world.app().await;
    let devices = world.sessions.devices("u-1", None).await.unwrap();
    let of_app = devices.iter().find(|device| device.id != own).unwrap().id;
    let path = format!("/sessions/{of_app}");
    assert_eq!(send("DELETE", &path, &browser).await, (204, false));
    assert_eq!(send("DELETE", &path, &browser).await, (404, false));
    let path = format!("/sessions/{own}");
    assert_eq!(send("DELETE", &path, &browser).await, (204, true));
    let bearer = ("authorization", &*other.bearer);
    let answer = world.post("/logout", &[bearer], Value::Null).await;
    assert!(!clears(&answer).1, "an app has no site data");

    let browser = world.browser().await;
    assert_eq!(send("POST", "/logout", &browser).await, (204, true));
    let browser = world.browser().await;
    assert_eq!(
        send("POST", "/sessions/logout-all", &browser).await,
        (200, true)
    );
}
