//! A service on actix-web that verifies the issuer's tokens with its published, rotating keys.

use std::error::Error;
use std::process::ExitCode;

use actix_web::web::{self, Json};
use actix_web::{App, HttpServer};
use microservices::options::ServiceOptions;
use microservices::{BILLING, welcome};
use serde_json::{Value, json};
use tollgate::actix::{EndpointService, JwtAuth, require};
use tollgate::oidc::ReadinessEndpoint;
use tollgate::{Oidc, Principal, Verifier, scope, scopes};

scopes! { InvoicesRead = "invoices:read" }

async fn invoices(caller: Principal) -> Json<Value> {
    Json(json!({"for": caller.subject(), "invoices": [{"id": 7, "sum": "12.50"}]}))
}

async fn serve(options: ServiceOptions) -> Result<(), Box<dyn Error>> {
    // `connect` fails without the issuer's keys, so the service does not start.
    let keys = Oidc::discover(&options.issuer)
        .life(options.shortest_life()..=options.life)
        .cool_down(options.cool_down)
        .connect()
        .await?;
    let verifier = Verifier::builder()
        .issuer(&options.issuer)
        .audience(BILLING) // refuses tokens for other services
        .access_token_profile()
        .key_source(keys.clone())
        .build()?;
    // Created once for all workers: clones share their state.
    let ready = ReadinessEndpoint::new().keys("issuer", keys);
    // Lists each key and when it was last used: for operators, not for the public.
    let status = EndpointService::new(ready.clone().detailed());
    let ready = EndpointService::new(ready);
    let app = move || {
        let invoices = web::resource("/invoices")
            .wrap(require(scope(InvoicesRead)))
            .wrap(JwtAuth::new(verifier.clone())) // middleware registered last runs first
            .get(invoices);
        App::new()
            .service(invoices)
            .service(web::scope("/ready").service(ready.clone()))
            .service(web::scope("/status").service(status.clone()))
    };
    let server = HttpServer::new(app)
        .shutdown_timeout(5) // seconds for open requests after SIGTERM; Ctrl-C does not wait
        .bind(options.listen)
        .map_err(|problem| microservices::cannot_listen(options.listen, &problem))?;
    for address in server.addrs() {
        welcome::print(&welcome::billing(address, &options))?;
    }
    server.run().await?; // until Ctrl-C or SIGTERM
    Ok(())
}

#[actix_web::main]
async fn main() -> ExitCode {
    microservices::log();
    match ServiceOptions::read(8082) {
        Ok(options) => microservices::ended(serve(options).await),
        Err(code) => code,
    }
}
