//! The future of both middlewares.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::EitherBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use pin_project_lite::pin_project;
use tollgate_core::Refusal;

use crate::rejected::Rejected;

pin_project! {
    /// The response of the wrapped service, or the refusal: what [`JwtAuthService`](crate::JwtAuthService) and
    /// [`RequireService`](crate::RequireService) return. Nothing is boxed, and a refusal is ready at once.
    ///
    /// The body is an [`EitherBody`]: on the left that of the wrapped service, as it is; on the right the answer.
    ///
    /// ```
    /// use actix_web::body::MessageBody;
    /// use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
    /// use actix_web::test::{TestRequest, ok_service};
    /// use tollgate_actix::{JwtAuthService, ResponseFuture};
    ///
    /// fn named<S, B>(service: &JwtAuthService<S>, request: ServiceRequest) -> ResponseFuture<S::Future>
    /// where
    ///     S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    ///     B: MessageBody,
    /// {
    ///     service.call(request)
    /// }
    /// # use actix_web::dev::Transform;
    /// # #[actix_web::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = tollgate_core::Key::hs256([7; 32])?;
    /// # let verifier = tollgate_core::Verifier::builder().any_issuer().any_audience().key(key).build()?;
    /// # let service = tollgate_actix::JwtAuth::new(verifier).new_transform(ok_service()).await.unwrap();
    /// let response = named(&service, TestRequest::default().to_srv_request()).await?;
    /// assert_eq!(response.status(), 401);
    /// # Ok(()) }
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Accepted { #[pin] response: F },
        Refused { response: Ready<ServiceResponse> },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn accepted(response: F) -> Self {
        Self {
            state: State::Accepted { response },
        }
    }

    pub(crate) fn refused(request: ServiceRequest, refusal: Refusal) -> Self {
        // Unlike `into_response`, this keeps the error beside the response, for outer layers.
        let response = ready(request.error_response(Rejected::from(refusal)));
        Self {
            state: State::Refused { response },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, E>>,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Accepted { response } => {
                response.poll(cx).map_ok(ServiceResponse::map_into_left_body)
            }
            StateProjection::Refused { response } => Pin::new(response)
                .poll(cx)
                .map(|response| Ok(response.map_into_right_body())),
        }
    }
}
