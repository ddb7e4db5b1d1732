//! An API behind tollgate, on actix-web: log in, send the token, and get a response or the reason
//! of the refusal.
//!
//! This file shows how to use tollgate. Beside it are the demo login, the command line, and the
//! text printed at startup.

mod login;
mod options;
mod welcome;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Data, Json, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollgate::actix::{JwtAuth, require};
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

async fn login(login: Data<Login>, Json(credentials): Json<Credentials>) -> HttpResponse {
    // Argon2 is slow by design: run it outside the request threads.
    let token = web::block(move || login.token(&credentials)).await;
    match token {
        Ok(Ok(Some(token))) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(token),
        Ok(Ok(None)) => {
            let error =
                json!({"error": "invalid_grant", "error_description": "user or password is wrong"});
            HttpResponse::BadRequest().json(error) // RFC 6749 section 5.2
        }
        Ok(Err(problem)) => failed(&problem),
        Err(problem) => failed(&problem),
    }
}

/// Logs the cause of an internal error and hides it from the client.
fn failed(problem: &dyn Error) -> HttpResponse {
    eprintln!("{}: cannot issue a token: {problem}", options::PROGRAM);
    HttpResponse::InternalServerError().finish()
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

fn routes(config: &mut ServiceConfig, verifier: &Verifier, demo: Option<&Data<Login>>) {
    if let Some(demo) = demo {
        config
            .app_data(demo.clone())
            .route("/login", web::post().to(login));
    }
    let auth = || JwtAuth::new(verifier.clone()); // cheap: every clone shares one verifier
    config
        .route("/health", web::get().to(async || "ok"))
        .service(web::resource("/me").wrap(auth()).get(me))
        .service(
            web::resource("/orders")
                .get(orders)
                .route(
                    web::delete()
                        .to(cancel_orders)
                        .wrap(require(scope(OrdersWrite) | role("admin"))),
                )
                .wrap(auth()),
        );
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Without `--keys`, the demo creates its own key and issues tokens itself.
    let (keys, demo) = if let Some(keys) = &options.keys {
        (keys.clone(), None)
    } else {
        let demo = Login::new(&options.issuer, &options.audience)?;
        (
            KeySet::from_iter([demo.verifying_key()]),
            Some(Data::new(demo)),
        )
    };
    let verifier = verifier(&options, keys)?;
    let app = move || App::new().configure(|config| routes(config, &verifier, demo.as_ref()));

    let server = HttpServer::new(app)
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
