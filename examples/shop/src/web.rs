//! The routes and the extractors, on axum.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::de::DeserializeOwned;
use tollgate::axum::{AuthenticationExt, EndpointService, JwtAuth, require};
use tollgate::{CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS, Gate, role};
use tower_http::cors::{AllowOrigin, CorsLayer};

pub(crate) use axum::extract::{Path, Query};

use crate::handlers as on;
use crate::pages::{Call, Failure, STYLE, wants_html};
use crate::sessions::Shop;

pub(crate) fn routes(shop: Arc<Shop>) -> Router {
    let admin = Router::new()
        .route("/admin", get(on::admin))
        .route("/admin/{user}/role", post(on::change_role))
        .route("/admin/{user}/end-sessions", post(on::end_sessions))
        .route_layer(require(role("admin")));
    let user = Router::new()
        .route("/cart", get(on::cart).post(on::add_to_cart))
        .route("/order", post(on::order))
        .route("/account", get(on::account))
        .route("/account/confirm", get(on::confirm_page).post(on::confirm))
        .merge(admin)
        .route_layer(JwtAuth::new(shop.user.clone()));
    let password = get(on::password_page).post(on::change_password);
    let fresh = JwtAuth::new(shop.fresh.clone());
    let style = get(async || ([(CONTENT_TYPE, "text/css")], STYLE));
    Router::new()
        .route("/", get(on::catalogue))
        .route_layer(JwtAuth::new(shop.visitor.clone()))
        .route("/login", get(on::login_page)) // without a gate: any cookie may be there
        .route("/style.css", style)
        .route("/account/password", password.route_layer(fresh))
        .merge(user)
        .nest_service("/auth", EndpointService::new(shop.endpoints.clone()))
        .layer(cors(shop.user.clone()))
        .with_state(shop)
}

/// Lets pages of the origins that the gate trusts send credentials and read the responses.
fn cors(gate: Gate) -> CorsLayer {
    let trusted = AllowOrigin::predicate(move |origin, _| gate.trusts_origin(origin));
    CorsLayer::new()
        .allow_origin(trusted)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(CORS_ALLOWED_HEADERS.map(HeaderName::from_static))
        .expose_headers(CORS_EXPOSED_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600)) // browsers repeat the preflight after this time
}

impl FromRequestParts<Arc<Shop>> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Infallible> {
        let accept = parts.headers.get(ACCEPT).map(HeaderValue::as_bytes);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            is_html: wants_html(accept),
            address: peer.map(|peer| peer.0.ip()),
            caller: parts.principal().cloned(),
            shop: shop.clone(),
        })
    }
}

/// The content of a request: the form of a page, or JSON.
pub(crate) struct Input<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
            let json = Json::from_request(request, state).await;
            let Json(content) = json.map_err(IntoResponse::into_response)?;
            return Ok(Self(content));
        }
        let form = Form::from_request(request, state).await;
        let Form(content) = form.map_err(IntoResponse::into_response)?;
        Ok(Self(content))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// The front-end on another origin, unrelated to tollgate.
pub(crate) fn front_end(page: String) -> Router {
    Router::new().route("/", get(move || async move { Html(page) }))
}
