//! A router with a layer, a route's layer and the extractors.

use ::axum::Router;
use ::axum::body::Body;
use ::axum::routing::any;
use tokio::runtime::Runtime;
use tollgate_axum::{Claims, JwtAuth, Principal, Scoped, require};
use tollgate_testkit::conformance::{
    Buyer, Case, Handler, OrdersRead, Request, Response, Shopper, Subject, echo, echo_claims, echo_guarded,
};
use tower::ServiceExt as _;

use crate::tower::{answered, http_request, runtime};

pub(crate) struct Axum(Runtime);

impl Axum {
    pub(crate) fn new() -> Self {
        Self(runtime())
    }
}

impl Subject for Axum {
    fn send(&mut self, case: &Case, request: &Request) -> Response {
        let route = match case.handler {
            Handler::Optional => any(async |caller: Option<Principal>| echo(caller.as_deref())),
            Handler::Principal => any(async |caller: Principal| echo(Some(&caller))),
            Handler::Claims => any(async |Claims(shopper): Claims<Shopper>| echo_claims(&shopper)),
            Handler::Guarded => any(async |Claims(buyer): Claims<Buyer>| echo_guarded(&buyer)),
            Handler::Scoped => any(async |caller: Scoped<OrdersRead>| echo(Some(&caller))),
        };
        let mut app: Router = Router::new().route("/resource", route);
        if let Some(policy) = &case.policy {
            app = app.route_layer(require(policy.clone()));
        }
        if let Some(gate) = &case.gate {
            app = app.layer(JwtAuth::new(gate.clone()));
        }
        self.0.block_on(async {
            let Ok(response) = app.oneshot(http_request::<Body>(request)).await;
            answered(response).await
        })
    }
}
