//! The future of a service behind a policy: the service's, or a refusal that is ready at once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tollgate_core::Refusal;

use crate::body::ResponseBody;
use crate::response::into_response;

pin_project! {
    /// The response to come: of the service, or a refusal.
    ///
    /// The future of [`RequireService`](crate::RequireService). It holds the future of the service in place; nothing is
    /// boxed.
    ///
    /// ```
    /// use std::future::Ready;
    /// use tollgate_tower::ResponseFuture;
    ///
    /// type OfService = Ready<[u64; 64]>;
    /// assert!(size_of::<ResponseFuture<OfService>>() >= size_of::<OfService>());
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State<F> {
        Service { #[pin] future: F },
        // `None` once it has been answered.
        Refused { refusal: Option<Refusal> },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn of_service(future: F) -> Self {
        Self {
            state: State::Service { future },
        }
    }

    pub(crate) const fn refused(refusal: Refusal) -> Self {
        Self {
            state: State::Refused {
                refusal: Some(refusal),
            },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Service { future } => future
                .poll(context)
                .map_ok(|response| response.map(ResponseBody::of_service)),
            StateProjection::Refused { refusal } => {
                let refusal = refusal.take().expect("polled after it was ready");
                Poll::Ready(Ok(into_response(refusal)))
            }
        }
    }
}
