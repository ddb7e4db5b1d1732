//! The service on actix-web.

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpResponse};
use tollgate_actix::{EndpointService, JwtAuth};
use tollgate_core::Principal;

use crate::service::{Service, greeting};
use crate::{Ask, Got};

async fn greet(user: Principal) -> String {
    greeting(&user)
}

async fn broken(user: Principal) -> HttpResponse {
    HttpResponse::InternalServerError()
        .content_type("text/plain; charset=utf-8")
        .body(greeting(&user))
}

pub(crate) fn routes(service: &Service, app: &mut ServiceConfig) {
    let auth = EndpointService::new(service.endpoints.clone());
    let keys = EndpointService::new(service.sessions.issuer().jwks());
    if let Some((second, _)) = &service.second {
        let second = EndpointService::new(second.clone());
        app.service(web::scope("/second").service(second));
    }
    app.service(web::scope("/auth").service(auth))
        .service(web::scope("/keys").service(keys))
        .service(
            web::scope("/orders")
                .wrap(JwtAuth::new(service.sliding()))
                .route("", web::to(greet))
                .route("/poll", web::to(greet))
                .route("/broken", web::to(broken)),
        )
        .service(
            web::resource("/account")
                .wrap(JwtAuth::new(service.fresh()))
                .to(greet),
        );
    for (path, reading) in Service::readings() {
        let gate = JwtAuth::new(service.reading(reading));
        app.service(web::resource(path).wrap(gate).to(greet));
    }
}

/// Calls the service without a socket.
pub(crate) async fn call(service: &Service, ask: &Ask) -> Got {
    let app = init_service(App::new().configure(|app| routes(service, app))).await;
    let method = Method::from_bytes(ask.method.as_bytes()).unwrap();
    let mut request = TestRequest::with_uri(&ask.path)
        .method(method)
        .set_payload(ask.content.clone());
    for (name, value) in &ask.fields {
        request = request.append_header((*name, value.as_str()));
    }
    let response = call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let fields = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let fields = fields.collect();
    let content = to_bytes(response.into_body())
        .await
        .unwrap_or_else(|_| panic!("the content is in memory"));
    Got::new(status, fields, &content)
}
