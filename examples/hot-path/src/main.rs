//! An API with a tuned cache of verified tokens, on axum. It shows cache metrics, invalidation and
//! key rotation.
//!
//! This file and `keys.rs` show how to use tollgate. Beside them are demo tokens, the time limits
//! of the server, the command line, and the text printed at startup.

mod demo;
mod keys;
mod options;
mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;
use tollgate::axum::{JwtAuth, require};
use tollgate::{Algorithm, Claims, Jwt, TokenCache, Verifier, scope, scopes};

use crate::demo::Demo;
use crate::keys::Keys;
use crate::options::{Options, Request};

scopes! { OrdersRead = "orders:read", Admin = "admin" }

/// The claims of a shopper, with their guard. Behind an `Arc` they are deserialized once for each
/// cached token and shared by later requests. The guard is checked for each request.
#[derive(Debug, Deserialize, Claims)]
#[claims(scope = OrdersRead)]
struct Shopper {
    sub: String,
}

async fn orders(Jwt(shopper): Jwt<Arc<Shopper>>) -> String {
    format!("the orders of {}\n", shopper.sub)
}

/// Builds the verifier: issuer, audience, keys, and the size and lifetime of the cache.
fn verifier(options: &Options, keys: Arc<Keys>) -> Result<Verifier, Box<dyn Error>> {
    let cache = TokenCache::default()
        // The total for all threads. A typical token takes about 2.5 KiB: multiply by the number of
        // users.
        .max_bytes(options.cache_mib << 20)
        // This issuer's tokens are much shorter. A longer token is verified each time.
        .max_token_bytes(2048)
        // The maximum time between full verifications. Keys, expiry and revocation are checked on
        // every request.
        .lifetime(Duration::from_secs(60));
    let verifier = Verifier::builder()
        .issuer(demo::ISSUER)
        .audience(demo::AUDIENCE)
        .algorithms([Algorithm::ES256])
        .key_source(keys)
        .require_subject()
        .token_cache(cache)
        .build()?; // an invalid configuration fails here, not at a request
    Ok(verifier)
}

/// Serves cache metrics in the Prometheus format. A real service serves them on an internal
/// address.
async fn metrics(State(verifier): State<Verifier>) -> Response {
    let Some(cache) = verifier.token_cache_status() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let text = format!(
        "# TYPE token_cache_hits_total counter\n\
         token_cache_hits_total {}\n\
         # TYPE token_cache_misses_total counter\n\
         token_cache_misses_total {}\n\
         # TYPE token_cache_tokens gauge\n\
         token_cache_tokens {}\n\
         # TYPE token_cache_bytes gauge\n\
         token_cache_bytes {}\n",
        cache.hits, cache.misses, cache.tokens, cache.bytes
    );
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Clears the cache, for emergencies. Normal operation does not need it.
async fn forget(State(verifier): State<Verifier>) -> StatusCode {
    verifier.forget_verified_tokens();
    StatusCode::NO_CONTENT
}

/// Signs with a new key from now on and returns new tokens, because the demo has no login.
async fn rotate(State(demo): State<Arc<Demo>>) -> Response {
    match demo.rotate() {
        Ok(tokens) => ([(CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(problem) => {
            eprintln!("{}: cannot change the key: {problem}", options::PROGRAM);
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Withdraws a key. All of its tokens are refused from now on, cached or not.
async fn withdraw(State(demo): State<Arc<Demo>>, Path(kid): Path<String>) -> StatusCode {
    if demo.keys().withdraw(&kid) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

fn app(verifier: &Verifier, demo: Arc<Demo>) -> Router {
    let operator = Router::new()
        .route("/verified-tokens", delete(forget))
        .with_state(verifier.clone())
        .merge(
            Router::new()
                .route("/keys", post(rotate))
                .route("/keys/{kid}", delete(withdraw))
                .with_state(demo),
        )
        .route_layer(require(scope(Admin)));
    let guarded = Router::new()
        .route("/orders", get(orders))
        .merge(operator)
        .route_layer(JwtAuth::new(verifier.clone()));
    // A clone of a verifier shares its cache.
    let open = Router::new()
        .route("/metrics", get(metrics))
        .with_state(verifier.clone());
    open.merge(guarded)
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let demo = Arc::new(Demo::new()?);
    let verifier = verifier(&options, Arc::clone(demo.keys()))?;
    let tokens = demo.tokens()?;
    let app = app(&verifier, demo);

    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| options.cannot_listen(&problem))?;
    std::io::stdout().write_all(welcome::text(listener.local_addr()?, &tokens).as_bytes())?;
    server::serve(listener, app).await?;
    Ok(())
}

/// Runs one thread per core by default. Each thread has its own cache level, so few busy threads
/// warm up faster than many idle ones.
fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers.get());
    }
    runtime.enable_all().build()?.block_on(serve(options))
}

fn main() -> ExitCode {
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
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}: {problem}", options::PROGRAM);
            ExitCode::FAILURE
        }
    }
}
