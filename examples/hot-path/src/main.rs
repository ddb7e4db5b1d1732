//! An API whose tokens are recognised instead of verified again, on axum: the cache of verified tokens tuned, watched and
//! emptied, while keys change under it.
//!
//! What belongs to tollgate stands in this file and in `keys.rs`. Beside them are the demo's tokens, which a real service
//! gets from elsewhere, the command line, and what is printed at the start.

mod demo;
mod keys;
mod options;
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

/// Whoever may look at orders. It is asked for behind an `Arc`: the claims are then read once for each token that is kept,
/// and every further request with that token gets the same ones. The guard is asked each time all the same.
#[derive(Debug, Deserialize, Claims)]
#[claims(scope = OrdersRead)]
struct Shopper {
    sub: String,
}

async fn orders(Jwt(shopper): Jwt<Arc<Shopper>>) -> String {
    format!("the orders of {}\n", shopper.sub)
}

/// Whose tokens, for whom, by which keys, and how many of them are recognised for how long.
fn verifier(options: &Options, keys: Arc<Keys>) -> Result<Verifier, Box<dyn Error>> {
    let cache = TokenCache::default()
        // For all threads. A usual token takes some 2.5 KiB: count your users.
        .max_bytes(options.cache_mib << 20)
        // Those of this issuer are far shorter. A longer one would be verified each time.
        .max_token_bytes(2048)
        // For how long a token may go without being verified anew. Keys, times and revocation do not wait for that.
        .lifetime(Duration::from_secs(60));
    let verifier = Verifier::builder()
        .issuer(demo::ISSUER)
        .audience(demo::AUDIENCE)
        .algorithms([Algorithm::ES256])
        .key_source(keys)
        .require_subject()
        .token_cache(cache)
        .build()?; // a bad configuration fails here, not at a request
    Ok(verifier)
}

/// How often tokens were recognised, as Prometheus reads it. It is open to everybody here; a real service shows it on an
/// address of its own.
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

/// For the day on which somebody has doubts. Nothing in the service's own running needs it.
async fn forget(State(verifier): State<Verifier>) -> StatusCode {
    verifier.forget_verified_tokens();
    StatusCode::NO_CONTENT
}

/// Signs with another key from now on, and shows tokens by it, since nobody logs in here.
async fn rotate(State(demo): State<Arc<Demo>>) -> Response {
    match demo.rotate() {
        Ok(tokens) => ([(CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(problem) => {
            eprintln!("{}: cannot change the key: {problem}", options::PROGRAM);
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Takes a key away. No token by it passes any more, whether it is in the cache or not.
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
    // A clone of a verifier is the same one, with the same cache.
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
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await; // no way to be told: run on
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// With as many threads as there are cores, unless told. Each recognises by itself what it has seen: fewer threads that are
/// busy do that sooner than many that are idle.
fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers.get());
    }
    runtime.enable_all().build()?.block_on(serve(options))
}

fn main() -> ExitCode {
    // tollgate says in its events why a request was refused.
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
