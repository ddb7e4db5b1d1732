//! The service on axum.

use ::axum::Router;
use ::axum::body::Body;
use ::axum::routing::any;
use http::StatusCode;
use http_body_util::BodyExt as _;
use tollgate_axum::{EndpointService, JwtAuth};
use tollgate_core::Principal;
use tower::ServiceExt as _;

use crate::service::{Service, greeting};
use crate::{Ask, Got};

pub(crate) fn app(service: &Service) -> Router {
    let endpoints = EndpointService::new(service.endpoints.clone());
    let greet = || any(async |user: Principal| greeting(&user));
    let orders = Router::new()
        .route("/orders", greet())
        .route("/orders/poll", greet())
        .route(
            "/orders/broken",
            any(async |user: Principal| (StatusCode::INTERNAL_SERVER_ERROR, greeting(&user))),
        )
        .route_layer(JwtAuth::new(service.sliding()));
    let account = Router::new()
        .route("/account", greet())
        .route_layer(JwtAuth::new(service.fresh()));
    let mut app = orders.merge(account);
    for (path, reading) in Service::readings() {
        let read = Router::new().route(path, greet());
        app = app.merge(read.route_layer(JwtAuth::new(service.reading(reading))));
    }
    if let Some((second, _)) = &service.second {
        app = app.nest_service("/second", EndpointService::new(second.clone()));
    }
    app.nest_service("/auth", endpoints).route_service(
        "/keys",
        EndpointService::new(service.sessions.issuer().jwks()),
    )
}

/// Calls the service without a socket.
pub(crate) async fn call(service: &Service, ask: &Ask) -> Got {
    let mut request = http::Request::builder().method(ask.method).uri(&ask.path);
    for (name, value) in &ask.fields {
        request = request.header(*name, value);
    }
    let request = request.body(Body::from(ask.content.clone())).unwrap();
    let Ok(response) = app(service).oneshot(request).await;
    let (head, body) = response.into_parts();
    let fields = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let fields = fields.collect();
    Got::new(
        head.status.as_u16(),
        fields,
        &body.collect().await.unwrap().to_bytes(),
    )
}
