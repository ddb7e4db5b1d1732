//! Decisions that wait for a store, and responses that wait for a renewed token.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tollgate_core::{
    BoxFuture, Gate, HeaderEdits, Principal, RejectionKind, Renewal, RevocationCheck, Standing,
    Step, Unavailable,
};
use tollgate_tower::JwtAuth;
use tower::{Layer, Service};

use crate::fixture::{get, kind, token, verifier};

/// State shared by the test and the futures under test.
#[derive(Clone, Default)]
struct Store {
    /// The response of the store, when it is available.
    answer: Arc<Mutex<Option<Answer>>>,
    asked: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Answer {
    Good,
    Revoked,
}

impl Store {
    fn answers(&self, answer: Answer) {
        *self.answer.lock().expect("unpoisoned") = Some(answer);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn open(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn wait(&self) -> Question {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Question(self.clone())
    }
}

/// A pending lookup, counted until it is dropped.
struct Question(Store);

impl Future for Question {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        match *self.0.answer.lock().expect("unpoisoned") {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::SeqCst);
    }
}

impl RevocationCheck for Store {
    fn check(&self, _: &Principal) -> Step<Result<Standing, Unavailable>> {
        let question = self.wait();
        Step::pending(async move {
            Ok(match question.await {
                Answer::Good => Standing::Good,
                Answer::Revoked => Standing::Revoked,
            })
        })
    }
}

/// A renewal hook that renews every token after the store responds.
struct Renews(Store);

impl Renewal for Renews {
    fn is_due(&self, _: &Principal, _: &str, _: &str) -> bool {
        true
    }

    fn renew(&self, _: &Principal) -> BoxFuture<HeaderEdits> {
        let question = self.0.wait();
        Box::pin(async move {
            question.await;
            let mut edits = HeaderEdits::default();
            edits.push("x-access-token", "renewed");
            edits
        })
    }
}

/// A service that must be polled ready on the instance that is called. A clone is not ready.
struct OnePermit {
    ready: bool,
    store: Store,
}

impl Clone for OnePermit {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            store: self.store.clone(),
        }
    }
}

impl Service<Request<()>> for OnePermit {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.store.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::default()))
    }
}

fn guarded(store: &Store) -> tollgate_tower::JwtAuthService<OnePermit> {
    let gate = Gate::builder(verifier()).revocation(store.clone()).build();
    JwtAuth::new(gate.expect("consistent")).layer(OnePermit {
        ready: false,
        store: store.clone(),
    })
}

fn make_ready<S: Service<Request<()>>>(service: &mut S) {
    let readiness = service.poll_ready(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(readiness, Poll::Ready(Ok(()))));
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn good() -> Request<()> {
    get(token(json!({})))
}

#[test]
fn the_ready_instance_waits_with_its_request() {
    let store = Store::default();
    let mut service = guarded(&store);
    make_ready(&mut service);
    assert!(service.get_ref().ready);
    let mut response = pin!(service.call(good()));
    assert!(!service.get_ref().ready, "it is replaced by a clone");
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!((store.calls(), store.open()), (0, 1));

    // In the meantime, the service becomes ready for another request and is called.
    make_ready(&mut service);
    let mut other = pin!(service.call(good()));
    assert!(poll(other.as_mut()).is_pending());

    store.answers(Answer::Good);
    for response in [response, other] {
        let Poll::Ready(Ok(response)) = poll(response) else {
            panic!("the store has answered")
        };
        assert_eq!(response.status(), 200);
    }
    assert_eq!((store.calls(), store.open()), (2, 0));
}

#[test]
fn a_revoked_token_never_reaches_the_service() {
    let store = Store::default();
    let mut service = guarded(&store);
    make_ready(&mut service);
    let mut response = pin!(service.call(good()));
    assert!(poll(response.as_mut()).is_pending());
    store.answers(Answer::Revoked);
    let Poll::Ready(Ok(response)) = poll(response) else {
        panic!("the store has answered")
    };
    assert_eq!(
        (response.status().as_u16(), kind(&response)),
        (401, Some(RejectionKind::Revoked))
    );
    assert_eq!(store.calls(), 0);
}

#[test]
fn dropping_a_pending_decision_is_cancel_safe() {
    let store = Store::default();
    let mut service = guarded(&store);
    make_ready(&mut service);
    let mut response = Box::pin(service.call(good()));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!(store.open(), 1);
    drop(response);
    store.answers(Answer::Good);
    assert_eq!((store.calls(), store.open()), (0, 0));
    // A future that was never polled has started no lookup.
    make_ready(&mut service);
    drop(service.call(good()));
    assert_eq!((store.calls(), store.open()), (0, 0));
}

#[test]
fn dropping_a_pending_renewal_is_cancel_safe() {
    let store = Store::default();
    let gate = Gate::builder(verifier())
        .renewal(Renews(store.clone()))
        .build();
    let mut service = JwtAuth::new(gate.expect("consistent")).layer(OnePermit {
        ready: false,
        store: store.clone(),
    });
    make_ready(&mut service);
    let mut response = Box::pin(service.call(good()));
    assert!(poll(response.as_mut()).is_pending());
    assert_eq!((store.calls(), store.open()), (1, 1));
    drop(response);
    assert_eq!(store.open(), 0);

    make_ready(&mut service);
    let mut response = pin!(service.call(good()));
    assert!(poll(response.as_mut()).is_pending());
    store.answers(Answer::Good);
    let Poll::Ready(Ok(response)) = poll(response) else {
        panic!("the store has answered")
    };
    assert_eq!(response.headers()["x-access-token"], "renewed");
}

#[test]
fn a_refusal_does_not_wait() {
    let store = Store::default();
    let mut service = guarded(&store);
    make_ready(&mut service);
    let response = pin!(service.call(Request::new(())));
    let Poll::Ready(Ok(response)) = poll(response) else {
        panic!("there is nothing to ask")
    };
    assert_eq!(response.status(), 401);
    assert!(service.get_ref().ready, "and the readiness is left");
    assert_eq!(store.open(), 0);
}

#[test]
fn the_future_is_send() {
    fn sent<T: Send>(_: T) {}
    let mut service = guarded(&Store::default());
    make_ready(&mut service);
    sent(service.call(good()));
}
