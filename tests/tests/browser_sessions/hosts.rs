//! An application at `app.example.test` and a hostile page at `evil.example.test`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, Uri};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;
use tollgate_axum::{EndpointService, JwtAuth};
use tollgate_core::{Algorithm, Principal};
use tollgate_session::{
    CookieTransport, CookieTransportBuilder, Issuer, Login, LoginFailure, LoginRequest,
    MemoryStore, RefreshKey, RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal,
    Transport,
};
use tollgate_testkit::{FakeClock, keys};
use tollgate_tests::browser::Browser;

/// The service, until it is dropped.
pub(crate) struct Hosts {
    pub(crate) runtime: Runtime,
    pub(crate) clock: FakeClock,
    pub(crate) sessions: Sessions,
    pub(crate) state: Shared,
    port: u16,
}

/// The `Cookie` fields that arrived, and the requests that wait.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    held: mpsc::Sender<&'static str>,
    release: Arc<Semaphore>,
}

impl Hosts {
    /// Starts the service with endpoints at the paths of these transports. The first transport
    /// guards the routes.
    pub(crate) fn start(
        transports: Vec<CookieTransportBuilder>,
    ) -> (Self, mpsc::Receiver<&'static str>) {
        let runtime = Runtime::new().unwrap();
        let clock = FakeClock::new();
        let (held, waiting) = mpsc::channel();
        let state = Shared {
            seen: Arc::default(),
            held,
            release: Arc::new(Semaphore::new(0)),
        };
        let guard = runtime.enter();
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
        let app = app(&sessions, transports, &state);
        let listener = runtime.block_on(Tls::bind());
        let port = listener.address.port();
        runtime.spawn(async move { axum::serve(listener, app).await });
        drop(guard);
        let hosts = Self {
            runtime,
            clock,
            sessions,
            state,
            port,
        };
        (hosts, waiting)
    }

    pub(crate) fn browser() -> Option<Browser> {
        Self::browser_with(&json!({}))
    }

    pub(crate) fn browser_with(preferences: &Value) -> Option<Browser> {
        let arguments = [
            "--ignore-certificate-errors",
            "--host-resolver-rules=MAP *.test 127.0.0.1",
        ];
        Browser::start_with_preferences(&arguments, preferences)
    }

    pub(crate) fn open(&self, browser: &Browser, host: &str, target: &str) {
        browser.visit(&self.url(host, target));
    }

    pub(crate) fn url(&self, host: &str, target: &str) -> String {
        format!("https://{host}.example.test:{}{target}", self.port)
    }

    /// Lets one request that waits go on.
    pub(crate) fn release(&self) {
        self.state.release.add_permits(1);
    }

    pub(crate) fn devices(&self, user: &str) -> usize {
        let devices = self.runtime.block_on(self.sessions.devices(user, None));
        devices.unwrap().len()
    }
}

/// Sends a request from the page, with its CSRF token, and returns the status.
pub(crate) fn send(browser: &Browser, method: &str, path: &str, content: &Value) -> Value {
    browser.run_async(
        "const session = await fetch('/auth/session');\n\
         const headers = { 'content-type': 'application/json' };\n\
         if (session.ok) headers['x-csrf-token'] = (await session.json()).csrf_token;\n\
         const body = args[2] === null ? undefined : JSON.stringify(args[2]);\n\
         return (await fetch(args[1], { method: args[0], headers, body })).status",
        &json!([method, path, content]),
    )
}

pub(crate) fn log_in(browser: &Browser, mount: &str, user: &str) {
    let path = format!("{mount}/login");
    assert_eq!(send(browser, "POST", &path, &json!({ "user": user })), 200);
}

pub(crate) fn refresh(browser: &Browser, mount: &str) -> Value {
    send(browser, "POST", &format!("{mount}/refresh"), &Value::Null)
}

/// The user that the page acts as, or the status of the refusal.
pub(crate) fn me(browser: &Browser) -> Value {
    browser.run_async(
        "const got = await fetch('/me'); return got.ok ? await got.text() : got.status",
        &json!([]),
    )
}

async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let said: Value = request.json()?;
    let user = said["user"].as_str().ok_or_else(LoginFailure::refused)?;
    Ok(Login::new(user))
}

fn app(sessions: &Sessions, transports: Vec<CookieTransportBuilder>, state: &Shared) -> Router {
    let transports: Vec<CookieTransport> = transports
        .into_iter()
        .map(|builder| builder.build().unwrap())
        .collect();
    let by_cookie = RenewalTransport::Cookie(transports[0].clone());
    let gate = transports[0]
        .apply(sessions.gate())
        .renewal(SlidingRenewal::new(sessions.clone(), by_cookie))
        .login_redirect(transports[0].login_redirect("/login"))
        .build()
        .unwrap();
    let mut router = Router::new()
        .route(
            "/me",
            get(async |user: Principal| user.subject().unwrap().to_owned()),
        )
        .route(
            "/page",
            get(async |user: Principal| Html(format!("<p>{}</p>", user.subject().unwrap()))),
        )
        .route("/slow-handler", get(slow_handler))
        .route("/slow-answer", get(async || "slow"))
        .route_layer(JwtAuth::new(gate))
        .layer(middleware::from_fn_with_state(state.clone(), around))
        .route("/", get(async || Html("<title>served</title>")))
        .route("/login", get(async || Html("<p>log in</p>")))
        .route("/plant", get(plant))
        .with_state(state.clone());
    for cookies in transports {
        let path = cookies.path().to_owned();
        let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Cookie(cookies))
            .login(login)
            .resume("/login")
            .build()
            .unwrap();
        let endpoints = EndpointService::new(endpoints);
        router = router.nest_service(&path, endpoints);
    }
    router.layer(middleware::from_fn_with_state(state.clone(), record))
}

async fn record(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let lines = request.headers().get_all("cookie").iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    state.seen.lock().unwrap().extend(lines);
    next.run(request).await
}

impl Shared {
    async fn hold(&self, place: &'static str) {
        self.held.send(place).unwrap();
        self.release.acquire().await.unwrap().forget();
    }
}

async fn slow_handler(State(state): State<Shared>) -> &'static str {
    state.hold("handler").await;
    "slow"
}

/// Delays a response that may already carry a renewed cookie.
async fn around(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let slow = request.uri().path() == "/slow-answer";
    let response = next.run(request).await;
    if slow {
        state.hold("answer").await;
    }
    response
}

/// The hostile page: sets the cookies of its query, each as hexadecimal digits.
async fn plant(target: Uri) -> impl IntoResponse {
    let mut response = Html("<title>planted</title>").into_response();
    for line in target.query().unwrap().split('&') {
        let digits = line.as_bytes().chunks(2);
        let bytes = digits.map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes = bytes.map(|pair| u8::from_str_radix(pair, 16).unwrap());
        let line = HeaderValue::from_bytes(&bytes.collect::<Vec<_>>()).unwrap();
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}

/// A listener with a self-signed certificate.
pub(crate) struct Tls {
    pub(crate) address: SocketAddr,
    accepted: tokio::sync::mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl Tls {
    pub(crate) async fn bind() -> Self {
        let key = KeyPair::generate().unwrap();
        let names = vec![
            "app.example.test".to_owned(),
            "evil.example.test".to_owned(),
        ];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = tokio::sync::mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok((connection, peer)) = listener.accept().await {
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                // One task each: the browser also opens connections that it does not use.
                tokio::spawn(async move {
                    if let Ok(connection) = acceptor.accept(connection).await {
                        let _ = sender.send((connection, peer)).await;
                    }
                });
            }
        });
        Self { address, accepted }
    }
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}
