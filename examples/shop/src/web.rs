//! The routes, the extractors and the responses, on axum.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::de::DeserializeOwned;
use tollgate::axum::{EndpointService, JwtAuth, require};
use tollgate::{Authentication, CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS, Gate, Rejection, role};
use tower_http::cors::{AllowOrigin, CorsLayer};

pub(crate) use axum::extract::{Path, Query};

use crate::handlers::{self as on, Shop};
use crate::pages::{Call, Reply, STYLE, wants_html};

pub(crate) fn routes(shop: Arc<Shop>) -> Router {
    let auth = &shop.auth;
    let admin = Router::new()
        .route("/admin", get(on::admin))
        .route("/admin/{user}/role", post(on::change_role))
        .route("/admin/{user}/end-sessions", post(on::end_sessions))
        .route_layer(require(role("admin")));
    let clerk = Router::new()
        .route("/orders/{number}/ship", post(on::ship))
        .route_layer(require(role("clerk") | role("admin")));
    let user = Router::new()
        .route("/cart", get(on::cart).post(on::add_to_cart))
        .route("/orders", get(on::orders).post(on::order))
        .route("/account", get(on::account))
        .route("/account/confirm", get(on::confirm_page).post(on::confirm))
        .merge(admin)
        .merge(clerk)
        .route_layer(JwtAuth::new(auth.user.clone()));
    let fresh = Router::new()
        .route(
            "/account/password",
            get(on::password_page).post(on::change_password),
        )
        .route_layer(JwtAuth::new(auth.fresh.clone()));
    let public = Router::new()
        .route("/", get(on::catalogue))
        .route_layer(JwtAuth::new(auth.visitor.clone()))
        .route("/login", get(on::login_page)); // without a gate: any cookie may be there
    public
        .merge(user)
        .merge(fresh)
        .nest_service("/auth", EndpointService::new(auth.endpoints.clone()))
        .route(
            "/style.css",
            get(async || ([(CONTENT_TYPE, "text/css")], STYLE)),
        )
        .layer(from_fn_with_state(shop.clone(), refusals_as_pages))
        .layer(cors(auth.user.clone()))
        .with_state(shop)
}

/// Lets pages of the origins that the gate trusts send credentials and read the responses.
fn cors(gate: Gate) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            gate.trusts_origin(origin)
        }))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(CORS_ALLOWED_HEADERS.map(HeaderName::from_static))
        .expose_headers(CORS_EXPOSED_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600)) // browsers repeat the preflight after this time
}

/// Shows refusals to browsers as pages. Programs get the problem documents.
async fn refusals_as_pages(
    State(shop): State<Arc<Shop>>,
    request: Request,
    next: Next,
) -> Response {
    let is_html = wants_html(request.headers().get(ACCEPT).map(HeaderValue::as_bytes));
    let response = next.run(request).await;
    let kind = response.extensions().get().map(Rejection::kind);
    let Some(kind) = kind.filter(|_| is_html && response.status() != StatusCode::SEE_OTHER) else {
        return response;
    };
    let caller = None;
    let call = Call {
        caller,
        is_html,
        shop,
    };
    let page = call
        .refused(response.status().as_u16(), kind)
        .into_response();
    let mut parts = response.into_parts().0;
    parts.status = page.status();
    parts.headers.remove(CONTENT_LENGTH);
    let (of_page, body) = page.into_parts();
    parts.headers.extend(of_page.headers);
    Response::from_parts(parts, body)
}

impl FromRequestParts<Arc<Shop>> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Arc<Shop>) -> Result<Self, Infallible> {
        let accept = parts.headers.get(ACCEPT).map(HeaderValue::as_bytes);
        let is_html = wants_html(accept);
        let authentication = parts.extensions.get::<Authentication>();
        Ok(Self {
            caller: authentication.and_then(|it| it.principal().cloned()),
            is_html,
            shop: shop.clone(),
        })
    }
}

/// The content of a request: the form of a page, or JSON.
pub(crate) struct Input<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"application/json")) {
            let json = Json::from_request(request, state).await;
            return json
                .map(|json| Self(json.0))
                .map_err(IntoResponse::into_response);
        }
        let form = Form::from_request(request, state).await;
        form.map(|form| Self(form.0))
            .map_err(IntoResponse::into_response)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let Self(answer) = self;
        let status = StatusCode::from_u16(answer.status).unwrap_or_default();
        let mut response = (status, answer.body).into_response();
        response.headers_mut().remove(CONTENT_TYPE);
        for (name, value) in answer.headers {
            let field = (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value));
            if let (Ok(name), Ok(value)) = field {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// The front-end on another origin: three static files, unrelated to tollgate.
pub(crate) fn front_end(shop: &str) -> Router {
    let policy = format!("default-src 'self'; connect-src {shop}; frame-ancestors 'none'");
    crate::pages::front_end(shop)
        .into_iter()
        .fold(Router::new(), |routes, (path, kind, text)| {
            let fields = [
                (CONTENT_TYPE, kind.to_owned()),
                (CONTENT_SECURITY_POLICY, policy.clone()),
            ];
            routes.route(path, get(move || async move { (fields, text) }))
        })
}
