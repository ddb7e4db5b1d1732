//! An API and its front-end on another origin, on axum. Browsers use cookies, programs use bearer
//! tokens, at the same paths.
//!
//! This file shows how to use tollgate. Beside it are the front-end, the time limits of the server,
//! and the text printed at startup.

mod front_end;
mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, Method};
use axum::routing::get;
use axum::{Json, Router};
use lexopt::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::axum::{EndpointService, JwtAuth};
use tollgate::config::GateBuilder;
use tollgate::session::{
    CookieTransport, Issuer, Login, LoginFailure, LoginRequest, MemoryStore, RefreshKey,
    RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal, Transport,
};
use tollgate::{
    Algorithm, CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS, Gate, Principal, SigningKey,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The origins whose pages may use the API with the user's cookies. The only list of them.
fn trusting(gate: GateBuilder, front_end: &str) -> GateBuilder {
    gate.trusted_origin(front_end)
        .trusted_origin("tauri://localhost") // a desktop app
        .trusted_origin("capacitor://localhost") // a mobile app
        .trusted_origin_if(is_preview)
}

/// `https://pr-<number>.preview.example.com`, compared as a whole.
fn is_preview(origin: &str) -> bool {
    let number = origin
        .strip_prefix("https://pr-")
        .and_then(|rest| rest.strip_suffix(".preview.example.com"));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Lets pages of the origins that the gate trusts send credentials and read the responses.
fn cors(gate: Gate) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            gate.trusts_origin(origin)
        }))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(CORS_ALLOWED_HEADERS.map(HeaderName::from_static))
        .expose_headers(CORS_EXPOSED_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600)) // browsers repeat the preflight after this time
}

fn api(front_end: String) -> Result<Router, Box<dyn Error>> {
    let issuer = Issuer::builder("https://id.example.com")
        .audience("clicks")
        .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("1"))
        .build()?;
    // In memory: sessions end with the process. The example `sliding-session` keeps them in a file.
    let sessions = Sessions::builder(issuer, MemoryStore::default())
        .refresh_key(RefreshKey::generate(1)?)
        .build()?;
    let cookies = CookieTransport::builder()
        .path("/auth")
        .clear_site_data()
        .build()?;
    // Cookies for browsers, JSON for programs.
    let transport = Transport::Both(cookies.clone());
    let gate = transport.apply(trusting(sessions.gate(), &front_end));
    let gate = gate
        .renewal(SlidingRenewal::new(
            sessions.clone(),
            RenewalTransport::Both(cookies),
        ))
        .build()?;
    let endpoints = SessionEndpoints::builder(sessions, transport)
        .login(login)
        .gate(move |gate| trusting(gate, &front_end))
        .build()?;
    Ok(Router::new()
        .route("/clicks", get(clicks).post(click))
        .route_layer(JwtAuth::new(gate.clone()))
        .with_state(Arc::new(AtomicU64::new(0)))
        .nest_service("/auth", EndpointService::new(endpoints))
        // Outside of the gate: browsers send preflights without credentials, and pages must be able
        // to read refusals.
        .layer(cors(gate)))
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// Authenticates the user. A real service stores password hashes: see the example `quickstart`.
async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let Credentials { user, password } = request.json()?;
    match (&*user, &*password) {
        ("ada", "lovelace") | ("bob", "builder") => Ok(Login::new(user)),
        _ => Err(LoginFailure::refused()),
    }
}

async fn clicks(caller: Principal, State(count): State<Arc<AtomicU64>>) -> Json<Value> {
    Json(json!({"user": caller.subject(), "clicks": count.load(Ordering::Relaxed)}))
}

async fn click(caller: Principal, State(count): State<Arc<AtomicU64>>) -> Json<Value> {
    Json(json!({"user": caller.subject(), "clicks": count.fetch_add(1, Ordering::Relaxed) + 1}))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let bind = async |address: SocketAddr| {
        let listener = TcpListener::bind(address).await;
        listener.map_err(|problem| format!("cannot listen on {address}: {problem}"))
    };
    let (listener, other) = (bind(options.listen).await?, bind(options.front_end).await?);
    let address = listener.local_addr()?;
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let url = |port: u16| format!("http://localhost:{port}");
    let front_end = url(other.local_addr()?.port());
    let api = api(front_end.clone())?;
    let page = front_end::routes(&url(address.port()));
    std::io::stdout().write_all(welcome::text(address, &front_end).as_bytes())?;
    tokio::try_join!(server::serve(listener, api), server::serve(other, page))?;
    Ok(())
}

struct Options {
    listen: SocketAddr,
    front_end: SocketAddr,
}

/// `None` for `--help`.
fn options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        front_end: SocketAddr::from(([127, 0, 0, 1], 3000)),
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => options.listen = arguments.value()?.parse()?,
            Long("front-end") => options.front_end = arguments.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

#[tokio::main]
async fn main() -> ExitCode {
    // tollgate logs the reason of each refusal.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!(
                "usage: other-origin [--listen ADDR] [--front-end ADDR]   (127.0.0.1:8080, \
                 127.0.0.1:3000, port 0: any free port)"
            );
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("other-origin: {problem}\nTry `--help`.");
            return ExitCode::from(2);
        }
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("other-origin: {problem}");
            ExitCode::FAILURE
        }
    }
}
