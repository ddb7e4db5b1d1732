//! Decisions that wait for a store, in the middleware and in the extractors.
#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use actix_web::dev::{Payload, Service, Transform, fn_service};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, web};
use serde_json::json;
use support::{bearer, gate, token};
use tollgate_actix::{AuthenticationExt, JwtAuth, require};
use tollgate_core::policy::Policy;
use tollgate_core::{
    Gate, Jwt, Optional, Principal, RejectionKind, RevocationCheck, Scope, Scoped, Standing, Step,
    Unavailable,
};

/// State shared by the test and the futures under test.
#[derive(Clone, Default)]
struct Store {
    /// The response of the store, when it is available: is the token valid?
    answer: Arc<Mutex<Option<bool>>>,
    open: Arc<AtomicUsize>,
}

impl Store {
    fn answering(good: bool) -> Self {
        let store = Self::default();
        store.answers(good);
        store
    }

    fn answers(&self, good: bool) {
        *self.answer.lock().unwrap() = Some(good);
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    fn gate(&self) -> Gate {
        gate().revocation(self.clone()).build().unwrap()
    }
}

/// A pending lookup, counted until it is dropped.
struct Question(Store);

impl Future for Question {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<bool> {
        match *self.0.answer.lock().unwrap() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl RevocationCheck for Store {
    fn check(&self, _: &tollgate_core::Principal) -> Step<Result<Standing, Unavailable>> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let question = Question(self.clone());
        Step::pending(async move {
            Ok(if question.await {
                Standing::Good
            } else {
                Standing::Revoked
            })
        })
    }
}

struct OrdersRead;

impl Scope for OrdersRead {
    const NAME: &'static str = "orders:read";
}

fn good() -> TestRequest {
    bearer("/", &token(&json!({"scope": "orders:read"})))
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[actix_web::test]
async fn dropping_a_pending_response_is_cancel_safe() {
    let store = Store::default();
    let calls = Rc::new(Cell::new(0));
    let counted = Rc::clone(&calls);
    let handler = fn_service(move |request: actix_web::dev::ServiceRequest| {
        counted.set(counted.get() + 1);
        async move { Ok::<_, actix_web::Error>(request.into_response(HttpResponse::Ok())) }
    });
    let handler = actix_web::dev::ServiceFactory::new_service(&handler, ())
        .await
        .unwrap();
    let service = JwtAuth::new(store.gate())
        .new_transform(handler)
        .await
        .unwrap();

    let mut response = Box::pin(service.call(good().to_srv_request()));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!((calls.get(), store.open()), (0, 1));
    drop(response);
    store.answers(true);
    assert_eq!((calls.get(), store.open()), (0, 0));

    let response = service.call(good().to_srv_request()).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), calls.get(), store.open()),
        (200, 1, 0)
    );
}

#[actix_web::test]
async fn dropping_a_pending_extractor_is_cancel_safe() {
    let store = Store::default();
    let request = good().app_data(store.gate()).to_http_request();
    let mut future = Box::pin(Principal::from_request(&request, &mut Payload::None));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(store.open(), 1);
    drop(future);
    assert_eq!(store.open(), 0);
    assert!(request.authentication().is_none());
}

#[actix_web::test]
async fn every_extractor_refuses_a_revoked_token() {
    async fn refused<E: FromRequest<Error = tollgate_core::Refusal>>(request: &HttpRequest) {
        let rejected = E::extract(request).await.err().unwrap();
        assert_eq!(rejected.rejection().kind(), RejectionKind::Revoked);
        assert!(request.authentication().is_none());
    }
    let store = Store::answering(false);
    let request = || good().app_data(store.gate()).to_http_request();
    refused::<Principal>(&request()).await;
    refused::<Jwt<serde_json::Value>>(&request()).await;
    refused::<Scoped<OrdersRead>>(&request()).await;
    refused::<Optional<Principal>>(&request()).await;
    // A second extraction from the same request is refused as well.
    let twice = request();
    refused::<Principal>(&twice).await;
    refused::<Optional<Principal>>(&twice).await;
    let shared = good()
        .app_data(web::Data::new(store.gate()))
        .to_http_request();
    refused::<Principal>(&shared).await;
}

#[actix_web::test]
async fn require_without_the_middleware_waits_for_the_gate() {
    for (is_good, status) in [(true, 200), (false, 401)] {
        let store = Store::answering(is_good);
        let resource = web::resource("/")
            .wrap(require(Policy::scope("orders:read")))
            .get(async |caller: Principal| caller.subject().unwrap_or_default().to_owned());
        let app = init_service(App::new().app_data(store.gate()).service(resource)).await;
        let response = call_service(&app, good().to_request()).await;
        assert_eq!(response.status(), status);
        assert_eq!(store.open(), 0);
    }
}

#[actix_web::test]
async fn several_extractors_of_one_handler_share_a_lookup() {
    async fn handler(_: Principal, _: Scoped<OrdersRead>, _: Optional<Principal>) -> &'static str {
        "in"
    }
    for (is_good, status) in [(true, 200), (false, 401)] {
        let store = Store::answering(is_good);
        let app = App::new()
            .app_data(store.gate())
            .route("/", web::get().to(handler));
        let app = init_service(app).await;
        assert_eq!(
            call_service(&app, good().to_request()).await.status(),
            status
        );
        assert_eq!(store.open(), 0);
    }
}
