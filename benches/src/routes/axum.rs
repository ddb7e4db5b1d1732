//! The routes on axum.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router};
use tollgate_axum::JwtAuth;
use tollgate_core::{Gate, Gated, Jwt, Principal, Verifier};
use tower::{Layer, Service};

use super::{Ask, Endpoint, Ring, at_once, hello};
use crate::tokens::{Derived, User};

/// Creates the router, with the layer added by [`Router::layer`].
///
/// ```
/// use tollgate_benches::routes::{Endpoint, axum};
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::Algorithm;
///
/// let fixture = Fixture::new(Algorithm::HS256);
/// for endpoint in Endpoint::ALL {
///     let router = axum::router(endpoint, &fixture.verifier());
///     assert_eq!(axum::ask(router, [Some(&*fixture.token)])(), 200, "{endpoint:?}");
///     let router = axum::router(endpoint, &fixture.verifier());
///     let open = matches!(endpoint, Endpoint::Bare | Endpoint::Inserting);
///     assert_eq!(axum::ask(router, [None])(), if open { 200 } else { 401 }, "{endpoint:?}");
/// }
/// ```
pub fn router(endpoint: Endpoint, verifier: &Verifier) -> Router {
    let router = route(endpoint, verifier);
    match endpoint {
        Endpoint::Bare
        | Endpoint::ClaimsAlone
        | Endpoint::SharedAlone
        | Endpoint::PrincipalAlone => router,
        Endpoint::Inserting => router.layer(Extension(7_u64)),
        _ => router.layer(JwtAuth::new(verifier.clone())),
    }
}

/// Sends requests through the layer around the whole router, which avoids the boxes of
/// [`Router::layer`]. `None` for an endpoint without a layer.
///
/// ```
/// use tollgate_benches::routes::{Endpoint, axum};
/// use tollgate_benches::tokens::Fixture;
/// use tollgate_core::Algorithm;
///
/// let fixture = Fixture::new(Algorithm::HS256);
/// let answer = |token| axum::ask_around(Endpoint::Claims, &fixture.verifier(), [token])
///     .unwrap()();
/// assert_eq!((answer(Some(&*fixture.token)), answer(None)), (200, 401));
/// ```
pub fn ask_around<'a>(
    endpoint: Endpoint,
    verifier: &Verifier,
    tokens: impl IntoIterator<Item = Option<&'a str>>,
) -> Option<Ask> {
    let router = route(endpoint, verifier);
    match endpoint {
        Endpoint::Bare
        | Endpoint::ClaimsAlone
        | Endpoint::SharedAlone
        | Endpoint::PrincipalAlone => None,
        Endpoint::Inserting => Some(ask(Extension(7_u64).layer(router), tokens)),
        _ => Some(ask(JwtAuth::new(verifier.clone()).layer(router), tokens)),
    }
}

/// Sends requests to the service with the tokens in turn.
pub fn ask<'a, S, B>(mut service: S, tokens: impl IntoIterator<Item = Option<&'a str>>) -> Ask
where
    S: Service<Request<Body>, Response = Response<B>, Error = std::convert::Infallible> + 'static,
{
    let mut ring = Ring::<HeaderValue>::new(tokens);
    Box::new(move || {
        let mut request = Request::new(Body::empty());
        if let Some(value) = ring.next() {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let Ok(response) = at_once(service.call(request));
        response.status().as_u16()
    })
}

fn route(endpoint: Endpoint, verifier: &Verifier) -> Router {
    match endpoint {
        Endpoint::Bare | Endpoint::Inserting | Endpoint::Layer => at_root(get(async || hello(()))),
        Endpoint::Claims => at_root(get(async |Jwt(user): Jwt<User>| hello(user))),
        Endpoint::Shared => at_root(get(async |Jwt(user): Jwt<Arc<User>>| hello(user))),
        Endpoint::Optional => at_root(get(async |user: Option<Jwt<User>>| hello(user.unwrap()))),
        Endpoint::Principal => at_root(get(async |caller: Principal| hello(caller))),
        Endpoint::Derived => at_root(get(async |user: Derived| hello(user))),
        Endpoint::ClaimsAlone => {
            let handler = get(async |Gated(Jwt(user)): Gated<Jwt<User>>| hello(user));
            at_root(handler).with_state(Gate::from(verifier.clone()))
        }
        Endpoint::SharedAlone => {
            let handler = get(async |Gated(Jwt(user)): Gated<Jwt<Arc<User>>>| hello(user));
            at_root(handler).with_state(Gate::from(verifier.clone()))
        }
        Endpoint::PrincipalAlone => {
            let handler = get(async |Gated(caller): Gated<Principal>| hello(caller));
            at_root(handler).with_state(Gate::from(verifier.clone()))
        }
    }
}

fn at_root<S: Clone + Send + Sync + 'static>(handler: MethodRouter<S>) -> Router<S> {
    Router::new().route("/", handler)
}
