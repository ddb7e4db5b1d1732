//! A device list, logout of a device, and step-up authentication before sensitive actions, on
//! actix-web.
//!
//! This file shows how to use tollgate. Beside it are the command line and the text printed at
//! startup.

mod options;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::web::{self, Data, Json, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate::Principal;
use tollgate::actix::{EndpointService, JwtAuth};
use tollgate::session::{
    Device, Issuer, Login, LoginFailure, LoginRequest, MemoryStore, RefreshKey, SessionEndpoints,
    Sessions, Transport,
};
use tollgate::stores::redb::RedbStore;
use tollgate::{Algorithm, Gate, SigningKey};

use crate::options::{Options, Request};

/// The parts of the service. Every worker has a clone.
#[derive(Clone)]
struct Service {
    sessions: Sessions,
    /// Login, refresh, logout and the list of devices. See the README for the paths.
    endpoints: Arc<SessionEndpoints>,
    /// Requires a valid access token. Tokens of a logged-out device are refused immediately.
    gate: Gate,
    /// Requires a recent login with the password.
    fresh: Gate,
}

impl Service {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let sessions = sessions(options)?;
        let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Json)
            .login(login)
            .build()?;
        Ok(Self {
            endpoints: Arc::new(endpoints),
            gate: sessions.gate().build()?,
            fresh: sessions
                .gate()
                .max_authentication_age(options.fresh)
                .build()?,
            sessions,
        })
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(self.sessions.clone()))
            .service(web::scope("/auth").service(EndpointService::new(self.endpoints.clone())))
            .service(
                web::resource("/me")
                    .wrap(JwtAuth::new(self.gate.clone()))
                    .get(me),
            )
            .service(
                web::resource("/reauthenticate")
                    .wrap(JwtAuth::new(self.gate.clone()))
                    .post(reauthenticate),
            )
            .service(
                web::resource("/account")
                    .wrap(JwtAuth::new(self.fresh.clone()))
                    .delete(close_account),
            );
    }
}

/// Configures the issuer of access tokens and the session store.
fn sessions(options: &Options) -> Result<Sessions, Box<dyn Error>> {
    let signing_key = match &options.data {
        Some(folder) => {
            SigningKey::load_or_generate(Algorithm::ES256, folder.join("signing-key.pem"))?
        }
        None => SigningKey::generate(Algorithm::ES256)?.with_kid("1"),
    };
    let issuer = Issuer::builder("https://id.example.com")
        .audience("accounts")
        .signing_key(signing_key)
        .leeway(Duration::from_secs(1)) // one clock: only this process verifies these tokens
        .build()?;
    let sessions = match &options.data {
        Some(folder) => Sessions::builder(issuer, RedbStore::open(folder.join("sessions.redb"))?)
            .refresh_key(RefreshKey::load_or_generate(1, folder.join("refresh.key"))?),
        None => {
            Sessions::builder(issuer, MemoryStore::default()).refresh_key(RefreshKey::generate(1)?)
        }
    };
    Ok(sessions.build()?)
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
    /// The name that the user gives the device.
    device: Option<String>,
}

/// Authenticates the user and describes the device.
async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
    let given: Credentials = request.json()?;
    if !is_password(&given.user, &given.password) {
        return Err(LoginFailure::refused());
    }
    let device = Device {
        name: given.device,
        ..Device::default() // user agent and address are recorded automatically
    };
    Ok(Login::new(given.user).device(device))
}

/// A real service stores password hashes: see the example `quickstart`.
fn is_password(user: &str, password: &str) -> bool {
    [("ada", "lovelace"), ("bob", "builder")].contains(&(user, password))
}

async fn me(caller: Principal) -> Json<Value> {
    Json(json!({"user": caller.subject()}))
}

/// A sensitive action: a valid token on an unlocked phone is not enough. This demo closes no
/// account.
async fn close_account(caller: Principal) -> Json<Value> {
    Json(json!({"closed": caller.subject()}))
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

/// Checks the password again and issues tokens with the new authentication time. They replace both
/// tokens of the client.
async fn reauthenticate(
    caller: Principal,
    sessions: Data<Sessions>,
    Json(Password { password }): Json<Password>,
) -> HttpResponse {
    if !caller
        .subject()
        .is_some_and(|user| is_password(user, &password))
    {
        return HttpResponse::Forbidden().json(json!({"title": "the password is wrong"}));
    }
    match sessions.reauthenticated(&caller).await {
        Ok(fresh) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(json!({
                "access_token": fresh.access_token,
                "token_type": "Bearer",
                "expires_in": fresh.expires_in,
                "refresh_token": fresh.refresh_token,
                "refresh_expires_in": fresh.refresh_expires_in,
            })),
        Err(problem) if problem.is_unavailable() => HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, 1))
            .finish(),
        Err(_) => HttpResponse::Unauthorized().finish(), // logged out in the meantime
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = &options.data {
        std::fs::create_dir_all(folder)?;
    }
    let service = Service::new(&options)?;
    let server = HttpServer::new(move || App::new().configure(|config| service.routes(config)))
        .shutdown_timeout(5) // seconds for open requests after SIGTERM; Ctrl-C does not wait
        .bind(options.listen)
        .map_err(|problem| options.cannot_listen(&problem))?;
    for address in server.addrs() {
        std::io::stdout().write_all(welcome::text(address, &options).as_bytes())?;
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
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::PROGRAM);
            ExitCode::FAILURE
        }
    }
}
