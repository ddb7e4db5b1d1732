//! Users log in with an account that they have elsewhere, at an OpenID Connect provider; from then on, they have a session
//! of this service's own, in cookies. On axum, with the crate `openidconnect` for the way to the provider and back.
//!
//! What is of tollgate stands in this file and in `login.rs`. Beside them are the provider, the page, the command line,
//! and what is printed at the start.

mod login;
mod options;
mod page;
mod provider;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

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
    CookieTransport, Issuer, LoginFailure, MemoryStore, RefreshKey, RenewalTransport, SessionEndpoints,
    Sessions, SlidingRenewal, Transport,
};
use tollgate::{Algorithm, Claims, SigningKey, Verifier};

use crate::login::{SignIn, attempt_gate};
use crate::options::{Options, Request};
use crate::provider::{Discovery, Http};

/// Believes ID tokens of that provider for this client, and nothing else.
async fn id_tokens(options: &Options) -> Result<Verifier, Box<dyn Error>> {
    let preset = presets::id_token(&*options.issuer, &*options.client_id);
    let keys = preset
        .discover()
        // ID tokens come from the provider alone, so nobody else can make this service look for keys that are not there.
        .cool_down(Duration::from_secs(1))
        .connect() // a wrong issuer shows now, not at the first login
        .await?;
    let verifier = Verifier::builder().trust(preset.trust(keys)).build()?;
    Ok(verifier)
}

/// The sessions of this service. They have nothing of the provider's in them, and go on without it.
fn sessions(home: &Url) -> Result<Sessions, Box<dyn Error>> {
    let issuer = Issuer::builder(home.as_str())
        .audience(home.as_str())
        .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("1"))
        .build()?;
    let sessions = Sessions::builder(issuer, MemoryStore::default()) // in a file: see the example `sliding-session`
        .refresh_key(RefreshKey::generate(1)?)
        .build()?;
    Ok(sessions)
}

async fn app(home: &Url, options: &Options) -> Result<Router, Box<dyn Error>> {
    let sessions = sessions(home)?;
    // `__Host-access` for the whole site, `__Secure-refresh` for /auth only; no script can read either.
    let cookies = CookieTransport::builder().path("/auth").build()?;
    let endpoints = SessionEndpoints::builder(sessions.clone(), Transport::Cookie(cookies.clone()))
        .login(async |_| Err(LoginFailure::refused())) // nobody has a password here
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
    // Of this process alone: who was on the way to the provider when it ended begins again.
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
                .with_state(sign_in),
        )
        .merge(page::routes()))
}

/// Whoever is logged in.
#[derive(Deserialize, Serialize, Claims)]
struct User {
    /// Provider and user there.
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
    // By name: browsers take cookies that are for TLS only from localhost, too.
    let home = match &options.url {
        Some(url) => url.clone(),
        None => format!("http://localhost:{}", address.port()),
    };
    let home = Url::parse(&home)
        .and_then(|home| home.join("/"))
        .map_err(|problem| format!("{home} is no URL: {problem}"))?;
    let app = app(&home, &options).await?;
    std::io::stdout().write_all(welcome::text(address, &home, &options).as_bytes())?;
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // no way to be told: run on
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    // tollgate says in its events why a request was refused, and how the provider's keys change.
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
