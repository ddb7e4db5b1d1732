//! An API behind tollgate, on axum: log in, send the token, and get a response or the reason of the
//! refusal.
//!
//! This file shows how to use tollgate. Beside it are the demo login, the time limits of the
//! server, the command line, and the text printed at startup.

mod login;
mod options;
mod server;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tollgate::axum::{JwtAuth, require};
use tollgate::{Claims, Jwt, KeySet, Verifier, role, scope, scopes};

use crate::login::{Credentials, Login};
use crate::options::{Options, Request};

// Scopes as types: a misspelt scope does not compile.
scopes! { OrdersRead = "orders:read", OrdersWrite = "orders:write" }

/// The claims of a shopper. As a handler argument, the type guards the route: the handler runs only
/// for a token with the scope and these claims.
#[derive(Debug, Clone, Serialize, Deserialize, Claims)]
#[claims(scope = OrdersRead)]
struct Shopper {
    sub: String,
    /// An `Option` makes the claim optional.
    name: Option<String>,
}

/// Accepts any valid token. `Jwt<T>` deserializes the claims, as JSON or as a type.
async fn me(Jwt(claims): Jwt<Value>) -> Json<Value> {
    Json(claims)
}

async fn orders(shopper: Shopper) -> Json<Value> {
    Json(json!({"for": shopper, "orders": [{"id": 1, "item": "punched cards"}]}))
}

async fn cancel_orders() -> Json<Value> {
    Json(json!({"cancelled": 1}))
}

async fn login(State(login): State<Arc<Login>>, Json(credentials): Json<Credentials>) -> Response {
    // Argon2 is slow by design: run it outside the request threads.
    let token = spawn_blocking(move || login.token(&credentials)).await;
    match token {
        Ok(Ok(Some(token))) => ([(CACHE_CONTROL, "no-store")], Json(token)).into_response(),
        Ok(Ok(None)) => {
            let error =
                json!({"error": "invalid_grant", "error_description": "user or password is wrong"});
            (StatusCode::BAD_REQUEST, Json(error)).into_response() // RFC 6749 section 5.2
        }
        Ok(Err(problem)) => failed(&problem),
        Err(problem) => failed(&problem),
    }
}

/// Logs the cause of an internal error and hides it from the client.
fn failed(problem: &dyn Error) -> Response {
    eprintln!("{}: cannot issue a token: {problem}", options::PROGRAM);
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Configures verification: the issuer, the audience and the keys.
fn verifier(options: &Options, keys: KeySet) -> Result<Verifier, Box<dyn Error>> {
    let verifier = Verifier::builder()
        .issuer(&options.issuer)
        .audience(&options.audience)
        .key_set(keys)
        .role_claim("roles")
        .require_subject()
        .build()?; // an invalid configuration fails here, not at a request
    Ok(verifier)
}

fn app(verifier: Verifier, demo: Option<Arc<Login>>) -> Router {
    let guarded = Router::new()
        .route("/me", get(me))
        .route("/orders", get(orders))
        .route(
            "/orders",
            delete(cancel_orders).route_layer(require(scope(OrdersWrite) | role("admin"))),
        )
        // Only on the routes, so that an unknown path gets 404, not 401.
        .route_layer(JwtAuth::new(verifier));
    let open = Router::new().route("/health", get(async || "ok"));
    let app = open.merge(guarded);
    match demo {
        Some(demo) => app.merge(Router::new().route("/login", post(login)).with_state(demo)),
        None => app,
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Without `--keys`, the demo creates its own key and issues tokens itself.
    let (keys, demo) = if let Some(keys) = &options.keys {
        (keys.clone(), None)
    } else {
        let demo = Login::new(&options.issuer, &options.audience)?;
        (
            KeySet::from_iter([demo.verifying_key()]),
            Some(Arc::new(demo)),
        )
    };
    let app = app(verifier(&options, keys)?, demo);

    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| options.cannot_listen(&problem))?;
    std::io::stdout().write_all(welcome::text(listener.local_addr()?, &options).as_bytes())?;
    server::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    options::log_to_stderr();
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
