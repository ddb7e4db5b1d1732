//! An app with an access log outside of `JwtAuth`.

use std::cell::RefCell;
use std::rc::Rc;

use actix_web::dev::{Service as _, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Condition;
use actix_web::rt::{System, SystemRunner};
use actix_web::{App as ActixApp, test, web};
use tollgate_actix::{AuthenticationExt as _, JwtAuth, require};
use tollgate_core::policy::scope;
use tollgate_core::{Gate, Principal, Scoped};
use tollgate_testkit::conformance::OrdersRead;
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use crate::{App, Seen, caller};

pub(crate) struct Actix(SystemRunner);

impl Actix {
    pub(crate) fn new() -> Self {
        Self(System::new())
    }
}

impl App for Actix {
    fn ask(&mut self, gates: &[&Gate], method: &str, path: &str, token: Option<&str>) -> Seen {
        let seen = Rc::new(RefCell::new(None));
        let found = Rc::clone(&seen);
        let layer = |place: usize| {
            let gate = gates.get(place).map(|gate| (*gate).clone());
            let unused = || crate::gate(|gate| gate);
            Condition::new(gate.is_some(), JwtAuth::new(gate.unwrap_or_else(unused)))
        };
        let app = ActixApp::new()
            .route("/open", web::to(async || "open"))
            .route("/orders/{id}", web::to(async |_: Principal| "order"))
            .service(
                web::resource("/admin/{id}")
                    .wrap(require(scope("admin")))
                    .to(async || "admin"),
            )
            .route(
                "/scoped/{id}",
                web::to(async |_: Scoped<OrdersRead>| "scoped"),
            )
            .wrap(layer(0))
            .wrap(layer(1))
            .wrap_fn(move |request, next| {
                let span = info_span!("request", enduser.id = Empty, issuer = Empty);
                let response = span.in_scope(|| next.call(request));
                let found = Rc::clone(&found);
                async move {
                    let response: ServiceResponse<_> = response.await?;
                    let caller_of_it = response.authentication();
                    *found.borrow_mut() = caller_of_it.map(|found| caller(found.principal()));
                    Ok(response)
                }
                .instrument(span)
            });
        let mut request = test::TestRequest::with_uri(path)
            .method(Method::from_bytes(method.as_bytes()).expect("a valid method"));
        if let Some(token) = token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let status = self.0.block_on(async {
            let app = test::init_service(app).await;
            test::call_service(&app, request.to_request())
                .await
                .status()
                .as_u16()
        });
        let caller = seen.borrow_mut().take();
        Seen { status, caller }
    }
}
