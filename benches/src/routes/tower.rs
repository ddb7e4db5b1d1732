//! A route without a router: a function behind tower layers, to measure the middleware alone.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Extension;
use axum::http::{HeaderValue, Request, Response, header};
use tollgate_core::Verifier;
use tollgate_tower::{AuthenticationExt, JwtAuth};
use tower::{Layer, Service, service_fn};

use super::{Ask, Endpoint, Ring, at_once, hello};
use crate::tokens::User;

/// Sends requests to the endpoint with the tokens in turn. `None` for an endpoint that needs a
/// framework.
///
/// ```
/// use tollgate_benches::routes::{Endpoint, tower};
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::Algorithm;
///
/// let fixture = Fixture::new(Algorithm::HS256);
/// let answer = |token| tower::ask(Endpoint::Claims, &fixture.verifier(), [token]).unwrap()();
/// assert_eq!((answer(Some(&*fixture.token)), answer(None)), (200, 401));
/// assert!(tower::ask(Endpoint::Derived, &fixture.verifier(), [None]).is_none());
/// ```
pub fn ask<'a>(
    endpoint: Endpoint,
    verifier: &Verifier,
    tokens: impl IntoIterator<Item = Option<&'a str>>,
) -> Option<Ask> {
    let ring = Ring::new(tokens);
    let open = service_fn(async |_: Request<()>| answer(()));
    let auth = JwtAuth::new(verifier.clone());
    Some(match endpoint {
        Endpoint::Bare => each(open, ring),
        Endpoint::Inserting => each(Extension(7_u64).layer(open), ring),
        Endpoint::Layer => each(auth.layer(open), ring),
        Endpoint::Claims => {
            let handler = service_fn(async |request: Request<()>| {
                answer(request.authentication().unwrap().claims::<User>().unwrap())
            });
            each(auth.layer(handler), ring)
        }
        Endpoint::Shared => {
            let handler = service_fn(async |request: Request<()>| {
                answer(
                    request
                        .authentication()
                        .unwrap()
                        .claims::<Arc<User>>()
                        .unwrap(),
                )
            });
            each(auth.layer(handler), ring)
        }
        Endpoint::Principal => {
            let handler = service_fn(async |request: Request<()>| {
                answer(
                    request
                        .authentication()
                        .unwrap()
                        .authenticated()
                        .unwrap()
                        .clone(),
                )
            });
            each(auth.layer(handler), ring)
        }
        _ => return None,
    })
}

#[allow(clippy::unnecessary_wraps)] // the signature that `service_fn` needs
fn answer<T>(asked: T) -> Result<Response<&'static str>, Infallible> {
    Ok(Response::new(hello(asked)))
}

fn each<S, B>(mut service: S, mut ring: Ring<HeaderValue>) -> Ask
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + 'static,
{
    Box::new(move || {
        let mut request = Request::new(());
        if let Some(value) = ring.next() {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let Ok(response) = at_once(service.call(request));
        response.status().as_u16()
    })
}
