//! A gate that nginx, Caddy and `HAProxy` ask for permission, as the guide configures them.

#![allow(clippy::unwrap_used)] // a test

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request as AxumRequest};
use axum::http::StatusCode;
use axum::middleware::map_request;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tollgate_axum::JwtAuth;
use tollgate_core::{
    Algorithm, ForwardAuth, Gate, PeerAddress, Principal, RevocationCheck, Source, Standing, Step,
    Unavailable, Verifier,
};
use tollgate_testkit::{FakeClock, Mint, keys};
use tollgate_tests::http::{Answer, Request};
use tollgate_tests::servers::{ForwardProxy, ProxyKind, free_port};

/// A store that fails for one session.
struct Failing;

impl RevocationCheck for Failing {
    fn check(&self, principal: &Principal) -> Step<Result<Standing, Unavailable>> {
        Step::Ready(match principal.session_id() {
            Some("down") => Err(Unavailable::new(Duration::from_secs(7))),
            _ => Ok(Standing::Good),
        })
    }
}

fn gate() -> Gate {
    let verifier = Verifier::builder()
        .issuer(Mint::ISSUER)
        .audience(Mint::AUDIENCE)
        .key(keys::verifying(Algorithm::HS256))
        .clock(FakeClock::new())
        .build()
        .unwrap();
    Gate::builder(verifier)
        .source(Source::bearer())
        .source(Source::cookie("access"))
        .revocation(Failing)
        .forward_auth(ForwardAuth::from_proxies([[127, 0, 0, 1]]))
        .build()
        .unwrap()
}

async fn with_peer(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: AxumRequest,
) -> AxumRequest {
    request.extensions_mut().insert(PeerAddress(peer.ip()));
    request
}

/// A proxy, the service that it asks, and the application that counts what reaches it.
struct World {
    proxy: ForwardProxy,
    application: u16,
    reached: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl World {
    fn start(kind: ProxyKind) -> Option<Self> {
        let runtime = Runtime::new().unwrap();
        let listener = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (authentication, application) = (listener(), listener());
        let port_of_application = port(&application);
        let proxy = ForwardProxy::start(kind, port(&authentication), port_of_application)?;

        let asked = Router::new()
            .fallback(async || StatusCode::NO_CONTENT)
            .layer(JwtAuth::new(gate()))
            .layer(map_request(with_peer))
            .into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(authentication, asked).await });
        let reached = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reached);
        let answering = Router::new().fallback(async move |request: AxumRequest| {
            count.fetch_add(1, Ordering::SeqCst);
            format!("{} {}", request.method(), request.uri())
        });
        runtime.spawn(async move { axum::serve(application, answering).await });
        Some(Self {
            proxy,
            application: port_of_application,
            reached,
            _runtime: runtime,
        })
    }

    fn request(&self, method: &'static str) -> Request {
        Request::new(method, self.proxy.url("/transfer?to=x"))
    }

    /// Sends a request that must reach the application.
    fn passes(&self, what: &str, request: &Request) {
        let before = self.reached.load(Ordering::SeqCst);
        let answer = request.send().unwrap();
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert!(
            answer.content.ends_with(" /transfer?to=x"),
            "{what}: {answer:?}"
        );
        assert_eq!(self.reached.load(Ordering::SeqCst), before + 1, "{what}");
    }

    /// Sends a request that must not.
    fn refuses(&self, what: &str, request: &Request, status: u16) -> Answer {
        let before = self.reached.load(Ordering::SeqCst);
        let answer = request.send().unwrap();
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(self.reached.load(Ordering::SeqCst), before, "{what}");
        answer
    }
}

fn token(session: &str) -> String {
    let mint = Mint::new(keys::signing(Algorithm::HS256), &FakeClock::new());
    mint.token().claim("sid", session).build()
}

/// Sends requests with more fields than a program may have room for.
fn many_fields(world: &World) {
    for count in [60, 90, 97, 98, 150] {
        let before = world.reached.load(Ordering::SeqCst);
        let many = (0..count).fold(world.request("POST"), |request, number| {
            request.with(&format!("x-{number}"), "1")
        });
        // A proxy may close the connection.
        let passed = many.send().is_ok_and(|answer| answer.status < 400);
        assert!(!passed, "{count} fields");
        assert_eq!(world.reached.load(Ordering::SeqCst), before, "{count}");
        world.refuses("after many fields", &world.request("GET"), 401);
    }
}

fn attack(kind: ProxyKind) {
    let Some(world) = World::start(kind) else {
        return;
    };
    let cookie = format!("theme=dark; access={}", token("s-1"));
    let with_cookie = |method| world.request(method).with("cookie", &cookie);
    let post = || with_cookie("POST");
    let own = world.proxy.url("");

    let refused = world.refuses("no credential", &world.request("GET"), 401);
    assert!(refused.field("www-authenticate").is_some(), "{refused:?}");
    world.refuses("no credential, POST", &world.request("POST"), 401);
    let bearer = |token: &str| {
        let field = format!("Bearer {token}");
        world.request("POST").with("authorization", &field)
    };
    world.passes("a token in the field", &bearer(&token("s-1")));

    world.passes(
        "GET",
        &with_cookie("GET").with("sec-fetch-site", "cross-site"),
    );
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = with_cookie(method).with("sec-fetch-site", "cross-site");
        world.refuses("a cross-site cookie", &request, 403);
    }
    world.refuses("no proof of origin", &post(), 403);
    for origin in [
        "https://evil.example",
        "null",
        &own.replace("http", "https"),
    ] {
        world.refuses(origin, &post().with("origin", origin), 403);
    }
    world.passes("same origin", &post().with("sec-fetch-site", "same-origin"));
    world.passes("own origin", &post().with("origin", &own));
    let form = Request::post(world.proxy.url("/transfer?to=x"), &[("amount", "7")]);
    let form = form.with("cookie", &cookie).with("origin", &own);
    world.passes("a request with content", &form);

    let call = || {
        world
            .request("POST")
            .with("content-type", "application/grpc")
    };
    world.refuses("gRPC without a token", &call(), 401);
    let call = call().with("cookie", &cookie);
    world.refuses(
        "gRPC, cross-site",
        &call.with("sec-fetch-site", "cross-site"),
        403,
    );

    let spoofing = |name: &str, value: &str| {
        let request = post().with("sec-fetch-site", "cross-site");
        request.with(name, value)
    };
    for name in [
        "X-Forwarded-Method",
        "x-forwarded-method",
        "X_Forwarded_Method",
    ] {
        world.refuses("a spoofed method", &spoofing(name, "GET"), 403);
    }
    let doubled = spoofing("x-forwarded-method", "GET").with("x-forwarded-method", "GET");
    world.refuses("a method that is spoofed twice", &doubled, 403);
    let of_evil = |scheme: &str| {
        let origin = format!("{scheme}://evil.example");
        post()
            .with("origin", &origin)
            .with("x-forwarded-host", "evil.example")
            .with("x-forwarded-proto", scheme)
            .with("x-forwarded-uri", "/public")
            .with("forwarded", "host=evil.example;proto=https")
    };
    world.refuses("a spoofed host", &of_evil("http"), 403);
    world.refuses("a spoofed host and scheme", &of_evil("https"), 403);
    let scheme = post().with("origin", &own.replace("http", "https"));
    let scheme = scheme.with("x-forwarded-proto", "https");
    world.refuses("a spoofed scheme", &scheme, 403);
    let named = post()
        .with("sec-fetch-site", "cross-site")
        .with("connection", "x-forwarded-method, sec-fetch-site");
    world.refuses("fields named as those of the connection", &named, 403);

    let handshake = with_cookie("GET")
        .with("upgrade", "websocket")
        .with("sec-websocket-version", "13")
        .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .with("origin", "https://evil.example");
    world.refuses("a cross-site handshake", &handshake, 403);

    many_fields(&world);
    let unreachable = ForwardProxy::start(kind, free_port(), world.application).unwrap();
    let before = world.reached.load(Ordering::SeqCst);
    let answer = Request::get(unreachable.url("/")).send().unwrap();
    assert!(answer.status >= 500, "{answer:?}");
    assert_eq!(world.reached.load(Ordering::SeqCst), before);

    world.refuses("a malformed credential", &bearer("\""), 400);
    let refused = world.refuses("a store that fails", &bearer(&token("down")), 503);
    assert_eq!(refused.field("retry-after"), Some("7"), "{refused:?}");
}

#[test]
fn nginx_asks_the_gate_about_the_original_request() {
    attack(ProxyKind::Nginx);
}

#[test]
fn caddy_asks_the_gate_about_the_original_request() {
    attack(ProxyKind::Caddy);
}

#[test]
fn haproxy_asks_the_gate_about_the_original_request() {
    attack(ProxyKind::Haproxy);
}

#[test]
fn haproxy_denies_a_request_after_an_error_of_the_script() {
    let Some(mut world) = World::start(ProxyKind::Haproxy) else {
        return;
    };
    let broken = |text: String| text.replace("core.httpclient()", "core.missing()");
    let proxy =
        ForwardProxy::start_edited(ProxyKind::Haproxy, free_port(), world.application, broken);
    world.proxy = proxy.unwrap();
    world.refuses("no answer to the script", &world.request("GET"), 503);
}
