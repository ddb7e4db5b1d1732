//! A front-end on another origin: other ports, hosts and sites, and one session over subdomains.

use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, Method};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tollgate_axum::{EndpointService, JwtAuth};
use tollgate_core::{
    Algorithm, CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS, Gate, GateBuilder, Principal,
};
use tollgate_session::{
    CookieTransport, CookieTransportBuilder, Issuer, Login, MemoryStore, RefreshKey, SameSite,
    SessionEndpoints, Sessions, Transport,
};
use tollgate_testkit::{FakeClock, keys};
use tollgate_tests::browser::Browser;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::hosts::{Hosts, Tls};

/// An API on one port and pages on another, each for all host names.
struct Service {
    api: u16,
    pages: u16,
    runtime: Runtime,
    sessions: Sessions,
}

fn is_preview(origin: &str) -> bool {
    let rest = origin.strip_prefix("https://pr-");
    let rest = rest.and_then(|rest| rest.split_once(".preview.example.test:"));
    rest.is_some_and(|(number, port)| number.parse::<u32>().is_ok() && port.parse::<u16>().is_ok())
}

fn trusting(gate: GateBuilder, port: u16) -> GateBuilder {
    gate.trusted_origin(format!("https://app.example.test:{port}"))
        .trusted_origin(format!("https://app.other.test:{port}"))
        .trusted_origin_if(is_preview)
}

fn cors(gate: Gate) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            gate.trusts_origin(origin)
        }))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(CORS_ALLOWED_HEADERS.map(HeaderName::from_static))
        .expose_headers(CORS_EXPOSED_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_secs(1))
}

fn start(cookies: CookieTransportBuilder) -> Service {
    let runtime = Runtime::new().unwrap();
    let guard = runtime.enter();
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
    let (api, pages) = (runtime.block_on(Tls::bind()), runtime.block_on(Tls::bind()));
    let (api_port, port) = (api.address.port(), pages.address.port());

    let transport = Transport::Both(cookies.build().unwrap());
    let gate = transport.apply(sessions.gate());
    let gate = trusting(gate, port).build().unwrap();
    let endpoints = SessionEndpoints::builder(sessions.clone(), transport)
        .login(async |_| Ok(Login::new("alice")))
        .gate(move |gate| trusting(gate, port))
        .build()
        .unwrap();
    let routes = Router::new()
        .route(
            "/orders",
            post(async |user: Principal| user.subject().unwrap().to_owned()),
        )
        .route_layer(JwtAuth::new(gate.clone()))
        .nest_service("/auth", EndpointService::new(endpoints))
        .layer(cors(gate))
        .route("/", get(async || Html("<title>api</title>")))
        .route("/worker.js", get(worker));
    let page = Router::new()
        .route("/", get(async || Html("<title>page</title>")))
        .route("/worker.js", get(worker));
    runtime.spawn(async move { axum::serve(api, routes).await });
    runtime.spawn(async move { axum::serve(pages, page).await });
    drop(guard);
    Service {
        api: api_port,
        pages: port,
        runtime,
        sessions,
    }
}

impl Service {
    fn open(&self, browser: &Browser, host: &str) {
        browser.visit(&format!("https://{host}:{}/", self.pages));
    }

    /// Sends a request to the API from the open page; `null` if the page gets no response.
    fn send(&self, browser: &Browser, path: &str, csrf: &Value) -> Value {
        self.send_to(browser, "api.example.test", path, csrf)
    }

    fn send_to(&self, browser: &Browser, host: &str, path: &str, csrf: &Value) -> Value {
        let url = format!("https://{host}:{}{path}", self.api);
        let method = if path.ends_with("/session") {
            "GET"
        } else {
            "POST"
        };
        browser.run_async(
            "const [method, url, csrf] = args;\n\
             const headers = csrf ? { 'x-csrf-token': csrf } : {};\n\
             try {\n\
                 const got = await fetch(url, { method, headers, credentials: 'include' });\n\
                 return { status: got.status, content: await got.text(),\n\
                     challenge: got.headers.get('www-authenticate') };\n\
             } catch { return null; }",
            &json!([method, url, csrf]),
        )
    }

    fn log_in(&self, browser: &Browser) -> Value {
        let answer = self.send(browser, "/auth/login", &Value::Null);
        assert_eq!(answer["status"], 200, "{answer}");
        let content = answer["content"].as_str().unwrap();
        assert!(!content.contains("access_token") && !content.contains("refresh_token"));
        let content: Value = serde_json::from_str(content).unwrap();
        content["csrf_token"].clone()
    }

    fn devices(&self) -> usize {
        let devices = self.runtime.block_on(self.sessions.devices("alice", None));
        devices.unwrap().len()
    }
}

#[test]
fn a_front_end_on_another_host_and_port_logs_in_and_out() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let service = start(CookieTransport::builder());
    for host in ["app.example.test", "pr-7.preview.example.test"] {
        service.open(&browser, host);
        let refused = service.send(&browser, "/orders", &json!("x"));
        assert_eq!(refused["status"], 401);
        assert!(refused["challenge"].is_string(), "{refused}");
        let csrf = service.log_in(&browser);
        let ordered = service.send(&browser, "/orders", &csrf);
        assert_eq!(ordered["content"], "alice", "{ordered}");
        assert_eq!(
            service.send(&browser, "/orders", &Value::Null)["status"],
            403
        );
        let refreshed = service.send(&browser, "/auth/refresh", &Value::Null);
        assert_eq!(refreshed["status"], 200);
        let session = service.send(&browser, "/auth/session", &Value::Null);
        let session: Value = serde_json::from_str(session["content"].as_str().unwrap()).unwrap();
        let csrf = &session["csrf_token"];
        assert_eq!(service.send(&browser, "/auth/logout", csrf)["status"], 204);
        assert_eq!(service.devices(), 0);
    }
}

/// Requests that a page cannot send with less than its own origin.
const TRICKS: &str = "\
    const [api] = args;\n\
    const json = JSON.stringify({ refresh_token: 'x' });\n\
    const seen = [];\n\
    for (const path of ['/auth/login', '/auth/refresh', '/auth/logout', '/orders'])\n\
    for (const mode of ['cors', 'no-cors'])\n\
    for (const body of ['', json, new URLSearchParams({ user: 'x' })])\n\
    for (const credentials of ['include', 'omit'])\n\
    for (const referrerPolicy of ['no-referrer', 'unsafe-url']) {\n\
        const wanted = { method: 'POST', mode, body, credentials, referrerPolicy };\n\
        try {\n\
            const got = await fetch(api + path, wanted);\n\
            seen.push([got.type, got.status, await got.text()]);\n\
        } catch { seen.push(['error']); }\n\
    }\n\
    const frame = document.createElement('iframe');\n\
    frame.name = 'frame';\n\
    document.body.append(frame);\n\
    for (const path of ['/auth/login', '/auth/logout', '/orders']) {\n\
        const form = document.createElement('form');\n\
        form.method = 'POST'; form.action = api + path; form.target = 'frame';\n\
        form.setAttribute('rel', 'noreferrer');\n\
        document.body.append(form);\n\
        const loaded = new Promise(done => frame.onload = done);\n\
        form.submit();\n\
        await loaded;\n\
    }\n\
    return seen;";

#[test]
fn a_page_of_an_origin_that_is_not_trusted_does_nothing() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let service = start(CookieTransport::builder());
    service.open(&browser, "app.example.test");
    let csrf = service.log_in(&browser);
    let api = format!("https://api.example.test:{}", service.api);
    for host in [
        "evil.example.test",
        "pr-x.preview.example.test",
        "evil.other.test",
    ] {
        service.open(&browser, host);
        for path in ["/auth/session", "/auth/login", "/orders", "/auth/logout"] {
            assert_eq!(service.send(&browser, path, &csrf), Value::Null, "{path}");
        }
        let seen = browser.run_async(TRICKS, &json!([api]));
        for answer in seen.as_array().unwrap() {
            let opaque = json!(["opaque", 0, ""]);
            assert!(*answer == opaque || *answer == json!(["error"]), "{answer}");
        }
        assert_eq!(service.devices(), 1, "{host}");
    }
    service.open(&browser, "app.example.test");
    assert_eq!(service.send(&browser, "/orders", &csrf)["content"], "alice");
}

/// Fails if one of the responses, as text in JSON, has a token.
fn assert_no_token(seen: &str) {
    for member in [r#"\"access_token"#, r#"\"refresh_token"#] {
        assert!(!seen.contains(member), "{seen}");
    }
}

#[test]
fn no_request_of_a_trusted_page_is_answered_with_a_token() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let service = start(CookieTransport::builder());
    service.open(&browser, "app.example.test");
    let api = format!("https://api.example.test:{}", service.api);
    let seen = browser.run_async(TRICKS, &json!([api])).to_string();
    assert!(seen.contains("csrf_token"), "the login succeeds: {seen}");
    assert_no_token(&seen);
}

/// Sends requests by itself, and reads the responses to the forms of its pages.
const WORKER: &str = "\
    self.oninstall = () => self.skipWaiting();\n\
    self.onactivate = event => event.waitUntil(clients.claim());\n\
    self.onfetch = event => {\n\
        if (event.request.mode !== 'navigate' || event.request.method !== 'POST') return;\n\
        const text = fetch(event.request).then(got => got.text());\n\
        event.respondWith(text.then(text => new Response(text)));\n\
    };\n\
    self.onmessage = async ({ data: api, ports }) => {\n\
        const seen = [];\n\
        const headers = { ORIGIN: '', 'Sec-Fetch-Site': '', 'sec-fetch-mode': 'navigate' };\n\
        for (const path of ['/auth/login', '/auth/refresh'])\n\
        for (const mode of ['cors', 'no-cors', 'same-origin'])\n\
        for (const credentials of ['include', 'omit']) {\n\
            const wanted = { method: 'POST', mode, credentials, headers };\n\
            try {\n\
                const got = await fetch(new Request(api + path, wanted));\n\
                seen.push(await got.text());\n\
            } catch { seen.push('error'); }\n\
        }\n\
        ports[0].postMessage(seen);\n\
    };";

async fn worker() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript")], WORKER)
}

const BY_WORKER: &str = "\
    const [api] = args;\n\
    const workers = navigator.serviceWorker;\n\
    const controlled = new Promise(done => workers.oncontrollerchange = done);\n\
    await workers.register('/worker.js');\n\
    await controlled;\n\
    const channel = new MessageChannel();\n\
    const answer = new Promise(done => channel.port1.onmessage = done);\n\
    workers.controller.postMessage(api, [channel.port2]);\n\
    const seen = (await answer).data;\n\
    if (location.origin === api) {\n\
        document.body.innerHTML = `<iframe name=frame></iframe>\n\
            <form method=post target=frame action=/auth/login></form>`;\n\
        const frame = document.querySelector('iframe');\n\
        const loaded = new Promise(done => frame.onload = done);\n\
        document.querySelector('form').submit();\n\
        await loaded;\n\
        seen.push('form: ' + frame.contentDocument.body.textContent);\n\
    }\n\
    return seen;";

#[test]
fn a_service_worker_gets_no_token_to_read() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let service = start(CookieTransport::builder());
    let api = format!("https://api.example.test:{}", service.api);
    for page in [
        format!("https://app.example.test:{}/", service.pages),
        format!("{api}/"),
    ] {
        browser.visit(&page);
        let seen = browser.run_async(BY_WORKER, &json!([api])).to_string();
        assert!(seen.contains("csrf_token"), "a login succeeds: {seen}");
        assert_no_token(&seen);
        let reads_form = seen.contains("form: {");
        assert_eq!(reads_form, page.starts_with(&api), "{seen}");
    }
}

/// The user allows third-party cookies, or blocks them.
#[test]
fn a_front_end_of_another_site_needs_same_site_none_and_third_party_cookies() {
    for (same_site, is_blocked, status) in [
        (SameSite::Lax, false, 401),
        (SameSite::None, false, 200),
        (SameSite::None, true, 401),
    ] {
        let mode = u8::from(is_blocked);
        let preferences = json!({ "profile": {
            "cookie_controls_mode": mode, "block_third_party_cookies": is_blocked,
        } });
        let Some(browser) = Hosts::browser_with(&preferences) else {
            return;
        };
        let service = start(CookieTransport::builder().same_site(same_site));
        service.open(&browser, "app.other.test");
        let csrf = service.log_in(&browser);
        let ordered = service.send(&browser, "/orders", &csrf);
        assert_eq!(ordered["status"], status, "{same_site:?} {is_blocked}");
    }
}

#[test]
fn cookies_of_a_domain_are_one_session_for_its_hosts() {
    let Some(browser) = Hosts::browser() else {
        return;
    };
    let host_only = start(CookieTransport::builder());
    host_only.open(&browser, "app.example.test");
    host_only.log_in(&browser);

    // The same browser, after the option was set.
    let service = start(CookieTransport::builder().dangerous_domain("example.test"));
    service.open(&browser, "app.example.test");
    let csrf = service.log_in(&browser);
    browser.visit(&format!(
        "https://api.example.test:{}/auth/session",
        service.api
    ));
    let left: Vec<_> = browser
        .cookies()
        .into_iter()
        .map(|cookie| (cookie["name"].clone(), cookie["domain"].clone()))
        .collect();
    assert_eq!(left.len(), 3, "access, binding and refresh: {left:?}");
    assert!(left.iter().all(|(_, domain)| domain == ".example.test"));

    service.open(&browser, "app.example.test");
    for host in ["api.example.test", "api2.example.test"] {
        let ordered = service.send_to(&browser, host, "/orders", &csrf);
        assert_eq!(ordered["content"], "alice", "{host}");
        let refreshed = service.send_to(&browser, host, "/auth/refresh", &Value::Null);
        assert_eq!(refreshed["status"], 200, "{host}");
    }
    let answer = service.send_to(&browser, "api2.example.test", "/auth/logout", &csrf);
    assert_eq!(answer["status"], 204);
    let refused = service.send(&browser, "/orders", &csrf);
    assert_eq!(refused["status"], 401, "the cookies are gone");
    assert_eq!(service.devices(), 0);
}
