//! A service on axum that verifies the issuer's tokens with its published, rotating keys.

#[path = "../server.rs"]
mod server;

use std::error::Error;
use std::process::ExitCode;

use axum::routing::get;
use axum::{Json, Router};
use microservices::options::ServiceOptions;
use microservices::{ORDERS, welcome};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::axum::{EndpointService, JwtAuth, require};
use tollgate::oidc::ReadinessEndpoint;
use tollgate::{Oidc, Principal, Verifier, scope, scopes};

scopes! { OrdersRead = "orders:read" }

async fn orders(caller: Principal) -> Json<Value> {
    Json(json!({"for": caller.subject(), "orders": [{"id": 1, "item": "punched cards"}]}))
}

fn app(options: &ServiceOptions) -> Result<Router, Box<dyn Error>> {
    // `lazy`: the service starts without the issuer. Until the first fetch succeeds it is not ready
    // and answers 503.
    let keys = Oidc::discover(&options.issuer)
        .life(options.shortest_life()..=options.life)
        .cool_down(options.cool_down)
        .lazy()?;
    let verifier = Verifier::builder()
        .issuer(&options.issuer)
        .audience(ORDERS) // refuses tokens for other services
        .access_token_profile()
        .key_source(keys.clone())
        .build()?;
    let ready = ReadinessEndpoint::new().keys("issuer", keys);
    Ok(Router::new()
        .route(
            "/orders",
            get(orders).route_layer(require(scope(OrdersRead))),
        )
        .route_layer(JwtAuth::new(verifier))
        .route_service("/ready", EndpointService::new(ready.clone()))
        // The status of each key, with its last use. Serve it on an internal address only.
        .route_service("/status", EndpointService::new(ready.detailed())))
}

async fn serve(options: ServiceOptions) -> Result<(), Box<dyn Error>> {
    let app = app(&options)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| microservices::cannot_listen(options.listen, &problem))?;
    welcome::print(&welcome::orders(listener.local_addr()?, &options))?;
    server::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    microservices::log();
    match ServiceOptions::read(8081) {
        Ok(options) => microservices::ended(serve(options).await),
        Err(code) => code,
    }
}
