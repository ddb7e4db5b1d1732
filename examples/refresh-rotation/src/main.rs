//! Sessions for a mobile app or a single-page app, on axum: login, refresh and logout, with the
//! tokens in JSON.
//!
//! This file shows how to use tollgate. Beside it are the time limits of the server, the
//! command line, and the text printed at startup.

mod options;
mod server;
mod welcome;

use std::collections::BTreeMap;
use std::error::Error;
use std::future::ready;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::axum::{EndpointService, JwtAuth, require};
use tollgate::session::{
    Continuation, ContinuedSession, Issuer, Login, LoginFailure, LoginRequest, RefreshKey,
    SessionEndpoints, SessionUpdate, Sessions, Transport,
};
use tollgate::stores::redb::RedbStore;
use tollgate::{Algorithm, Principal, SigningKey, role, scope, scopes};

use crate::options::{Options, Request};

scopes! { OrdersRead = "orders:read", OrdersWrite = "orders:write" }

/// The users and their roles. A real service has them in its database.
#[derive(Clone)]
struct Users(Arc<Mutex<BTreeMap<String, &'static [&'static str]>>>);

impl Users {
    fn new() -> Self {
        let users = [("ada", &["admin"][..]), ("bob", &[])];
        let users = users.map(|(user, roles)| (user.to_owned(), roles));
        Self(Arc::new(Mutex::new(BTreeMap::from(users))))
    }

    /// Returns the roles; `None` if there is no such user.
    fn roles(&self, user: &str) -> Option<&'static [&'static str]> {
        let users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(user).copied()
    }

    fn remove(&self, user: &str) {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        users.remove(user);
    }
}

/// Configures the issuer of access tokens, the session store and the grace period of refresh
/// tokens. A session goes on with the roles that the user has then.
fn sessions(options: &Options, users: Users) -> Result<Sessions, Box<dyn Error>> {
    let store = RedbStore::open(options.data.join("sessions.redb"))?;
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(SigningKey::load_or_generate(
            Algorithm::ES256,
            options.data.join("signing-key.pem"),
        )?)
        .build()?;
    let sessions = Sessions::builder(issuer, store)
        .refresh_key(RefreshKey::load_or_generate(
            1,
            options.data.join("refresh.key"),
        )?)
        .grace(options.grace)
        .on_continue(move |session: ContinuedSession| {
            let roles = users.roles(session.subject());
            let answer = roles.map(|roles| Continuation::keep().roles(roles.iter().copied()));
            async move { answer.unwrap_or_else(Continuation::end) }
        })
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

/// Authenticates the user and sets the scope and the roles of the session. A real service stores
/// password hashes: see the example `quickstart`.
fn login(request: &LoginRequest, users: &Users) -> Result<Login, LoginFailure> {
    let Credentials { user, password } = request.json()?;
    let scope = match (&*user, &*password) {
        ("ada", "lovelace") => "orders:read orders:write",
        ("bob", "builder") => "orders:read",
        _ => return Err(LoginFailure::refused()),
    };
    let roles = users.roles(&user).ok_or_else(LoginFailure::refused)?;
    Ok(Login::new(user).scope(scope).roles(roles.iter().copied()))
}

fn app(sessions: &Sessions, users: &Users) -> Result<Router, Box<dyn Error>> {
    let known = users.clone();
    let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Json)
        .login(move |request| ready(login(&request, &known)))
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
        .route(
            "/users/{user}",
            delete(remove_user).route_layer(require(role("admin"))),
        )
        .route_layer(JwtAuth::new(sessions.gate().build()?))
        .with_state((sessions.clone(), users.clone()));
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

/// Removes a user. An update without changes refuses the user's access tokens at once, and the next
/// refresh asks the hook, which ends the session.
async fn remove_user(
    State((sessions, users)): State<(Sessions, Users)>,
    Path(user): Path<String>,
) -> StatusCode {
    users.remove(&user);
    match sessions.update(&user, SessionUpdate::new()).await {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&options.data)?;
    let users = Users::new();
    let app = app(&sessions(&options, users.clone())?, &users)?;
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
