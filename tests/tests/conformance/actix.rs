//! An app with middleware for the app and for a resource, and with extractors.

use std::future::ready;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::{System, SystemRunner};
use actix_web::{App, Error, HttpResponse, Route, test, web};
use tollgate_actix::{AuthenticationExt as _, JwtAuth, require};
use tollgate_core::{Jwt, Optional, Principal, Rejection, Scoped, SkipRenewal};
use tollgate_testkit::conformance::{
    Buyer, Case, Handler, OrdersRead, Reply, Request, Response, Shopper, Subject, echo,
    echo_claims, echo_guarded,
};

pub(crate) struct Actix(SystemRunner);

impl Actix {
    pub(crate) fn new() -> Self {
        Self(System::new())
    }
}

impl Subject for Actix {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let resource = web::resource("/resource").route(route(case));
        let gate = || case.gate.clone().map(JwtAuth::new);
        let policy = || case.policy.clone().map(require);
        self.0.block_on(async {
            match (gate(), policy()) {
                (Some(gate), Some(policy)) => {
                    call(
                        App::new().service(resource.wrap(policy)).wrap(gate),
                        request,
                    )
                    .await
                }
                (Some(gate), None) => call(App::new().service(resource).wrap(gate), request).await,
                (None, Some(policy)) => {
                    call(App::new().service(resource.wrap(policy)), request).await
                }
                (None, None) => call(App::new().service(resource), request).await,
            }
        })
    }
}

/// An app without middleware: the first extractor or policy calls the gate in the app data.
pub(crate) struct Unwrapped(SystemRunner);

impl Unwrapped {
    pub(crate) fn new() -> Self {
        Self(System::new())
    }
}

impl Subject for Unwrapped {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let resource = web::resource("/resource").route(route(case));
        let gate = case.gate.clone().expect("a case without a gate");
        let app = App::new().app_data(gate);
        self.0.block_on(async {
            match case.policy.clone().map(require) {
                Some(policy) => call(app.service(resource.wrap(policy)), request).await,
                None => call(app.service(resource), request).await,
            }
        })
    }
}

fn route(case: &Case) -> Route {
    macro_rules! handler {
        (|$caller:pat_param in $type:ty| $body:expr) => {{
            let reply = case.reply.clone();
            web::route().to(move |$caller: $type| ready(replied(&reply, $body)))
        }};
    }
    match case.handler {
        Handler::Optional => {
            handler!(|Optional(caller) in Optional<Principal>| echo(caller.as_ref()))
        }
        Handler::Principal => handler!(|caller in Principal| echo(Some(&caller))),
        Handler::Claims => handler!(|Jwt(shopper) in Jwt<Shopper>| echo_claims(&shopper)),
        Handler::Guarded => handler!(|Jwt(buyer) in Jwt<Buyer>| echo_guarded(&buyer)),
        Handler::Scoped => handler!(|caller in Scoped<OrdersRead>| echo(Some(&caller))),
    }
}

fn replied(reply: &Reply, body: String) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).expect("an invalid status");
    let mut built = HttpResponse::build(status);
    built.content_type("text/plain; charset=utf-8");
    for (name, value) in &reply.headers {
        built.append_header((name.as_str(), value.as_str()));
    }
    if reply.skip_renewal {
        built.extensions_mut().insert(SkipRenewal);
    }
    built.body(body)
}

async fn call<T, B>(app: App<T>, request: &Request) -> Response
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    T::Future: 'static,
    B: MessageBody,
{
    let app = test::init_service(app).await;
    let mut built = test::TestRequest::default()
        .method(Method::from_bytes(request.method.as_bytes()).expect("an invalid method"))
        .uri(&request.target);
    for (name, value) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("an invalid field name");
        let value = HeaderValue::from_bytes(value).expect("an invalid field value");
        built = built.append_header((name, value));
    }
    if let Some(peer) = request.peer {
        built = built.peer_addr((peer, 4711).into());
    }
    let response = test::call_service(&app, built.to_request()).await;
    let rejection = response.response().extensions().get().map(Rejection::kind);
    let seen_outside = response
        .authentication()
        .map(|caller| echo(caller.principal()));
    let status = response.status().as_u16();
    let headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    let body = to_bytes(response.into_body())
        .await
        .unwrap_or_else(|_| panic!("a body that cannot be read"));
    Response {
        rejection,
        seen_outside,
        ..Response::new(status, headers, body)
    }
}
