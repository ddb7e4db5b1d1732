//! The service behind a `require`.

use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};

use crate::future::{Duty, ResponseFuture};
use tollgate_core::__private::actix::begin;

/// A service that requires scopes, roles or claims before an inner service, created by
/// [`require`](crate::require).
///
/// ```
/// use actix_web::dev::{Service, Transform};
/// use actix_web::test::{TestRequest, ok_service};
/// use tollgate::Policy;
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = tollgate::actix::require(Policy::allow())
///     .new_transform(ok_service()).await.unwrap();
/// let unauthenticated = TestRequest::default().to_srv_request();
/// assert_eq!(service.call(unauthenticated).await?.status(), 500); // no `JwtAuth` before it
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RequireService<S> {
    pub(super) service: Rc<S>,
    pub(super) duty: Duty,
}

impl<S> Clone for RequireService<S> {
    fn clone(&self) -> Self {
        Self {
            service: Rc::clone(&self.service),
            duty: self.duty.clone(),
        }
    }
}

impl<S, B> Service<ServiceRequest> for RequireService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let decision = begin(request.request());
        ResponseFuture::of(&self.service, &self.duty, request, decision)
    }
}
