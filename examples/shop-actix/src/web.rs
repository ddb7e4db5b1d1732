//! The routes, the extractors and the responses, on actix-web.

use std::fmt;
use std::future::{Ready, ready};

use actix_cors::Cors;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{Data, Either, Form, Json, ServiceConfig, get, post, resource, scope};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder, ResponseError};
use serde::de::DeserializeOwned;
use tollgate::actix::{EndpointService, JwtAuth, require};
use tollgate::{Authentication, CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS, Gate, Rejection, role};

pub(crate) use actix_web::web::{Path, Query};

use crate::handlers::{self as on, Shop};
use crate::pages::{self, Call, Reply, STYLE, wants_html};

pub(crate) fn routes(config: &mut ServiceConfig, shop: &Data<Shop>) {
    let auth = &shop.auth;
    let user = || JwtAuth::new(auth.user.clone());
    let admin = || require(role("admin"));
    let clerk = require(role("clerk") | role("admin"));
    config
        .app_data(shop.clone())
        .service(
            resource("/")
                .wrap(JwtAuth::new(auth.visitor.clone()))
                .get(on::catalogue),
        )
        .route("/login", get().to(on::login_page)) // without a gate: any cookie may be there
        .service(
            resource("/cart")
                .wrap(user())
                .get(on::cart)
                .post(on::add_to_cart),
        )
        .service(
            resource("/orders")
                .wrap(user())
                .get(on::orders)
                .post(on::order),
        )
        .service(
            resource("/orders/{number}/ship")
                .wrap(clerk)
                .wrap(user())
                .post(on::ship),
        )
        .service(resource("/account").wrap(user()).get(on::account))
        .service(
            resource("/account/confirm")
                .wrap(user())
                .get(on::confirm_page)
                .post(on::confirm),
        )
        .service(
            resource("/account/password")
                .wrap(JwtAuth::new(auth.fresh.clone()))
                .get(on::password_page)
                .post(on::change_password),
        )
        .service(
            scope("/admin")
                .wrap(admin())
                .wrap(user())
                .route("", get().to(on::admin))
                .route("/{user}/role", post().to(on::change_role))
                .route("/{user}/end-sessions", post().to(on::end_sessions)),
        )
        .service(scope("/auth").service(EndpointService::new(auth.endpoints.clone())))
        .route(
            "/style.css",
            get().to(async || HttpResponse::Ok().content_type("text/css").body(STYLE)),
        );
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

/// Shows refusals to browsers as pages. Programs get the problem documents.
pub(crate) async fn refusals_as_pages(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let accept = request.headers().get(ACCEPT);
    let is_html = wants_html(accept.map(HeaderValue::as_bytes));
    let shop = request.app_data::<Data<Shop>>().cloned();
    let response = next.call(request).await?.map_into_boxed_body();
    let kind = response.response().extensions().get().map(Rejection::kind);
    let kind = kind.filter(|_| is_html && response.status() != StatusCode::SEE_OTHER);
    let (Some(kind), Some(shop)) = (kind, shop) else {
        return Ok(response);
    };
    let call = Call {
        caller: None,
        is_html,
        shop: shop.into_inner(),
    };
    let page = call.refused(response.status().as_u16(), kind);
    let page = page.unwrap_or_else(|reply| reply).error_response();
    let (request, refusal) = response.into_parts();
    let mut whole = page;
    for (name, value) in refusal.headers() {
        if !whole.headers().contains_key(name) {
            whole.headers_mut().append(name.clone(), value.clone());
        }
    }
    Ok(ServiceResponse::new(request, whole))
}

impl FromRequest for Call {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let accept = request.headers().get(ACCEPT);
        let is_html = wants_html(accept.map(HeaderValue::as_bytes));
        let extensions = request.extensions();
        let authentication = extensions.get::<Authentication>();
        let caller = authentication.and_then(|it| it.principal().cloned());
        let shop = request.app_data::<Data<Shop>>().cloned();
        let missing = || actix_web::error::ErrorInternalServerError("there is no shop");
        ready(shop.ok_or_else(missing).map(|shop| Self {
            caller,
            is_html,
            shop: shop.into_inner(),
        }))
    }
}

/// The content of a request: the form of a page, or JSON.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Input<T> {
    type Error = actix_web::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content = Either::<Json<T>, Form<T>>::from_request(request, payload);
        Box::pin(async move {
            Ok(Self(match content.await? {
                Either::Left(Json(content)) | Either::Right(Form(content)) => content,
            }))
        })
    }
}

impl ResponseError for Reply {
    fn error_response(&self) -> HttpResponse {
        let Self(answer) = self;
        let status = StatusCode::from_u16(answer.status);
        let mut response = HttpResponse::build(status.unwrap_or(StatusCode::BAD_GATEWAY));
        for (name, value) in &answer.headers {
            response.append_header((&**name, &**value));
        }
        response.body(answer.body.clone())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a response of status {}", self.0.status)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

/// The front-end on another origin: three static files, unrelated to tollgate.
pub(crate) fn front_end(config: &mut ServiceConfig, shop: &str) {
    let policy = format!("default-src 'self'; connect-src {shop}; frame-ancestors 'none'");
    for (path, kind, text) in pages::front_end(shop) {
        let policy = policy.clone();
        let file = move || {
            let (policy, text) = (policy.clone(), text.clone());
            async move {
                let mut response = HttpResponse::Ok();
                response.insert_header((CONTENT_SECURITY_POLICY, policy));
                response.content_type(kind).body(text)
            }
        };
        config.route(path, get().to(file));
    }
}
