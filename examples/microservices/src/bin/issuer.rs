//! The issuer, on axum: issues tokens to programs, publishes its verification keys, and rotates its
//! signing key without downtime.

#[path = "../server.rs"]
mod server;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use microservices::options::IssuerOptions;
use microservices::{BILLING, ISSUER, ORDERS, welcome};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tollgate::axum::{EndpointService, JwtAuth, require};
use tollgate::extend::{Clock as _, SystemClock};
use tollgate::session::{AccessToken, Issuer};
use tollgate::{Algorithm, ConfigError, SigningKey, scope, scopes};

scopes! { KeysWrite = "keys:write" }

/// A client with its grants. A real issuer has a database of clients and hashes of their secrets.
struct Client {
    id: &'static str,
    secret: &'static str,
    /// Pairs of audience and scope.
    grants: &'static [(&'static str, &'static str)],
}

const CLIENTS: [Client; 2] = [
    Client {
        id: "shop",
        secret: "sesame",
        grants: &[(ORDERS, "orders:read"), (BILLING, "invoices:read")],
    },
    Client {
        id: "operator",
        secret: "xyzzy",
        grants: &[(ISSUER, "keys:write")],
    },
];

/// The state of the issuer process.
struct Service {
    /// The `iss` of its tokens, which is also its URL.
    name: String,
    /// Time between publication and first use of a key, in seconds.
    announce: u64,
    /// One issuer for each audience. All have the same name and the same keys.
    issuers: [(&'static str, Issuer); 3],
    /// Locked during a key change.
    last: Mutex<LastKey>,
    started: u64,
}

/// The latest key.
struct LastKey {
    number: u32,
    signs_from: u64,
}

impl Service {
    fn new(name: String, options: &IssuerOptions) -> Result<Self, Box<dyn Error>> {
        let started = SystemClock.now();
        let first = new_key(started, 1)?;
        let issuer = |audience: &'static str| {
            let issuer = Issuer::builder(&name)
                .audience(audience)
                .signing_key(first.clone())
                .build()?;
            Ok::<_, ConfigError>((audience, issuer))
        };
        Ok(Self {
            issuers: [issuer(ORDERS)?, issuer(BILLING)?, issuer(ISSUER)?],
            announce: options.announce.as_secs(),
            last: Mutex::new(LastKey {
                number: 1,
                signs_from: 0,
            }),
            started,
            name,
        })
    }

    /// Returns the issuer of tokens for an audience.
    fn issuer(&self, audience: &str) -> Option<&Issuer> {
        let found = self.issuers.iter().find(|(name, _)| *name == audience);
        found.map(|(_, issuer)| issuer)
    }

    /// The issuer whose keys are published. Keys change here first, so no token has an unpublished
    /// key.
    fn published(&self) -> &Issuer {
        &self.issuers[0].1
    }

    /// Publishes a new key that signs after `announce` seconds. The former key stays published
    /// until its last token expires.
    fn rotate(&self) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.number += 1;
        let key = new_key(self.started, last.number)?;
        // Key changes are at least one second apart.
        let from = (SystemClock.now() + self.announce).max(last.signs_from + 1);
        for (_, issuer) in &self.issuers {
            issuer.rotate(key.clone(), from)?;
        }
        last.signs_from = from.max(SystemClock.now());
        Ok(json!({"kid": key.kid(), "signs_from": from}))
    }

    /// Removes a key early, for example after a leak. Returns `false` if there is no such key.
    fn withdraw(&self, kid: &str) -> bool {
        let _changing = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let withdrawn = self.issuers.iter().map(|(_, issuer)| issuer.withdraw(kid));
        withdrawn.fold(false, |any, this| any | this)
    }
}

/// Creates a key whose name is unique across restarts, because keys do not outlive the process. For
/// persistent keys, see the example `refresh-rotation`.
fn new_key(started: u64, number: u32) -> Result<SigningKey, tollgate::KeyError> {
    Ok(SigningKey::generate(Algorithm::ES256)?.with_kid(format!("{started}-{number}")))
}

fn app(service: Arc<Service>, options: &IssuerOptions) -> Result<Router, Box<dyn Error>> {
    let jwks = service.published().jwks().max_age(options.max_age);
    // The issuer is a resource server too: its admin routes verify its own tokens.
    let own = service
        .issuer(ISSUER)
        .ok_or("no issuer of its own tokens")?;
    let guarded = Router::new()
        .route("/keys", post(rotate))
        .route("/keys/{kid}", delete(withdraw))
        .route_layer(require(scope(KeysWrite)))
        .route_layer(JwtAuth::new(own.verifier().build()?));
    Ok(Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route_service("/jwks.json", EndpointService::new(jwks))
        .route("/token", post(token))
        .merge(guarded)
        .with_state(service))
}

/// Serves the issuer metadata (RFC 8414 section 3).
async fn metadata(State(service): State<Arc<Service>>) -> Json<Value> {
    let name = &service.name;
    Json(json!({
        "issuer": name,
        "jwks_uri": format!("{name}/jwks.json"),
        "token_endpoint": format!("{name}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
    }))
}

/// A client credentials request (RFC 6749 section 4.4.2) with `resource` (RFC 8707).
#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: String,
    client_secret: String,
    resource: String,
}

async fn token(
    State(service): State<Arc<Service>>,
    request: Result<Form<TokenRequest>, FormRejection>,
) -> Result<Response, TokenError> {
    let bad = |code| TokenError(StatusCode::BAD_REQUEST, code);
    let Form(request) = request.map_err(|_| bad("invalid_request"))?;
    if request.grant_type != "client_credentials" {
        return Err(bad("unsupported_grant_type"));
    }
    let client = CLIENTS
        .iter()
        .find(|client| client.id == request.client_id && client.secret == request.client_secret)
        .ok_or(TokenError(StatusCode::UNAUTHORIZED, "invalid_client"))?;
    let grant = client.grants.iter().find(|(to, _)| *to == request.resource);
    let (audience, scope) = grant.ok_or(bad("invalid_target"))?;

    let mut token = AccessToken::new(client.id);
    token.client_id = Some(client.id.to_owned());
    token.scope = String::from(*scope);
    let issuer = service.issuer(audience).ok_or(bad("invalid_target"))?;
    let signed = issuer.issue(&token).map_err(|problem| {
        eprintln!("cannot issue a token: {problem}");
        TokenError(StatusCode::INTERNAL_SERVER_ERROR, "server_error")
    })?;
    let granted = json!({
        "access_token": signed,
        "token_type": "Bearer",
        "expires_in": issuer.access_lifetime().as_secs(),
        "scope": scope,
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(granted)).into_response())
}

/// An error response (RFC 6749 section 5.2).
struct TokenError(StatusCode, &'static str);

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (
            status,
            [(CACHE_CONTROL, "no-store")],
            Json(json!({"error": error})),
        )
            .into_response()
    }
}

async fn rotate(
    State(service): State<Arc<Service>>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    match service.rotate() {
        Ok(key) => Ok((StatusCode::CREATED, Json(key))),
        Err(problem) => {
            eprintln!("cannot change the key: {problem}");
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

async fn withdraw(State(service): State<Arc<Service>>, Path(kid): Path<String>) -> StatusCode {
    if service.withdraw(&kid) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn serve(options: IssuerOptions) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|problem| microservices::cannot_listen(options.listen, &problem))?;
    let address = listener.local_addr()?;
    let name = options
        .name
        .clone()
        .unwrap_or_else(|| format!("http://{address}"));
    let app = app(Arc::new(Service::new(name, &options)?), &options)?;
    welcome::print(&welcome::issuer(address))?;
    server::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    microservices::log();
    match IssuerOptions::read() {
        Ok(options) => microservices::ended(serve(options).await),
        Err(code) => code,
    }
}
