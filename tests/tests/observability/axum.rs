//! A router with `TraceLayer` of tower-http outside of `JwtAuth`.

use std::sync::{Arc, Mutex};

use ::axum::Router;
use ::axum::body::Body;
use ::axum::http::{Request, Response};
use ::axum::routing::any;
use tokio::runtime::{Builder, Runtime};
use tollgate_axum::{AuthenticationExt as _, JwtAuth, require};
use tollgate_core::policy::scope;
use tollgate_core::{Gate, Principal, Scoped};
use tollgate_testkit::conformance::OrdersRead;
use tower::ServiceExt as _;
use tower_http::trace::TraceLayer;
use tracing::field::Empty;
use tracing::info_span;

use crate::{App, Seen, caller};

pub(crate) struct Axum(Runtime);

impl Axum {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().build();
        Self(runtime.expect("a runtime without drivers"))
    }

    fn send(&self, app: Router, method: &str, path: &str, token: Option<&str>) -> Seen {
        let seen = Arc::new(Mutex::new(None));
        let found = Arc::clone(&seen);
        let access_log = TraceLayer::new_for_http()
            .make_span_with(|_: &Request<Body>| {
                info_span!("request", enduser.id = Empty, issuer = Empty)
            })
            .on_request(())
            .on_failure(())
            .on_response(move |response: &Response<Body>, _, _: &tracing::Span| {
                let found_here = response.authentication();
                *found.lock().expect("no panic") =
                    found_here.map(|found| caller(found.principal()));
            });
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).expect("a valid request");
        let app = app.layer(access_log);
        let Ok(response) = self.0.block_on(app.oneshot(request));
        let caller = seen.lock().expect("no panic").take();
        Seen {
            status: response.status().as_u16(),
            caller,
        }
    }
}

fn routes() -> Router {
    Router::new()
        .route("/open", any(async || "open"))
        .route("/orders/{id}", any(async |_: Principal| "order"))
        .route(
            "/admin/{id}",
            any(async || "admin").layer(require(scope("admin"))),
        )
        .route("/scoped/{id}", any(async |_: Scoped<OrdersRead>| "scoped"))
}

impl App for Axum {
    fn ask(&mut self, gates: &[&Gate], method: &str, path: &str, token: Option<&str>) -> Seen {
        let layers = gates.iter().map(|gate| JwtAuth::new((*gate).clone()));
        let app = layers.fold(routes(), axum::Router::layer);
        self.send(app, method, path, token)
    }
}
