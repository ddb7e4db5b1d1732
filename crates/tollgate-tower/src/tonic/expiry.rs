//! The end of a call at the expiry of its token.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ::tonic::Status;
use ::tonic::body::Body;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tollgate_core::__private::response::of_refusal;
use tollgate_core::{Authentication, Refusal};
use tower_service::Service;

use super::GrpcBody;
use crate::body_mode::BodyMode;

/// The maximum time between two readings of the verifier's clock.
const STEP: Duration = Duration::from_secs(60);

/// The service behind [`JwtAuth`](super::JwtAuth), which can end a call when its token expires.
///
/// ```
/// use tollgate::tonic::{Expiring, JwtAuthService};
/// use tollgate::tower::JwtAuthFuture;
///
/// // Part of the future's type:
/// type OfCall<S, B> = JwtAuthFuture<Expiring<S>, B, tollgate::tonic::GrpcBody>;
/// # fn same<S, B>(_: OfCall<S, B>, _: JwtAuthService<S>) where Expiring<S>: tower_service::Service<http::Request<B>> {}
/// ```
#[derive(Clone, Debug)]
pub struct Expiring<S> {
    inner: S,
    enabled: bool,
}

impl<S> Expiring<S> {
    pub(super) const fn new(inner: S, enabled: bool) -> Self {
        Self { inner, enabled }
    }
}

impl<S, B, R> Service<Request<B>> for Expiring<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = ExpiringFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = request
            .extensions()
            .get::<Authentication>()
            .filter(|_| self.enabled);
        let deadline = caller.and_then(Deadline::of);
        ExpiringFuture {
            future: self.inner.call(request),
            deadline,
        }
    }
}

pin_project! {
    /// The future of [`Expiring`]: the response of the service, or the refusal of an expired token.
    ///
    /// ```
    /// use std::future::Ready;
    /// use tollgate::tonic::ExpiringFuture;
    ///
    /// type OfService = Ready<[u64; 64]>;
    /// assert!(size_of::<ExpiringFuture<OfService>>() >= size_of::<OfService>()); // in place
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ExpiringFuture<F> {
        #[pin]
        future: F,
        deadline: Option<Deadline>,
    }
}

impl<F, R, E> Future for ExpiringFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(deadline) = this.deadline
            && let Poll::Ready(refusal) = deadline.poll(context)
        {
            let refused = of_refusal(refusal, <GrpcBody as BodyMode<Body>>::of_refusal);
            return Poll::Ready(Ok(refused));
        }
        let response = ready!(this.future.poll(context))?.map(Body::new);
        Poll::Ready(Ok(match this.deadline.take() {
            Some(deadline) if !http_body::Body::is_end_stream(response.body()) => {
                let in_grpc = is_grpc(response.headers());
                response.map(|body| {
                    Body::new(ExpiringBody {
                        body: Some(body),
                        deadline,
                        in_grpc,
                    })
                })
            }
            _ => response,
        }))
    }
}

/// Returns `true` for a response of gRPC itself, not of gRPC-Web, which has its trailers in the
/// content.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes();
        value.starts_with(b"application/grpc") && !value.starts_with(b"application/grpc-web")
    })
}

/// The time at which a call ends.
#[derive(Debug)]
struct Deadline {
    caller: Authentication,
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    /// Returns `None` if nothing expires.
    fn of(caller: &Authentication) -> Option<Self> {
        let left = caller.expires_in().unwrap_or_default();
        (left < Duration::MAX).then(|| Self {
            caller: caller.clone(),
            sleep: Box::pin(sleep(left.min(STEP))),
        })
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        loop {
            ready!(self.sleep.as_mut().poll(context));
            match self.caller.expires_in() {
                Ok(left) => self.sleep.as_mut().reset(Instant::now() + left.min(STEP)),
                Err(refusal) => return Poll::Ready(refusal),
            }
        }
    }
}

/// A response body that ends at a deadline.
#[derive(Debug)]
struct ExpiringBody {
    /// `None` after the deadline.
    body: Option<Body>,
    deadline: Deadline,
    in_grpc: bool,
}

impl http_body::Body for ExpiringBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let Poll::Ready(refusal) = this.deadline.poll(context) else {
            return Pin::new(body).poll_frame(context);
        };
        this.body = None;
        let status = Status::from(refusal);
        if !this.in_grpc {
            return Poll::Ready(Some(Err(status)));
        }
        let mut trailers = HeaderMap::new();
        let written = status.add_header(&mut trailers);
        Poll::Ready(Some(written.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }
}
