//! The service behind a `JwtAuth`.

use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use tollgate_core::__private::actix::View;
use tollgate_core::Gate;

use crate::future::{Duty, ResponseFuture};

/// A service that authenticates every request before an inner service, created by
/// [`JwtAuth`](crate::JwtAuth).
///
/// ```
/// use actix_web::dev::{Service, Transform};
/// use actix_web::test::{TestRequest, ok_service};
/// use tollgate::actix::JwtAuth;
/// use tollgate::{Gate, Key, Verifier};
///
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).optional().build()?;
/// let service = JwtAuth::new(gate).new_transform(ok_service()).await.unwrap();
///
/// let anonymous = TestRequest::default().to_srv_request();
/// assert_eq!(service.call(anonymous).await?.status(), 200);
/// let malformed = TestRequest::default().insert_header(("authorization", "Bearer ?"))
///     .to_srv_request();
/// assert_eq!(service.call(malformed).await?.status(), 400);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct JwtAuthService<S> {
    pub(super) service: Rc<S>,
    pub(super) gate: Gate,
}

impl<S> Clone for JwtAuthService<S> {
    fn clone(&self) -> Self {
        Self {
            service: Rc::clone(&self.service),
            gate: self.gate.clone(),
        }
    }
}

impl<S, B> Service<ServiceRequest> for JwtAuthService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let decision = self.gate.begin_reading_forms(&View(request.request()));
        ResponseFuture::of(&self.service, &Duty::Authenticate, request, decision)
    }
}
