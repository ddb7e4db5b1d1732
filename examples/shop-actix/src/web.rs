//! The routes and the extractors, on actix-web.

use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;

use actix_cors::Cors;
use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, HeaderValue};
use actix_web::web::{Data, Either, Form, Html, Json, ServiceConfig, get, post, resource, scope};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, ResponseError};
use serde::de::DeserializeOwned;
use tollgate::actix::{AuthenticationExt, EndpointService, JwtAuth, require};
use tollgate::{CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS, Gate, role};

pub(crate) use actix_web::web::{Path, Query};

use crate::handlers as on;
use crate::pages::{Call, Failure, STYLE, wants_html};
use crate::sessions::Shop;

pub(crate) fn routes(config: &mut ServiceConfig, shop: &Data<Shop>) {
    let user = || JwtAuth::new(shop.user.clone());
    let admin = scope("/admin")
        .wrap(require(role("admin")))
        .wrap(user())
        .route("", get().to(on::admin))
        .route("/{user}/role", post().to(on::change_role))
        .route("/{user}/end-sessions", post().to(on::end_sessions));
    let catalogue = resource("/").wrap(JwtAuth::new(shop.visitor.clone()));
    let cart = resource("/cart").wrap(user()).get(on::cart);
    let account = resource("/account").wrap(user());
    let confirm = resource("/account/confirm").wrap(user());
    let password = resource("/account/password").wrap(JwtAuth::new(shop.fresh.clone()));
    let password = password.get(on::password_page);
    config
        .app_data(shop.clone())
        .service(catalogue.get(on::catalogue))
        .service(cart.post(on::add_to_cart))
        .service(resource("/order").wrap(user()).post(on::order))
        .service(account.get(on::account))
        .service(confirm.get(on::confirm_page).post(on::confirm))
        .service(password.post(on::change_password))
        .service(admin)
        .service(scope("/auth").service(EndpointService::new(shop.endpoints.clone())))
        .route("/login", get().to(on::login_page)) // without a gate: any cookie may be there
        .route("/style.css", get().to(style));
}

async fn style() -> impl Responder {
    HttpResponse::Ok().content_type("text/css").body(STYLE)
}

/// Lets pages of the origins that the gate trusts send credentials and read the responses.
pub(crate) fn cors(gate: Gate) -> Cors {
    Cors::default()
        .allowed_origin_fn(move |origin, _| gate.trusts_origin(origin))
        .supports_credentials()
        .allowed_methods(["GET", "POST"])
        .allowed_headers(CORS_ALLOWED_HEADERS)
        .expose_headers(CORS_EXPOSED_HEADERS)
        .max_age(600) // seconds; browsers repeat the preflight after this time
}

impl FromRequest for Call {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let accept = request.headers().get(ACCEPT).map(HeaderValue::as_bytes);
        let shop = request.app_data::<Data<Shop>>().cloned();
        let call = shop.map(|shop| Self {
            is_html: wants_html(accept),
            address: request.peer_addr().map(|peer| peer.ip()),
            caller: request.principal(),
            shop: shop.into_inner(),
        });
        ready(call.ok_or_else(|| "there is no shop".into()))
    }
}

/// The content of a request: the form of a page, or JSON.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Input<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content = Either::<Json<T>, Form<T>>::from_request(request, payload);
        Box::pin(async move {
            Ok(Self(match content.await? {
                Either::Left(Json(content)) | Either::Right(Form(content)) => content,
            }))
        })
    }
}

impl ResponseError for Failure {
    fn error_response(&self) -> HttpResponse {
        self.0.clone().into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a response of status {}", self.0.status)
    }
}

/// The front-end on another origin, unrelated to tollgate.
pub(crate) fn front_end(config: &mut ServiceConfig, page: &str) {
    let page = page.to_owned();
    config.route("/", get().to(move || ready(Html::new(page.clone()))));
}
