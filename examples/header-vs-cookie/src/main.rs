//! One API, reached with the token in a header or in a cookie.
//!
//! A program sends `Authorization: Bearer` because its author wrote so. A browser attaches a cookie to whatever goes to
//! this host, requests that another site made it send included; so with a cookie, a request that may change something
//! must prove that it comes from this site. tollgate asks for that proof by itself, and only of cookies.

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
use tollgate::extend::{Clock, SystemClock};
use tollgate::{Algorithm, Gate, Principal, SignError, SigningKey, Source, Verifier};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "notes-api";
const LIFETIME: u64 = 900; // seconds

/// The prefix `__Host-` makes the browser refuse this cookie from a subdomain or over plain HTTP.
const COOKIE: &str = "__Host-access";

/// Both transports, in the order in which they are looked at: if a request has a header and a cookie, the header decides.
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
        // A page on another origin would be let in here: .trusted_origin("https://app.example.com")
        .build()?;
    Ok(gate)
}

fn app(key: SigningKey) -> Result<Router, Box<dyn Error>> {
    let guarded = Router::new()
        .route("/me", get(me))
        .route("/notes", post(add_note))
        // Behind the gate, lest another site log the user out.
        .route("/logout", post(logout))
        .route_layer(JwtAuth::new(gate(&key)?));
    Ok(Router::new()
        .route("/login", post(login))
        .with_state(Arc::new(key))
        .merge(guarded))
}

async fn me(caller: Principal) -> Json<Value> {
    Json(json!({"sub": caller.subject(), "by": caller.source().map(|source| format!("{source:?}"))}))
}

/// Changes something: a header is enough, a cookie needs proof of origin. Nothing of that is written here.
async fn add_note(caller: Principal) -> Json<Value> {
    Json(json!({"added by": caller.subject()}))
}

/// Clears the cookie. The token itself is valid until it expires, whoever kept a copy.
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

/// A password for a real service is kept as a hash: see the example `quickstart`.
#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// That it takes JSON keeps other sites from logging the user in as somebody else: a form cannot send that type, and a
/// script may only after a preflight, which nobody answers.
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
        // HttpOnly: no script of the page can read it. Secure: only over TLS, or to localhost. Lax: not with requests
        // that other sites make, but for links; tollgate does not rely on it.
        Transport::Cookie => {
            let cookie =
                format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={LIFETIME}");
            (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
        }
    };
    Ok(([(CACHE_CONTROL, "no-store")], answer).into_response())
}

fn token_for(user: &str, key: &SigningKey) -> Result<String, SignError> {
    let now = SystemClock.now();
    key.encode(&json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + LIFETIME}))
}

async fn serve(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    // Made anew at each start: tokens are worth nothing once the server has stopped.
    let app = app(SigningKey::generate(Algorithm::EdDSA)?)?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|problem| format!("cannot listen on {address}: {problem}"))?;
    std::io::stdout().write_all(welcome::text(listener.local_addr()?).as_bytes())?;
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // no way to be told: run on
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
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
    // tollgate says in its events why a request was refused.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let address = match address() {
        Ok(Some(address)) => address,
        Ok(None) => {
            println!("usage: header-vs-cookie [--listen ADDR]   (127.0.0.1:8080, port 0 for any free one)");
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
