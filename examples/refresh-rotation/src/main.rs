//! Sessions for a mobile app or a single-page app, on axum: login, refresh and logout, with the
//! tokens in JSON.
//!
//! This file shows how to use tollgate. Beside it are persistent keys, the time limits of the
//! server, the command line, and the text printed at startup.

mod keys;
mod options;
mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::axum::{EndpointService, JwtAuth, require};
use tollgate::session::{
    Issuer, Login, LoginFailure, LoginRequest, SessionEndpoints, Sessions, Transport,
};
use tollgate::stores::redb::RedbStore;
use tollgate::{Principal, scope, scopes};

use crate::options::{Options, Request};

scopes! { OrdersRead = "orders:read", OrdersWrite = "orders:write" }

/// Configures the issuer of access tokens, the session store and the grace period of refresh
/// tokens.
fn sessions(options: &Options) -> Result<Sessions, Box<dyn Error>> {
    let store = RedbStore::open(options.data.join("sessions.redb"))?;
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(keys::signing(&options.data)?)
        .build()?;
    let sessions = Sessions::builder(issuer, store)
        .refresh_key(keys::refresh(&options.data)?)
        .grace(options.grace)
        // A real service notifies the user when reuse of a refresh token is detected: it may be
        // stolen.
        .on_event(|event| eprintln!("{}: {event:?}", options::PROGRAM))
        .build()?;
    Ok(sessions)
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// Authenticates the user and sets the scope of the session. A real service stores password hashes:
/// see the example `quickstart`.
async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let Credentials { user, password } = request.json()?;
    match (&*user, &*password) {
        ("ada", "lovelace") => Ok(Login::new(user).scope("orders:read orders:write")),
        ("bob", "builder") => Ok(Login::new(user).scope("orders:read")),
        _ => Err(LoginFailure::refused()),
    }
}

fn app(sessions: &Sessions) -> Result<Router, Box<dyn Error>> {
    let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Json)
        .login(login)
        .build()?;
    let guarded = Router::new()
        .route(
            "/orders",
            get(orders).route_layer(require(scope(OrdersRead))),
        )
        .route(
            "/orders",
            delete(cancel_orders).route_layer(require(scope(OrdersWrite))),
        )
        .route_layer(JwtAuth::new(sessions.gate().build()?));
    Ok(Router::new()
        .nest_service("/auth", EndpointService::new(endpoints))
        .route_service(
            "/.well-known/jwks.json",
            EndpointService::new(sessions.issuer().jwks()),
        )
        .merge(guarded))
}

async fn orders(caller: Principal) -> Json<Value> {
    Json(json!({"of": caller.subject(), "orders": [{"id": 1, "item": "punched cards"}]}))
}

async fn cancel_orders(caller: Principal) -> Json<Value> {
    Json(json!({"of": caller.subject(), "cancelled": 1}))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&options.data)?;
    let app = app(&sessions(&options)?)?;
    let grace = options.grace;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| options.cannot_listen(&problem))?;
    let welcome = welcome::text(listener.local_addr()?, grace);
    std::io::stdout().write_all(welcome.as_bytes())?;
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
