//! The future of a service behind a policy.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tollgate_core::__private::response::of_refusal;
use tollgate_core::Refusal;

use crate::body_mode::{BodyMode, WrappedBody};

pin_project! {
    /// The future of [`RequireService`](crate::RequireService): the response of the service, or a
    /// refusal that is ready immediately.
    ///
    /// The future of the service is stored in place, without a box.
    ///
    /// ```
    /// use std::future::Ready;
    /// use tollgate::tower::ResponseFuture;
    ///
    /// type OfService = Ready<[u64; 64]>;
    /// assert!(size_of::<ResponseFuture<OfService>>() >= size_of::<OfService>());
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, M = WrappedBody> {
        #[pin]
        state: State<F>,
        mode: PhantomData<fn() -> M>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F> {
        Service { #[pin] future: F },
        // `None` after the future has completed.
        Refused { refusal: Option<Refusal> },
    }
}

impl<F, M> ResponseFuture<F, M> {
    pub(crate) const fn of_service(future: F) -> Self {
        Self {
            state: State::Service { future },
            mode: PhantomData,
        }
    }

    pub(crate) const fn refused(refusal: Refusal) -> Self {
        Self {
            state: State::Refused {
                refusal: Some(refusal),
            },
            mode: PhantomData,
        }
    }
}

impl<F, B, E, M> Future for ResponseFuture<F, M>
where
    M: BodyMode<B>,
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<M::Body>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Service { future } => future
                .poll(context)
                .map_ok(|response| response.map(M::of_service)),
            StateProjection::Refused { refusal } => {
                let refusal = refusal.take().expect("polled after it was ready");
                Poll::Ready(Ok(of_refusal(refusal, M::of_refusal)))
            }
        }
    }
}
