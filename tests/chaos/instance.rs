//! One instance of the service: a process of this program with the real endpoints and gates.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::axum::Router;
use ::axum::extract::Path;
use ::axum::routing::get;
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpServer};
use serde_json::{Value, json};
use tollgate_core::{Algorithm, Clock as _, Gate, Principal, SystemClock};
use tollgate_session::{
    CookieTransport, Issuer, Login, LoginFailure, LoginRequest, RefreshKey, RenewalTransport,
    RevocationStore, SessionEndpoints, SessionStore, Sessions, SlidingRenewal, Transport,
};
use tollgate_store_postgres::PostgresStore;
use tollgate_store_redb::RedbStore;
use tollgate_store_redis::RedisStore;
use tollgate_testkit::keys;
use tollgate_tests::servers::{Process, eventually, free_port, listens};

/// The variable that turns this program into an instance. Its value is the configuration.
const ROLE: &str = "TOLLGATE_CHAOS_INSTANCE";

/// The grace period. The faults last longer.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// The tolerance for clocks, the default of the issuer.
pub(crate) const LEEWAY: i64 = 60;

/// The connections of one instance's pool.
pub(crate) const MAX_CONNECTIONS: usize = 6;

const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// The address of the store, as one instance sees it.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Redb(PathBuf),
    Redis(String),
    Postgres(String),
}

impl Address {
    fn to_json(&self) -> Value {
        match self {
            Self::Redb(path) => json!({ "redb": path }),
            Self::Redis(url) => json!({ "redis": url }),
            Self::Postgres(url) => json!({ "postgres": url }),
        }
    }
}

/// A running instance. It is killed on drop.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) port: u16,
    process: Process,
    address: Address,
    actix: bool,
    log: PathBuf,
}

impl Instance {
    pub(crate) fn start(number: usize, address: Address, log: PathBuf) -> Self {
        let (port, actix) = (free_port(), number == 1);
        let _ = std::fs::remove_file(&log);
        let instance = Self {
            process: spawn(port, &address, actix, &log),
            port,
            address,
            actix,
            log,
        };
        instance.until_ready();
        instance
    }

    fn until_ready(&self) {
        eventually("an instance listens", || listens(self.port));
    }

    pub(crate) fn restart(&mut self) {
        self.process.kill();
        self.process = spawn(self.port, &self.address, self.actix, &self.log);
        self.until_ready();
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }
}

fn spawn(port: u16, address: &Address, actix: bool, log: &std::path::Path) -> Process {
    let role = json!({ "port": port, "actix": actix, "store": address.to_json() });
    let me = std::env::current_exe().expect("the path of this program is known");
    let mut command = Command::new(me);
    command.env(ROLE, role.to_string());
    Process::start(&mut command, log, "").expect("this program exists")
}

/// Runs as an instance if the variable is set, and then never returns.
pub(crate) fn serve_if_asked() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let parent = parent_id();
    std::thread::spawn(move || {
        while parent_id() == parent {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::process::exit(0);
    });
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let role: Value = serde_json::from_str(&role).expect("the configuration is JSON");
    let port = role["port"]
        .as_u64()
        .and_then(|port| u16::try_from(port).ok());
    let port = port.expect("the configuration has a port");
    let text = |name: &str| role["store"][name].as_str();
    let outcome = if role["actix"] == true {
        actix_web::rt::System::new().block_on(async { actix(service(&text), port).await })
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime
            .expect("a runtime starts")
            .block_on(async { axum(&service(&text), port).await })
    };
    eprintln!("the instance ended: {outcome:?}");
    std::process::exit(1);
}

/// The parts of the service for every framework.
#[derive(Clone)]
struct Service {
    clock: Arc<AtomicI64>,
    sessions: Sessions,
    events: Arc<Mutex<BTreeMap<String, u64>>>,
    json: SessionEndpoints,
    cookie: SessionEndpoints,
    /// `/me`: a token in the header field.
    plain: Gate,
    /// `/slide`: the same, with renewal.
    sliding: Gate,
    /// `/web/me`: a token in a cookie.
    web: Gate,
    /// `/web/slide`: the same, with renewal.
    web_sliding: Gate,
}

fn service<'a>(text: &impl Fn(&str) -> Option<&'a str>) -> Service {
    match (text("redb"), text("redis"), text("postgres")) {
        (Some(path), ..) => sessions(RedbStore::open(path).expect("the file opens")),
        (_, Some(url), _) => {
            let store = RedisStore::builder(url).wait_replicas(1, Duration::from_millis(500));
            sessions(store.timeout(STORE_TIMEOUT).build().expect("a store"))
        }
        (.., Some(url)) => {
            let config = url.parse().expect("the URL is well-formed");
            let store = PostgresStore::builder(config)
                .max_connections(MAX_CONNECTIONS)
                .connect_timeout(STORE_TIMEOUT)
                .statement_timeout(STORE_TIMEOUT);
            sessions(store.build().expect("a store"))
        }
        _ => panic!("the configuration has no store"),
    }
}

fn sessions(store: impl SessionStore + RevocationStore) -> Service {
    let clock = Arc::new(AtomicI64::new(0));
    let offset = clock.clone();
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(Algorithm::EdDSA))
        // Longer than the run: a token that was logged out stays a test of all instances.
        .access_lifetime(Duration::from_secs(1800))
        .clock(move || {
            SystemClock
                .now()
                .saturating_add_signed(offset.load(Ordering::SeqCst))
        })
        .build()
        .expect("an issuer");
    let events: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    let heard = events.clone();
    let sessions = Sessions::builder(issuer, store)
        .refresh_key(RefreshKey::new(1, [7; 32]))
        .grace(GRACE)
        .store_timeout(STORE_TIMEOUT)
        .on_event(move |event| {
            let text = format!("{:?}", event.kind());
            let name = text.split(' ').next().unwrap_or_default().to_owned();
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            *heard.entry(name).or_default() += 1;
        })
        .build()
        .expect("sessions");
    let cookies = CookieTransport::builder().path("/web/auth");
    let cookies = cookies.build().expect("cookies");
    let endpoints = |transport| {
        let endpoints = SessionEndpoints::builder(sessions.clone(), transport).login(log_in);
        endpoints.build().expect("endpoints")
    };
    // The access tokens are renewed after 4.5 seconds.
    let renewal = |transport| SlidingRenewal::new(sessions.clone(), transport).after(0.0025);
    let gate = || sessions.gate();
    let built = |gate: tollgate_core::GateBuilder| gate.build().expect("a gate");
    Service {
        json: endpoints(Transport::Json),
        cookie: endpoints(Transport::Cookie(cookies.clone())),
        plain: built(gate()),
        sliding: built(gate().renewal(renewal(RenewalTransport::Header))),
        web: built(cookies.apply(gate())),
        web_sliding: built(
            cookies
                .apply(gate())
                .renewal(renewal(RenewalTransport::Cookie(cookies.clone()))),
        ),
        clock,
        sessions,
        events,
    }
}

async fn log_in(request: LoginRequest) -> Result<Login, LoginFailure> {
    let sent: BTreeMap<String, String> = request.json()?;
    let user = sent.get("user").ok_or_else(LoginFailure::refused)?;
    Ok(Login::new(user.clone()))
}

async fn greet(user: Principal) -> String {
    format!("{:?}", user.subject())
}

impl Service {
    /// Sets the clock ahead by these seconds.
    fn set_clock(&self, offset: i64) -> String {
        self.clock.store(offset, Ordering::SeqCst);
        String::new()
    }

    fn events(&self) -> String {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let in_sync = self.sessions.revocations().status().in_sync;
        json!({ "events": *events, "in_sync": in_sync }).to_string()
    }
}

async fn axum(service: &Service, port: u16) -> std::io::Result<()> {
    let gated = |path: &str, gate: &Gate| {
        let route = Router::new().route(path, get(greet));
        route.route_layer(tollgate_axum::JwtAuth::new(gate.clone()))
    };
    let endpoints = |of: &SessionEndpoints| tollgate_axum::EndpointService::new(of.clone());
    let (clock, status) = (service.clone(), service.clone());
    let app = gated("/me", &service.plain)
        .merge(gated("/slide", &service.sliding))
        .merge(gated("/web/me", &service.web))
        .merge(gated("/web/slide", &service.web_sliding))
        .nest_service("/auth", endpoints(&service.json))
        .nest_service("/web/auth", endpoints(&service.cookie))
        .route(
            "/clock/{offset}",
            get(async move |Path(offset): Path<i64>| clock.set_clock(offset)),
        )
        .route("/status", get(async move || status.events()));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    ::axum::serve(listener, app).await
}

async fn actix(service: Service, port: u16) -> std::io::Result<()> {
    let routes = move |app: &mut ServiceConfig| {
        let gated = |path: &str, gate: &Gate| {
            let gate = tollgate_actix::JwtAuth::new(gate.clone());
            web::resource(path.to_owned()).wrap(gate).to(greet)
        };
        let endpoints = |of: &SessionEndpoints| tollgate_actix::EndpointService::new(of.clone());
        let (clock, status) = (service.clone(), service.clone());
        app.service(gated("/me", &service.plain))
            .service(gated("/slide", &service.sliding))
            .service(gated("/web/me", &service.web))
            .service(gated("/web/slide", &service.web_sliding))
            .service(web::scope("/auth").service(endpoints(&service.json)))
            .service(web::scope("/web/auth").service(endpoints(&service.cookie)))
            .route(
                "/clock/{offset}",
                web::get().to(move |offset: web::Path<i64>| {
                    std::future::ready(clock.set_clock(offset.into_inner()))
                }),
            )
            .route(
                "/status",
                web::get().to(move || std::future::ready(status.events())),
            );
    };
    HttpServer::new(move || App::new().configure(routes.clone()))
        .workers(2)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, port))?
        .run()
        .await
}
