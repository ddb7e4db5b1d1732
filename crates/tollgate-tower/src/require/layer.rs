use std::fmt;
use std::marker::PhantomData;

use tollgate_core::Policy;
use tower_layer::Layer;

use super::RequireService;
use crate::body_mode::WrappedBody;

/// Creates a layer that requires scopes, roles or claims. For a route of axum, use it with
/// `route_layer`.
///
/// [`JwtAuth`](crate::JwtAuth) must wrap it: without it, every response is 500. To require only a
/// valid token behind an optional gate, use [`Policy::allow`].
///
/// ```
/// use http::{Request, Response};
/// use tollgate::policy::{role, scope};
/// use tollgate::{Key, SigningKey, Verifier};
/// use tollgate::tower::{JwtAuth, require};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).role_claim("roles").build()?;
/// let service = ServiceBuilder::new()
///     .layer(JwtAuth::new(verifier))
///     .layer(require(scope("admin") | role("root")))
///     .service_fn(async |_: Request<()>| Ok::<_,
///         std::convert::Infallible>(Response::new("purged")));
///
/// let request = |scope: &str| {
///     let claims = serde_json::json!({"exp": 4_000_000_000_u64, "scope": scope});
///     let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
///     Request::builder().header("authorization", format!("Bearer {token}")).body(())
/// };
/// assert_eq!(service.clone().oneshot(request("admin")?).await?.status(), 200);
///
/// let refused = service.oneshot(request("orders:read")?).await?;
/// assert_eq!(refused.status(), 403);
/// assert!(refused.headers()["www-authenticate"].to_str()?.ends_with("scope=\"admin\""));
/// # Ok(()) }
/// ```
pub const fn require(policy: Policy) -> Require {
    Require::new(policy)
}

/// The layer that [`require`] creates.
pub type Require = RequireLayer<WrappedBody>;

/// A layer that requires scopes, roles or claims, created by [`require`]. `M` is the
/// [`BodyMode`](crate::BodyMode) of its responses.
///
/// ```
/// use tollgate::policy::scope;
/// use tower::Layer;
///
/// let guarded = tollgate::tower::require(scope("admin")).layer("a service");
/// assert_eq!(*guarded.get_ref(), "a service");
/// ```
pub struct RequireLayer<M = WrappedBody> {
    policy: Policy,
    mode: PhantomData<fn() -> M>,
}

impl<M> RequireLayer<M> {
    /// Creates the layer for a policy. The body mode is inferred.
    ///
    /// ```
    /// use tollgate::policy::scope;
    /// use tollgate::tower::{RequireLayer, WrappedBody};
    ///
    /// let layer = RequireLayer::<WrappedBody>::new(scope("admin")); // as `require` does
    /// assert!(format!("{layer:?}").contains("admin"));
    /// ```
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            mode: PhantomData,
        }
    }
}

impl<S, M> Layer<S> for RequireLayer<M> {
    type Service = RequireService<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireService::guarding(inner, self.policy.clone())
    }
}

impl<M> Clone for RequireLayer<M> {
    fn clone(&self) -> Self {
        Self::new(self.policy.clone())
    }
}

impl<M> fmt::Debug for RequireLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer")
            .field("policy", &self.policy)
            .finish()
    }
}
