//! The routes on actix-web.

use std::sync::Arc;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpMessage, Route, web};
use tollgate_actix::JwtAuth;
use tollgate_core::{Gate, Jwt, Optional, Principal, Verifier};

use super::{Ask, Endpoint, Ring, at_once, hello};
use crate::tokens::{Derived, User};

/// Sends requests to the endpoint with the tokens in turn.
///
/// ```
/// use tollgate_benches::routes::{Endpoint, actix};
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::Algorithm;
///
/// let fixture = Fixture::new(Algorithm::HS256);
/// for endpoint in Endpoint::ALL {
///     let answer = |token| actix::ask(endpoint, &fixture.verifier(), [token])();
///     assert_eq!(answer(Some(&*fixture.token)), 200, "{endpoint:?}");
///     let open = matches!(endpoint, Endpoint::Bare | Endpoint::Inserting);
///     assert_eq!(answer(None), if open { 200 } else { 401 }, "{endpoint:?}");
/// }
/// ```
pub fn ask<'a>(
    endpoint: Endpoint,
    verifier: &Verifier,
    tokens: impl IntoIterator<Item = Option<&'a str>>,
) -> Ask {
    let ring = Ring::new(tokens);
    let app = App::new().route("/", route(endpoint));
    match endpoint {
        Endpoint::Bare => each(at_once(init_service(app)), ring, TestRequest::to_request),
        Endpoint::Inserting => {
            let app = app.wrap_fn(|request, service| {
                request.extensions_mut().insert(7_u64);
                service.call(request)
            });
            each(at_once(init_service(app)), ring, TestRequest::to_request)
        }
        Endpoint::ClaimsAlone | Endpoint::SharedAlone | Endpoint::PrincipalAlone => {
            let app = app.app_data(Gate::from(verifier.clone()));
            each(at_once(init_service(app)), ring, TestRequest::to_request)
        }
        _ => {
            let app = app.wrap(JwtAuth::new(verifier.clone()));
            each(at_once(init_service(app)), ring, TestRequest::to_request)
        }
    }
}

/// `Request` is a type parameter because actix-web does not export the type.
fn each<S, Request, B>(
    service: S,
    mut ring: Ring<HeaderValue>,
    request: fn(TestRequest) -> Request,
) -> Ask
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    Request: 'static,
{
    Box::new(move || {
        let mut head = TestRequest::default();
        if let Some(value) = ring.next() {
            head = head.insert_header((AUTHORIZATION, value));
        }
        at_once(service.call(request(head)))
            .unwrap()
            .status()
            .as_u16()
    })
}

fn route(endpoint: Endpoint) -> Route {
    match endpoint {
        Endpoint::Bare | Endpoint::Inserting | Endpoint::Layer => web::get().to(async || hello(())),
        Endpoint::Claims | Endpoint::ClaimsAlone => {
            web::get().to(async |Jwt(user): Jwt<User>| hello(user))
        }
        Endpoint::Shared | Endpoint::SharedAlone => {
            web::get().to(async |Jwt(user): Jwt<Arc<User>>| hello(user))
        }
        Endpoint::Optional => {
            web::get().to(async |Optional(user): Optional<Jwt<User>>| hello(user.unwrap()))
        }
        Endpoint::Principal | Endpoint::PrincipalAlone => {
            web::get().to(async |caller: Principal| hello(caller))
        }
        Endpoint::Derived => web::get().to(async |user: Derived| hello(user)),
    }
}
