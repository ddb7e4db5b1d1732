//! Login with an account at an OpenID Connect provider, then a local session in cookies. On axum,
//! with the crate `openidconnect` for the protocol.
//!
//! This file and `login.rs` show how to use tollgate. Beside them are the provider, the page, the
//! time limits of the server, the command line, and the text printed at startup.

mod login;
mod options;
mod page;
mod provider;
mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::map_response;
use axum::routing::get;
use axum::{Json, Router};
use openidconnect::url::Url;
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tollgate::axum::{EndpointService, JwtAuth};
use tollgate::oidc::presets;
use tollgate::session::{
    CookieTransport, Issuer, LoginFailure, MemoryStore, RefreshKey, RenewalTransport,
    SessionEndpoints, Sessions, SlidingRenewal, Transport,
};
use tollgate::{Algorithm, Claims, SigningKey, Verifier};

use crate::login::{SignIn, attempt_gate};
use crate::options::{Options, Request};
use crate::provider::{Discovery, Http};

/// Builds a verifier that accepts only ID tokens of this provider for this client.
async fn id_tokens(options: &Options) -> Result<Verifier, Box<dyn Error>> {
    let preset = presets::id_token(&*options.issuer, &*options.client_id);
    let keys = preset
        .discover()
        // ID tokens come only from the provider, so clients cannot trigger fetches for unknown
        // keys.
        .cool_down(Duration::from_secs(1))
        .connect() // a wrong issuer fails at startup, not at the first login
        .await?;
    let verifier = Verifier::builder().trust(preset.trust(keys)).build()?;
    Ok(verifier)
}

/// Configures the local sessions. They are independent of the provider after the login.
fn sessions(home: &Url) -> Result<Sessions, Box<dyn Error>> {
    let issuer = Issuer::builder(home.as_str())
        .audience(home.as_str())
        .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("1"))
        .build()?;
    // For persistent sessions, see the example `sliding-session`.
    let sessions = Sessions::builder(issuer, MemoryStore::default())
        .refresh_key(RefreshKey::generate(1)?)
        .build()?;
    Ok(sessions)
}

async fn app(home: &Url, options: &Options) -> Result<Router, Box<dyn Error>> {
    let sessions = sessions(home)?;
    // `__Host-access` and `__Host-session` for the whole site, `__Secure-refresh` for /auth only.
    // Scripts cannot read them.
    let cookies = CookieTransport::builder().path("/auth").build()?;
    let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Cookie(cookies.clone()))
        .login(async |_| Err(LoginFailure::refused())) // no password login
        .build()?;
    let gate = cookies
        .apply(sessions.gate())
        .renewal(SlidingRenewal::new(
            sessions.clone(),
            RenewalTransport::Cookie(cookies.clone()),
        ))
        .build()?;
    let discovery = Discovery {
        issuer: IssuerUrl::new(options.issuer.clone())
            .map_err(|problem| format!("the issuer {} is no URL: {problem}", options.issuer))?,
        client_id: ClientId::new(options.client_id.clone()),
        client_secret: options.client_secret.clone().map(ClientSecret::new),
        redirect: RedirectUrl::from_url(home.join("callback")?),
        http: Http::new()?,
        last: Mutex::default(),
    };
    // The key does not outlive the process: a restart ends pending login attempts.
    let attempts = SigningKey::generate(Algorithm::HS256)?;
    let callback =
        get(login::finish).route_layer(JwtAuth::new(attempt_gate(home, attempts.verifying_key())?));
    let sign_in = Arc::new(SignIn {
        discovery: Arc::new(discovery),
        id_tokens: id_tokens(options).await?,
        attempts,
        sessions,
        cookies,
        home: home.clone(),
    });
    Ok(Router::new()
        .route("/me", get(me))
        .route_layer(JwtAuth::new(gate))
        .nest_service("/auth", EndpointService::new(endpoints))
        .merge(
            Router::new()
                .route("/login", get(login::begin))
                .route("/callback", callback)
                .route("/provider-logout", get(login::provider_logout))
                .layer(map_response(page::protect))
                .with_state(sign_in),
        )
        .merge(page::routes()))
}

/// The logged-in user.
#[derive(Deserialize, Serialize, Claims)]
struct User {
    /// The issuer and the subject at the provider.
    sub: String,
    name: Option<String>,
}

async fn me(user: User) -> Json<User> {
    Json(user)
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| options.cannot_listen(&problem))?;
    let address = listener.local_addr()?;
    // By name: browsers accept `Secure` cookies from `localhost` without TLS.
    let home = match &options.url {
        Some(url) => url.clone(),
        None => format!("http://localhost:{}", address.port()),
    };
    let home = Url::parse(&home)
        .and_then(|home| home.join("/"))
        .map_err(|problem| format!("{home} is no URL: {problem}"))?;
    let app = app(&home, &options).await?;
    std::io::stdout().write_all(welcome::text(address, &home, &options).as_bytes())?;
    server::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    // tollgate logs the reason of each refusal and changes of the provider's keys.
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
