//! A web page whose users stay logged in while they are active, on axum: tokens in cookies,
//! sessions in a file.
//!
//! This file shows how to use tollgate. Beside it are the page, the time limits of the server,
//! the command line, and the text printed at startup.

mod options;
mod page;
mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::Principal;
use tollgate::axum::{EndpointService, JwtAuth};
use tollgate::session::{
    CookieTransport, Issuer, Login, LoginFailure, LoginRequest, MemoryStore, RefreshKey,
    RenewalTransport, SessionEndpoints, Sessions, SlidingRenewal, Transport,
};
use tollgate::stores::redb::RedbStore;
use tollgate::{Algorithm, SigningKey};

use crate::options::{Options, Request};

/// Configures the issuer of access tokens, the lifetimes and the session store.
fn sessions(options: &Options) -> Result<Sessions, Box<dyn Error>> {
    let signing_key = match &options.data {
        Some(folder) => {
            SigningKey::load_or_generate(Algorithm::ES256, folder.join("signing-key.pem"))?
        }
        None => SigningKey::generate(Algorithm::ES256)?.with_kid("1"),
    };
    let issuer = Issuer::builder("https://id.example.com")
        .audience("clicks")
        .signing_key(signing_key)
        .access_lifetime(options.access_lifetime)
        .build()?;
    let sessions = match &options.data {
        Some(folder) => Sessions::builder(issuer, RedbStore::open(folder.join("sessions.redb"))?)
            .refresh_key(RefreshKey::load_or_generate(1, folder.join("refresh.key"))?),
        None => {
            Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?)
        }
    };
    let sessions = sessions
        .on_event(|event| eprintln!("{}: {event:?}", options::PROGRAM))
        .build()?; // a session ends after a week of inactivity, and after thirty days
    Ok(sessions)
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

fn app(sessions: &Sessions) -> Result<Router, Box<dyn Error>> {
    // `__Host-access` and `__Host-session` for the whole site, `__Secure-refresh` for /auth only.
    // Scripts cannot read them.
    let cookies = CookieTransport::builder().path("/auth").build()?;
    let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Cookie(cookies.clone()))
        .login(login)
        .build()?;
    // Reads the token from the cookie. A state-changing request must come from this site and send
    // the CSRF token. A request in the second half of the token's lifetime gets a new cookie.
    let gate = cookies
        .apply(sessions.gate())
        .renewal(SlidingRenewal::new(
            sessions.clone(),
            RenewalTransport::Cookie(cookies),
        ))
        .build()?;
    let guarded = Router::new()
        .route("/clicks", get(clicks).post(click))
        .route_layer(JwtAuth::new(gate))
        .with_state(Arc::new(AtomicU64::new(0)));
    Ok(guarded
        .nest_service("/auth", EndpointService::new(endpoints))
        .merge(page::routes()))
}

async fn clicks(caller: Principal, State(count): State<Arc<AtomicU64>>) -> Json<Value> {
    Json(json!({"user": caller.subject(), "clicks": count.load(Ordering::Relaxed)}))
}

async fn click(caller: Principal, State(count): State<Arc<AtomicU64>>) -> Json<Value> {
    Json(json!({"user": caller.subject(), "clicks": count.fetch_add(1, Ordering::Relaxed) + 1}))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = &options.data {
        std::fs::create_dir_all(folder)?;
    }
    let app = app(&sessions(&options)?)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| options.cannot_listen(&problem))?;
    std::io::stdout().write_all(welcome::text(listener.local_addr()?, &options).as_bytes())?;
    server::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    // tollgate logs the reason of each refusal.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let options = match options::read() {
        Ok(Request::Serve(options)) => options,
        Ok(Request::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("{}: {problem}\nTry `--help`.", options::PROGRAM);
            return ExitCode::from(2);
        }
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::PROGRAM);
            ExitCode::FAILURE
        }
    }
}
