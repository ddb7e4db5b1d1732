//! A router with a layer, a route layer and extractors.

use ::axum::Router;
use ::axum::body::Body;
use ::axum::routing::{MethodRouter, any};
use tokio::runtime::Runtime;
use tollgate_axum::{JwtAuth, require};
use tollgate_core::{Gate, Gated, Jwt, Principal, Scoped};
use tollgate_testkit::conformance::{
    Buyer, Case, Handler, OrdersRead, Request, Response, Shopper, Subject, echo, echo_claims,
    echo_guarded,
};
use tower::ServiceExt as _;

use crate::tower::{answered, http_request, replied, runtime};

pub(crate) struct Axum(Runtime);

impl Axum {
    pub(crate) fn new() -> Self {
        Self(runtime())
    }
}

impl Subject for Axum {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let reply = case.reply.clone();
        let route = match case.handler {
            Handler::Optional => {
                any(async move |caller: Option<Principal>| replied(&reply, echo(caller.as_ref())))
            }
            Handler::Principal => {
                any(async move |caller: Principal| replied(&reply, echo(Some(&caller))))
            }
            Handler::Claims => {
                any(async move |Jwt(shopper): Jwt<Shopper>| replied(&reply, echo_claims(&shopper)))
            }
            Handler::Guarded => {
                any(async move |Jwt(buyer): Jwt<Buyer>| replied(&reply, echo_guarded(&buyer)))
            }
            Handler::Scoped => {
                any(async move |caller: Scoped<OrdersRead>| replied(&reply, echo(Some(&caller))))
            }
        };
        let mut app: Router = Router::new().route("/resource", route);
        if let Some(policy) = &case.policy {
            app = app.route_layer(require(policy.clone()));
        }
        if let Some(gate) = &case.gate {
            app = app.layer(JwtAuth::new(gate.clone()));
        }
        call(&self.0, app, request)
    }
}

/// A router without a layer: the first extractor calls the gate in the state. It has no response
/// for cases without a gate, or with a route policy, whose layer would find no decision.
pub(crate) struct Ungated(Runtime);

impl Ungated {
    pub(crate) fn new() -> Self {
        Self(runtime())
    }
}

impl Subject for Ungated {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let route: MethodRouter<Gate> = match case.handler {
            Handler::Optional => {
                any(async |Gated(caller): Gated<Option<Principal>>| echo(caller.as_ref()))
            }
            Handler::Principal => any(async |Gated(caller): Gated<Principal>| echo(Some(&caller))),
            Handler::Claims => {
                any(async |Gated(Jwt(shopper)): Gated<Jwt<Shopper>>| echo_claims(&shopper))
            }
            Handler::Guarded => {
                any(async |Gated(Jwt(buyer)): Gated<Jwt<Buyer>>| echo_guarded(&buyer))
            }
            Handler::Scoped => {
                any(async |Gated(caller): Gated<Scoped<OrdersRead>>| echo(Some(&caller)))
            }
        };
        let gate = case.gate.clone().expect("a case without a gate");
        let app = Router::new().route("/resource", route).with_state(gate);
        call(&self.0, app, request)
    }

    fn has_layer(&self) -> bool {
        false
    }
}

fn call(runtime: &Runtime, app: Router, request: &Request) -> Response {
    runtime.block_on(async {
        let Ok(response) = app.oneshot(http_request::<Body>(request)).await;
        answered(response).await
    })
}
