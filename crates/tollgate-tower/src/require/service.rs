use std::marker::PhantomData;
use std::task::{Context, Poll};

use http::{Request, Response};
use tollgate_core::__private::head::RequestHead;
use tollgate_core::__private::refusing;
use tollgate_core::{Policy, Refusal};
use tower_service::Service;

use crate::body_mode::{BodyMode, WrappedBody};
use crate::extension::AuthenticationExt;
use crate::future::ResponseFuture;

/// A service that requires scopes, roles or claims before an inner service, created by
/// [`require`](super::require).
///
/// ```
/// use http::{Request, Response};
/// use tollgate::policy::scope;
/// use tollgate::tower::RequireService;
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let handler =
///     service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new("open")));
/// let guarded = RequireService::new(handler, scope("admin"));
/// // Without a surrounding `JwtAuth`, the service fails closed.
/// assert_eq!(guarded.oneshot(Request::new(())).await?.status(), 500);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct RequireService<S, M = WrappedBody> {
    inner: S,
    policy: Policy,
    mode: PhantomData<fn() -> M>,
}

impl<S> RequireService<S> {
    /// Creates the service from `inner` and a policy.
    ///
    /// ```
    /// # use tollgate::policy::scope;
    /// let guarded = tollgate::tower::RequireService::new("a service", scope("admin"));
    /// assert_eq!(*guarded.get_ref(), "a service");
    /// ```
    pub const fn new(inner: S, policy: Policy) -> Self {
        Self::guarding(inner, policy)
    }
}

impl<S, M> RequireService<S, M> {
    pub(super) const fn guarding(inner: S, policy: Policy) -> Self {
        Self {
            inner,
            policy,
            mode: PhantomData,
        }
    }

    /// A reference to the inner service.
    ///
    /// ```
    /// # use tollgate::policy::scope;
    /// # let guarded = tollgate::tower::RequireService::new(7, scope("admin"));
    /// assert_eq!(*guarded.get_ref(), 7);
    /// ```
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// A mutable reference to the inner service.
    ///
    /// ```
    /// # use tollgate::policy::scope;
    /// # let mut guarded = tollgate::tower::RequireService::new(7, scope("admin"));
    /// *guarded.get_mut() += 1;
    /// assert_eq!(guarded.into_inner(), 8);
    /// ```
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service and drops the policy.
    ///
    /// ```
    /// # use tollgate::policy::scope;
    /// # let guarded = tollgate::tower::RequireService::new(7, scope("admin"));
    /// assert_eq!(guarded.into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, M> Clone for RequireService<S, M> {
    fn clone(&self) -> Self {
        Self::guarding(self.inner.clone(), self.policy.clone())
    }
}

impl<S, B, R, M> Service<Request<B>> for RequireService<S, M>
where
    M: BodyMode<R>,
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<M::Body>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, M>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let decision = refusing(&RequestHead::from(&request), || {
            match request.authentication() {
                Some(authentication) => authentication.require_unless_preflight(&self.policy),
                None => Err(Refusal::missing_layer()),
            }
        });
        match decision {
            Ok(()) => ResponseFuture::of_service(self.inner.call(request)),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}
