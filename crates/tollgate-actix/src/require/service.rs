//! The wrapped service.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use tollgate_core::Policy;

use crate::authentication;
use crate::future::ResponseFuture;

/// A service behind a [`require`](crate::require).
///
/// ```
/// use actix_web::dev::{Service, Transform};
/// use actix_web::test::{TestRequest, ok_service};
/// use tollgate_core::Policy;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = tollgate_actix::require(Policy::allow()).new_transform(ok_service()).await.unwrap();
/// let unauthenticated = TestRequest::default().to_srv_request();
/// assert_eq!(service.call(unauthenticated).await?.status(), 500); // no `JwtAuth` before it
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RequireService<S> {
    pub(super) service: S,
    pub(super) policy: Policy,
}

impl<S, B> Service<ServiceRequest> for RequireService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let decision = authentication::of(request.request(), |authentication| {
            authentication.permit(&self.policy)
        });
        match decision {
            Ok(()) => ResponseFuture::accepted(self.service.call(request)),
            Err(refusal) => ResponseFuture::refused(request, refusal),
        }
    }
}
