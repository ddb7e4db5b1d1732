//! The tower contract: readiness, clones, and futures without a box.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tollgate_core::Authentication;
use tollgate_core::policy::Policy;
use tollgate_tower::{
    JwtAuth, JwtAuthFuture, JwtAuthService, RequireLayer, RequireService, ResponseFuture, require,
};
use tower::{Layer, Service};

use crate::fixture::{Once, get, token, verifier};

/// A service whose `poll_ready` takes one permit and whose `call` spends it. A clone has no permit.
#[derive(Debug, Default)]
struct OnePermit {
    ready: bool,
    broken: bool,
    calls: usize,
}

impl Clone for OnePermit {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            ..*self
        }
    }
}

impl Service<Request<()>> for OnePermit {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.broken {
            return Poll::Ready(Err("broken"));
        }
        // Pending at first, so that the caller has to poll again.
        if std::mem::replace(&mut self.ready, true) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.calls += 1;
        ready(Ok(Response::default()))
    }
}

fn poll_ready<S: Service<Request<()>>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn now<F: Future>(future: F) -> F::Output {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready at once"),
    }
}

#[test]
fn the_ready_instance_is_called() {
    let mut service = JwtAuth::new(verifier()).layer(OnePermit::default());
    assert_eq!(poll_ready(&mut service), Poll::Pending);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())));
    let response = now(service.call(get(token(json!({}))))).expect("works");
    assert_eq!(response.status(), 200);
    assert_eq!(service.get_ref().calls, 1);
    assert!(!service.get_ref().ready, "the permit is spent");
}

#[test]
fn a_refusal_is_immediate_and_keeps_the_permit() {
    let mut service = JwtAuth::new(verifier()).layer(OnePermit::default());
    assert_eq!(poll_ready(&mut service), Poll::Pending);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())));
    let response = now(service.call(Request::new(()))).expect("works");
    assert_eq!(response.status(), 401);
    assert_eq!(
        (service.get_ref().calls, service.get_ref().ready),
        (0, true)
    );
    // The service is still ready for the next request.
    assert_eq!(
        now(service.call(get(token(json!({})))))
            .expect("works")
            .status(),
        200
    );
}

#[test]
fn each_clone_has_its_own_readiness() {
    let mut first =
        JwtAuth::new(verifier()).layer(require(Policy::allow()).layer(OnePermit::default()));
    assert_eq!(poll_ready(&mut first), Poll::Pending);
    let mut second = first.clone();
    assert_eq!(
        poll_ready(&mut second),
        Poll::Pending,
        "not what the first one got"
    );
    assert_eq!(poll_ready(&mut first), Poll::Ready(Ok(())));
    assert_eq!(
        now(first.call(get(token(json!({})))))
            .expect("works")
            .status(),
        200
    );
    assert_eq!(poll_ready(&mut second), Poll::Ready(Ok(())));
    assert_eq!(
        now(second.call(get(token(json!({})))))
            .expect("works")
            .status(),
        200
    );
    assert_eq!(poll_ready(&mut first), Poll::Pending);
}

#[test]
#[should_panic(expected = "called without being ready")]
fn the_fixture_detects_a_call_without_readiness() {
    let mut service = JwtAuth::new(verifier()).layer(OnePermit::default());
    drop(service.call(get(token(json!({})))));
}

#[test]
fn the_error_of_the_service_is_passed_on() {
    let broken = || OnePermit {
        broken: true,
        ..OnePermit::default()
    };
    let mut service = JwtAuth::new(verifier()).layer(broken());
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err("broken")));
    let mut service = require(Policy::allow()).layer(broken());
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err("broken")));
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn a_refusal_completes_once() {
    let mut service = JwtAuth::new(verifier()).layer(OnePermit::default());
    let mut future = std::pin::pin!(service.call(Request::new(())));
    for _ in 0..2 {
        let _ = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// The future is a named type that stores the future of the service in place. It adds only a tag
/// and the authentication for the response.
#[test]
fn the_future_is_not_boxed() {
    type OfService = Ready<Result<Response<Full<Bytes>>, Infallible>>;
    fn guarded<S: Service<Request<()>>>(_: &S) -> usize {
        size_of::<JwtAuthFuture<S, ()>>()
    }
    fn required<S: Service<Request<()>, Future = ResponseFuture<F>>, F>(_: &S) -> usize {
        size_of::<S::Future>()
    }
    let service =
        tower::service_fn(|_: Request<()>| -> OfService { ready(Ok(Response::default())) });
    let held = |size: usize, more: usize| {
        assert!(size >= size_of::<OfService>(), "held in place");
        let most = size_of::<OfService>() + more * size_of::<usize>();
        assert!(size <= most, "and nothing else");
    };
    held(required(&require(Policy::allow()).layer(service)), 1);
    let authentication = size_of::<Authentication>() / size_of::<usize>();
    held(guarded(&service), 1 + authentication);
}

#[test]
fn the_types_are_send_sync_and_clone() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    fn sent_and_shared<T: Send + Sync + std::fmt::Debug + Unpin + 'static>() {}
    all::<JwtAuth>();
    all::<JwtAuthService<OnePermit>>();
    all::<RequireLayer>();
    all::<RequireService<OnePermit>>();
    sent_and_shared::<ResponseFuture<Ready<Result<Response<Full<Bytes>>, Infallible>>>>();
    sent_and_shared::<Once>();
}
