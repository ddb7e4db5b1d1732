use std::marker::PhantomData;
use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use tollgate_core::__private::head::RequestHead;
use tollgate_core::{Gate, Step};
use tower_service::Service;

use super::JwtAuthFuture;
use crate::body_mode::{BodyMode, WrappedBody};

/// A service that authenticates every request before an inner service, created by
/// [`JwtAuth`](super::JwtAuth).
///
/// ```
/// use http::{Request, Response};
/// use tollgate::{Key, Verifier};
/// use tollgate::tower::JwtAuthService;
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let handler =
///     service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new("open")));
/// let guarded = JwtAuthService::new(handler, verifier);
/// assert_eq!(guarded.oneshot(Request::new(())).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct JwtAuthService<S, M = WrappedBody> {
    inner: S,
    gate: Gate,
    mode: PhantomData<fn() -> M>,
}

impl<S> JwtAuthService<S> {
    /// Creates the service from `inner` and a gate.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let guarded = tollgate::tower::JwtAuthService::new("a service", verifier);
    /// assert_eq!(*guarded.get_ref(), "a service");
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, gate: impl Into<Gate>) -> Self {
        Self::guarding(inner, gate.into())
    }
}

impl<S, M> JwtAuthService<S, M> {
    pub(super) const fn guarding(inner: S, gate: Gate) -> Self {
        Self {
            inner,
            gate,
            mode: PhantomData,
        }
    }

    /// A reference to the inner service.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let guarded = tollgate::tower::JwtAuthService::new(7, verifier);
    /// assert_eq!(*guarded.get_ref(), 7);
    /// # Ok(()) }
    /// ```
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// A mutable reference to the inner service.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let mut guarded = tollgate::tower::JwtAuthService::new(7, verifier);
    /// *guarded.get_mut() += 1;
    /// assert_eq!(guarded.into_inner(), 8);
    /// # Ok(()) }
    /// ```
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service and drops the gate.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// # let guarded = tollgate::tower::JwtAuthService::new(7, verifier);
    /// assert_eq!(guarded.into_inner(), 7);
    /// # Ok(()) }
    /// ```
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, M> JwtAuthService<S, M> {
    /// Takes the ready service for a later call, and leaves a clone that becomes ready on its own:
    /// readiness belongs to an instance.
    fn take_ready(&mut self) -> S {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

impl<S: Clone, M> Clone for JwtAuthService<S, M> {
    fn clone(&self) -> Self {
        Self::guarding(self.inner.clone(), self.gate.clone())
    }
}

impl<S, B, R, M> Service<Request<B>> for JwtAuthService<S, M>
where
    B: 'static,
    M: BodyMode<R>,
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<M::Body>;
    type Error = S::Error;
    type Future = JwtAuthFuture<S, B, M>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.gate.begin_reading_forms(&RequestHead::from(&request)) {
            Step::Ready(Ok(authentication)) => {
                JwtAuthFuture::serving(&mut self.inner, request, authentication)
            }
            Step::Ready(Err(mut refusal)) => match refusal.take_form() {
                None => JwtAuthFuture::refused(refusal),
                Some(form) => JwtAuthFuture::reading(form, self.take_ready(), request),
            },
            Step::Pending(decision) => JwtAuthFuture::waiting(decision, self.take_ready(), request),
        }
    }
}
