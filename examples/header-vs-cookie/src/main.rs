//! One API that accepts the token in a header or in a cookie.
//!
//! A program sends `Authorization: Bearer` explicitly. A browser attaches a cookie to every request
//! to this host, including requests from other sites. A state-changing request with a cookie
//! therefore needs a proof of origin. tollgate requires it for cookies only.

mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use lexopt::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::axum::JwtAuth;
use tollgate::config::SignError;
use tollgate::extend::{Clock, SystemClock};
use tollgate::{Algorithm, Gate, Principal, SigningKey, Source, Verifier};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "notes-api";
const LIFETIME: u64 = 900; // in seconds

/// The prefix `__Host-` makes the browser refuse this cookie from a subdomain or over plain HTTP.
const COOKIE: &str = "__Host-access";

/// Both transports, in order of precedence: if a request has a header and a cookie, the header
/// decides.
fn gate(key: &SigningKey) -> Result<Gate, Box<dyn Error>> {
    let verifier = Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .key(key.verifying_key())
        .require_subject()
        .build()?;
    let gate = Gate::builder(verifier)
        .source(Source::bearer())
        .source(Source::cookie(COOKIE))
        // Browsers reach this example without TLS. Behind TLS, remove this line.
        .dangerous_plain_http()
        // To accept pages of another origin: .trusted_origin("https://app.example.com")
        .build()?;
    Ok(gate)
}

fn app(key: SigningKey) -> Result<Router, Box<dyn Error>> {
    let guarded = Router::new()
        .route("/me", get(me))
        .route("/notes", post(add_note))
        // Behind the gate, so that another site cannot log the user out.
        .route("/logout", post(logout))
        .route_layer(JwtAuth::new(gate(&key)?));
    Ok(Router::new()
        .route("/login", post(login))
        .with_state(Arc::new(key))
        .merge(guarded))
}

async fn me(caller: Principal) -> Json<Value> {
    Json(
        json!({"sub": caller.subject(), "by": caller.source().map(|source| format!("{source:?}"))}),
    )
}

/// Changes state: a cookie needs a proof of origin, a header does not. The gate checks it.
async fn add_note(caller: Principal) -> Json<Value> {
    Json(json!({"added by": caller.subject()}))
}

/// Clears the cookie. A copy of the token remains valid until it expires.
async fn logout() -> impl IntoResponse {
    (
        StatusCode::NO_CONTENT,
        [(
            SET_COOKIE,
            format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"),
        )],
    )
}

#[derive(Deserialize)]
struct Wanted {
    transport: Transport,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    Header,
    Cookie,
}

/// A real service stores password hashes: see the example `quickstart`.
#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// JSON content protects against login CSRF: a form cannot send this type, and a script needs a
/// CORS preflight, which the server does not answer.
async fn login(
    State(key): State<Arc<SigningKey>>,
    Query(Wanted { transport }): Query<Wanted>,
    Json(Credentials { user, password }): Json<Credentials>,
) -> Result<Response, StatusCode> {
    if (&*user, &*password) != ("ada", "lovelace") {
        return Err(StatusCode::BAD_REQUEST); // RFC 6749 section 5.2
    }
    let token = token_for(&user, &key).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let answer = match transport {
        Transport::Header => {
            Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}))
                .into_response()
        }
        // HttpOnly: scripts cannot read it. Secure: sent only over TLS or to localhost. Lax: not
        // sent with cross-site requests except links; tollgate does not rely on it.
        Transport::Cookie => {
            let cookie = format!(
                "{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={LIFETIME}"
            );
            (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
        }
    };
    Ok(([(CACHE_CONTROL, "no-store")], answer).into_response())
}

fn token_for(user: &str, key: &SigningKey) -> Result<String, SignError> {
    let now = SystemClock.now();
    key.encode(
        &json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + LIFETIME}),
    )
}

async fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    // A new key at each start: tokens do not outlive the process.
    let app = app(SigningKey::generate(Algorithm::EdDSA)?)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|problem| format!("cannot listen on {address}: {problem}"))?;
    std::io::stdout().write_all(welcome::text(listener.local_addr()?).as_bytes())?;
    server::serve(listener, app).await?;
    Ok(())
}

/// `None` for `--help`.
fn address() -> Result<Option<SocketAddr>, lexopt::Error> {
    let mut address = SocketAddr::from(([127, 0, 0, 1], 8080));
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("listen") => address = arguments.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(address))
}

#[tokio::main]
async fn main() -> ExitCode {
    // tollgate logs the reason of each refusal.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let address = match address() {
        Ok(Some(address)) => address,
        Ok(None) => {
            println!(
                "usage: header-vs-cookie [--listen ADDR]   (127.0.0.1:8080, port 0: any free port)"
            );
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("header-vs-cookie: {problem}\nTry `--help`.");
            return ExitCode::from(2);
        }
    };
    match serve(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("header-vs-cookie: {problem}");
            ExitCode::FAILURE
        }
    }
}
