//! A service with several instances, on actix-web. The instances share their sessions in a Redis
//! Cluster, and a logout applies to all of them.
//!
//! This file shows how to use tollgate. Beside it are the command line and the text printed at
//! startup.

mod options;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use actix_web::web::{self, Json};
use actix_web::{App, HttpServer};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate::Principal;
use tollgate::actix::{EndpointService, JwtAuth};
use tollgate::session::{
    Issuer, Login, LoginFailure, LoginRequest, SessionEndpoints, Sessions, Transport,
};
use tollgate::stores::redis::RedisStore;

use crate::options::{Options, Request};

/// Configures the sessions. Every instance has the same keys, names and cluster, so a client can
/// use any of them.
fn sessions(options: Options) -> Result<Sessions, Box<dyn Error>> {
    // One or two nodes suffice to discover the others. The connection opens with the first request.
    let store = RedisStore::cluster(&options.redis).build()?;
    let issuer = Issuer::builder("https://id.example.com")
        .audience("orders-api")
        .signing_key(options.signing_key)
        .build()?;
    let sessions = Sessions::builder(issuer, store)
        .refresh_key(options.refresh_key)
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
        ("ada", "lovelace") => Ok(Login::new(user).scope("orders:read")),
        _ => Err(LoginFailure::refused()),
    }
}

async fn orders(caller: Principal) -> Json<Value> {
    Json(json!({"of": caller.subject(), "orders": [{"id": 1, "item": "punched cards"}]}))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let listen = options.listen;
    let sessions = sessions(options)?;
    let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Json)
        .login(login)
        .build()?;
    // Created once for all workers: clones share their state.
    let auth = EndpointService::new(endpoints);
    let keys = EndpointService::new(sessions.issuer().jwks());
    let gate = sessions.gate().build()?;
    let app = move || {
        let orders = web::resource("/orders")
            .wrap(JwtAuth::new(gate.clone()))
            .get(orders);
        App::new()
            .service(web::scope("/auth").service(auth.clone()))
            .service(web::scope("/.well-known/jwks.json").service(keys.clone()))
            .service(orders)
    };

    let server = HttpServer::new(app)
        .shutdown_timeout(5) // seconds for open requests after SIGTERM; Ctrl-C does not wait
        .bind(listen)
        .map_err(|problem| options::cannot_listen(listen, &problem))?;
    for address in server.addrs() {
        std::io::stdout().write_all(welcome::text(address).as_bytes())?;
    }
    server.run().await?; // until Ctrl-C or SIGTERM
    Ok(())
}

#[actix_web::main]
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
    match serve(*options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::PROGRAM);
            ExitCode::FAILURE
        }
    }
}
