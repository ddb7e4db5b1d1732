//! JSON Web Token authentication and authorisation for axum, actix-web and tower.
//!
//! A layer reads the token from the request, verifies it, and passes a typed principal to the
//! handler. A rejected request gets the status, the challenge (RFC 6750) and the problem document
//! (RFC 9457) that the standards define, the same on every framework. Defaults are strict. Every
//! option that weakens a check has `dangerous` in its name, and `build()` rejects contradictions.
//!
//! The [guide](crate::guide) explains each task, from transports to stores.
//!
//! # axum
//!
//! Requires the feature `axum`; see the module `tollgate::axum`.
#![cfg_attr(all(feature = "axum", feature = "macros"), doc = "```")]
#![cfg_attr(not(all(feature = "axum", feature = "macros")), doc = "```ignore")]
//! use axum::Router;
//! use axum::routing::{get, post};
//! use tollgate::axum::{JwtAuth, require};
//! use tollgate::{Claims, Key, Verifier, role, scope, scopes};
//! # use axum::{body::Body, extract::Request};
//! # use tower::ServiceExt;
//!
//! scopes! { OrdersRead = "orders:read", OrdersWrite = "orders:write" }
//!
//! #[derive(Debug, Clone, serde::Deserialize, Claims)]
//! #[claims(scope = OrdersRead)] // checked before the handler runs
//! struct Shopper {
//!     sub: String,
//!     tenant: Option<String>,
//! }
//!
//! async fn orders(user: Shopper) -> String {
//!     format!("the orders of {} at {:?}", user.sub, user.tenant)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = [7; 32];
//! let verifier = Verifier::builder()
//!     .issuer("https://id.example.com") // required, or waived by `.dangerous_any_issuer()`
//!     .audience("orders-api") // required, or waived by `.dangerous_any_audience()`
//!     .key(Key::hs256(secret)?) // or Key::from_pem(..), Key::from_jwk(..), .key_set(..)
//!     .role_claim("roles")
//! #   .clock(|| 1_700_000_000)
//!     .build()?; // an invalid configuration fails here
//!
//! let app: Router = Router::new()
//!     .route("/orders", get(orders))
//!     .route("/purge", post(async || "done").route_layer(require(scope("admin") | role("root"))))
//!     .layer(JwtAuth::new(verifier));
//!
//! # let token = tollgate::SigningKey::hs256(secret)?.encode(&serde_json::json!({
//! #     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
//! #     "scope": "orders:read",
//! # }))?;
//! // With a token for `orders:read`:
//! # let request = |method: &str, path: &str| {
//! #     Request::builder().method(method).uri(path)
//! #         .header("authorization", format!("Bearer {token}")).body(Body::empty())
//! # };
//! assert_eq!(app.clone().oneshot(request("GET", "/orders")?).await?.status(), 200);
//! assert_eq!(app.clone().oneshot(request("POST", "/purge")?).await?.status(), 403);
//! // Without any:
//! let refused = app.oneshot(Request::get("/orders").body(Body::empty())?).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"api\"");
//! # Ok(()) }
//! ```
//!
//! # actix-web
//!
//! Requires the feature `actix`; see the module `tollgate::actix`. Verifier, policies, claims and
//! extractors are the same.
#![cfg_attr(all(feature = "actix", feature = "macros"), doc = "```")]
#![cfg_attr(not(all(feature = "actix", feature = "macros")), doc = "```ignore")]
//! use actix_web::{App, test, web};
//! use tollgate::actix::{JwtAuth, require};
//! use tollgate::{Claims, Key, Verifier, role, scope};
//!
//! #[derive(Debug, Clone, serde::Deserialize, Claims)]
//! #[claims(scope = "orders:read")]
//! struct Shopper {
//!     sub: String,
//! }
//!
//! async fn orders(user: Shopper) -> String {
//!     format!("the orders of {}", user.sub)
//! }
//!
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = [7; 32];
//! # let verifier = Verifier::builder()
//! #     .issuer("https://id.example.com")
//! #     .audience("orders-api")
//! #     .key(Key::hs256(secret)?).role_claim("roles")
//! #     .clock(|| 1_700_000_000)
//! #     .build()?;
//! let app = test::init_service(
//!     App::new()
//!         .route("/orders", web::get().to(orders))
//!         .service(
//!             web::resource("/purge")
//!                 .wrap(require(scope("admin") | role("root")))
//!                 .post(async || "done"),
//!         )
//!         .wrap(JwtAuth::new(verifier)),
//! )
//! .await;
//!
//! # let token = tollgate::SigningKey::hs256(secret)?.encode(&serde_json::json!({
//! #     "iss": "https://id.example.com", "aud": "orders-api", "exp": 1_700_000_900, "sub": "u-7",
//! #     "scope": "orders:read",
//! # }))?;
//! // With a token for `orders:read`:
//! # let bearer = ("authorization", format!("Bearer {token}"));
//! let request =
//!     test::TestRequest::get().uri("/orders").insert_header(bearer.clone()).to_request();
//! assert_eq!(test::call_and_read_body(&app, request).await, "the orders of u-7");
//! let request = test::TestRequest::post().uri("/purge").insert_header(bearer).to_request();
//! assert_eq!(test::call_service(&app, request).await.status(), 403);
//! // Without any:
//! let request = test::TestRequest::get().uri("/orders").to_request();
//! assert_eq!(test::call_service(&app, request).await.status(), 401);
//! # Ok(()) }
//! ```
//!
//! # Sessions
//!
//! Requires the feature `session`; see the module `tollgate::session`. Login, refresh with
//! rotation, logout and the list of devices are one endpoint that can be mounted in every
//! framework:
#![cfg_attr(all(feature = "axum", feature = "session"), doc = "```")]
#![cfg_attr(not(all(feature = "axum", feature = "session")), doc = "```ignore")]
//! use axum::{Router, routing::get};
//! use tollgate::axum::{EndpointService, JwtAuth};
//! use tollgate::Principal;
//! use tollgate::session::{
//!     Issuer, Login, LoginFailure, LoginRequest, MemoryStore, RefreshKey, SessionEndpoints,
//!     Sessions, Transport,
//! };
//! use tollgate::{Algorithm, SigningKey};
//! # use axum::{body::{Body, to_bytes}, extract::Request};
//! # use serde_json::{Value, json};
//! # use tower::ServiceExt;
//!
//! #[derive(serde::Deserialize)]
//! struct Credentials { user: String, password: String }
//!
//! async fn login(request: LoginRequest) -> Result<Login, LoginFailure> {
//!     let Credentials { user, password } = request.json()?;
//!     if password != "lovelace" { return Err(LoginFailure::refused()) } // yours is hashed
//!     Ok(Login::new(user).scope("orders:read"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = Issuer::builder("https://id.example.com")
//!     .audience("orders-api")
//!     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2026-11"))
//!     .build()?;
//! // Also available: redb, Redis, PostgreSQL.
//! let sessions = Sessions::builder(issuer, MemoryStore::default())
//!     .refresh_key(RefreshKey::generate(1)?)
//!     .build()?;
//! let auth = SessionEndpoints::builder(sessions.clone(), Transport::Json) // or in cookies
//!     .login(login)
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/orders",
//!         get(async |user: Principal| user.subject().unwrap_or_default().to_owned()))
//!     .route_layer(JwtAuth::new(sessions.gate().build()?))
//!     .nest_service("/auth", EndpointService::new(auth));
//!
//! # let post = async |path: &str, body: Value| {
//! #     let request = Request::post(path).header("content-type", "application/json")
//! #         .body(Body::from(body.to_string()));
//! #     let answer = app.clone().oneshot(request.unwrap()).await.unwrap();
//! #     let status = answer.status();
//! #     let content = to_bytes(answer.into_body(), 4096).await.unwrap();
//! #     (status, serde_json::from_slice::<Value>(&content).unwrap_or_default())
//! # };
//! # let orders = async |tokens: &Value| {
//! #     let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
//! #     let request = Request::get("/orders").header("authorization", bearer).body(Body::empty())
//! #         .unwrap();
//! #     app.clone().oneshot(request).await.unwrap().status()
//! # };
//! let (_, first) = post("/auth/login", json!({"user": "ada", "password": "lovelace"})).await;
//! let (_, second) = post("/auth/refresh", json!({"refresh_token": first["refresh_token"]})).await;
//! assert_eq!(orders(&second).await, 200);
//! let (status, _) =
//!     post("/auth/logout", json!({"refresh_token": second["refresh_token"]})).await;
//! assert_eq!(status, 204);
//! assert_eq!(orders(&second).await, 401); // at once, before the token expires
//! # Ok(()) }
//! ```
//!
//! # Parts
//!
//! - A [`Verifier`] verifies tokens: [`Key`]s, issuers, audiences, times. Create one; clones are
//!   cheap.
//! - A [`Gate`] adds the rules for a request: the [`Source`]s of the token, optional
//!   authentication, the realm of the challenge, hooks. A verifier converts into a gate with the
//!   defaults.
//! - A [`Policy`] is a condition on the caller. It is built from [`scope`], [`role`], [`claim`],
//!   [`any`], [`all`] and [`not`].
//! - `JwtAuth` and `require` are in the module of each framework, under the same names.
//! - The extractors are the same types on every framework: [`Principal`], [`Jwt`], [`Scoped`],
//!   [`Optional`], [`Gated`], [`Authenticated`] for custom types, and every type that derives
//!   `Claims`. The error of each is a [`Refusal`].
//! - A [`SigningKey`] signs tokens, for services that issue their own and for tests.
//! - `Sessions`, in the module `tollgate::session`, starts, continues and ends sessions;
//!   `Revocations` revokes tokens.
//! - The module [`extend`] has the traits for custom stores, key sources, renewals and endpoints.
//!
//! # Features
//!
//! Features are additive. Without any feature, this crate is the engine alone.
//!
//! | feature | adds |
//! |---|---|
//! | `macros` (default) | `#[derive(Claims)]`, which makes a struct an extractor, and `scopes!` |
//! | `axum` | the module `tollgate::axum`: layers and extractors for axum 0.8 |
//! | `actix` | the module `tollgate::actix`: middleware and extractors for actix-web 4 |
//! | `tonic` | the module `tollgate::tonic`: a layer and policies of methods for tonic 0.14 |
//! | `tower` | the module `tollgate::tower`: layers for hyper and others over `http` 1.x |
//! | `session` | the module `tollgate::session`: login, refresh, renewal, revocation, logout |
//! | `oidc` | the module `tollgate::oidc`: remote JWK Sets, `OpenID` Connect discovery, a client |
//! | `oidc-own-client` | the same without the client, for a client of your own |
//! | `metrics` | counters and gauges of decisions, remote keys and revocations |
//! | `redb`, `redis`, `postgres` | the modules of `tollgate::stores`: persistent sessions |
//! | `redis-tls` | TLS to Redis (`rediss://`) |
//! | `jsonwebtoken` | conversions from and to the key types of `jsonwebtoken`, without backends |
//! | `full` | all features of this table |

#![forbid(unsafe_code)]

#[cfg(feature = "actix")]
#[doc(inline)]
pub use tollgate_actix as actix;
#[cfg(feature = "axum")]
#[doc(inline)]
pub use tollgate_axum as axum;
#[doc(inline)]
pub use tollgate_core::policy::{self, all, any, claim, not, role, scope};
#[doc(inline)]
pub use tollgate_core::{
    Actor, Algorithm, Authenticated, Authentication, CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS,
    ClaimPath, Claims, ConfigError, ForwardAuth, Gate, Gated, Jwt, Key, KeyError, KeySet,
    LoginRedirect, Optional, Policy, Principal, Refusal, Rejection, RejectionKind, ReturnTo, Scope,
    Scoped, SigningKey, Source, TokenCache, TrustedIssuer, Verifier,
};
#[cfg(feature = "macros")]
#[doc(inline)]
pub use tollgate_macros::{Claims, scopes};
#[cfg(feature = "oidc-own-client")]
#[doc(inline)]
pub use tollgate_oidc as oidc;
#[cfg(feature = "oidc-own-client")]
pub use tollgate_oidc::{Oidc, RemoteJwks};
#[cfg(feature = "tower")]
#[doc(inline)]
pub use tollgate_tower as tower;
#[cfg(feature = "tonic")]
#[doc(inline)]
pub use tollgate_tower::tonic;

/// Builders, limits and kinds of errors: types that a service seldom names.
pub mod config {
    #[doc(inline)]
    pub use tollgate_core::{
        ConfigErrorKind, GateBuilder, IssuerRules, KeyErrorKind, KeyFileError, KeyFileErrorKind,
        Limits, SignError, SignErrorKind, VerifierBuilder,
    };
}

/// Traits and types for custom stores, key sources, renewals and endpoints.
///
/// A service that uses the parts of this crate unchanged needs none of them.
pub mod extend {
    #[doc(inline)]
    pub use tollgate_core::{
        Answer, BoxFuture, Clock, Endpoint, EndpointRequest, Family, FromAuthentication,
        HeaderEdits, IssuerSource, KeyEpoch, KeySource, MissingKey, PeerAddress, PreparedIssuer,
        Renewal, RequestView, RevocationCheck, SkipRenewal, SkippedKey, SourceKind, Standing, Step,
        StepFuture, SystemClock, TokenCacheStatus, ToleratedMember, Unavailable, UnknownAlgorithm,
        UnreadContent, UnreadableClaim, VerifierSettings,
    };
    #[cfg(feature = "session")]
    #[doc(inline)]
    pub use tollgate_session::{MAX_RETENTION, SteadyClock, ended_until};
}

/// Sessions: login, refresh with rotation, sliding renewal, revocation, devices and logout.
///
/// [`Sessions`](session::Sessions) starts, continues and ends them.
/// [`SessionEndpoints`](session::SessionEndpoints) serves them over HTTP, with the tokens in JSON
/// or in [cookies](session::CookieTransport). An [`Issuer`](session::Issuer) alone issues access
/// tokens. The module [`guarantees`](session::guarantees) lists what holds for every session.
///
/// Tasks: [sessions](crate::guide::sessions), [cookies](crate::guide::cookies),
/// [revocation](crate::guide::revocation), [stores](crate::guide::stores).
#[cfg(feature = "session")]
pub mod session {
    #[doc(inline)]
    pub use tollgate_session::*;
}

/// Persistent stores for sessions, also for several processes.
///
/// The [guide](crate::guide::stores) compares them. `tollgate::session::MemoryStore` keeps the
/// sessions of one process until it ends.
#[cfg(any(feature = "postgres", feature = "redb", feature = "redis"))]
pub mod stores {
    /// Sessions and revocations in PostgreSQL, for any number of instances.
    #[cfg(feature = "postgres")]
    pub mod postgres {
        #[doc(inline)]
        pub use tollgate_store_postgres::*;
    }
    /// Sessions and revocations in a file of one process, with redb.
    #[cfg(feature = "redb")]
    pub mod redb {
        #[doc(inline)]
        pub use tollgate_store_redb::*;
    }
    /// Sessions and revocations in Redis, on one server or on a cluster.
    #[cfg(feature = "redis")]
    pub mod redis {
        #[doc(inline)]
        pub use tollgate_store_redis::*;
    }
}

/// Support for code that the macros generate; not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use tollgate_core::__private::*;
}
#[doc(hidden)]
pub use tollgate_core::__impl_extractors;

#[cfg(any(doc, doctest))]
pub mod guide;

/// The pages of the repository, included so that their examples are tested.
#[cfg(all(doctest, feature = "full"))]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/SECURITY.md")]
    struct Security;
}
