use std::fmt;
use std::marker::PhantomData;

use tollgate_core::Gate;
use tower_layer::Layer;

use super::JwtAuthService;
use crate::body_mode::WrappedBody;

/// Authenticates every request before a service: the layer.
///
/// A request that the [`Gate`] lets through carries an [`Authentication`](tollgate_core::Authentication) in its
/// extensions; see [`AuthenticationExt`](crate::AuthenticationExt). Any other is answered as the gate says, without
/// reaching the service. A [`Verifier`](tollgate_core::Verifier) will do in place of a gate: the token is then required,
/// in `Authorization: Bearer`.
///
/// ```
/// use http::{Request, Response};
/// use tollgate::{Gate, Key, Verifier};
/// use tollgate::tower::{AuthenticationExt, JwtAuth};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).optional().build()?;
/// let service = ServiceBuilder::new().layer(JwtAuth::new(gate)).service_fn(async |request: Request<()>| {
///     Ok::<_, std::convert::Infallible>(Response::new(request.principal().is_some().to_string()))
/// });
/// // Absent is anonymous to an optional gate, present but wrong is refused.
/// assert_eq!(service.clone().oneshot(Request::new(())).await?.status(), 200);
/// let wrong = Request::builder().header("authorization", "Bearer wrong").body(())?;
/// assert_eq!(service.oneshot(wrong).await?.status(), 401);
/// # Ok(()) }
/// ```
///
/// # Two of them
///
/// Where one layer stands around the whole service and another around a part of it, a request to that part must pass
/// both, and the part sees the decision of the inner one: an optional gate outside, say, and a strict one inside. The
/// outer one is never made weaker by the inner one.
///
/// # gRPC
///
/// A gRPC request, told by its content type, is refused as gRPC refuses: `grpc-status` 16, 7 or 14 in a trailers-only
/// response. As a layer of tonic's `Server` it guards every service; for a single one, see tonic's `named_layer`.
pub type JwtAuth = JwtAuthLayer<WrappedBody>;

/// [`JwtAuth`], whatever body the responses have: `M` is the [`BodyMode`](crate::BodyMode).
///
/// ```
/// use tollgate::{Key, Verifier};
/// use tollgate::tower::{JwtAuth, JwtAuthLayer, WrappedBody};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// let layer: JwtAuth = JwtAuthLayer::<WrappedBody>::new(verifier);
/// assert!(format!("{layer:?}").starts_with("JwtAuth"));
/// # Ok(()) }
/// ```
pub struct JwtAuthLayer<M> {
    gate: Gate,
    mode: PhantomData<fn() -> M>,
}

impl<M> JwtAuthLayer<M> {
    /// The layer for a gate, or for a verifier with the defaults of a gate.
    ///
    /// ```
    /// # use tollgate::{Gate, Key, Source, Verifier};
    /// # use tollgate::tower::JwtAuth;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
    /// let by_header = JwtAuth::new(verifier.clone());
    /// let by_cookie = JwtAuth::new(Gate::builder(verifier).source(Source::cookie("__Host-access")).build()?);
    /// assert_ne!(format!("{by_header:?}"), format!("{by_cookie:?}"));
    /// # Ok(()) }
    /// ```
    pub fn new(gate: impl Into<Gate>) -> Self {
        Self {
            gate: gate.into(),
            mode: PhantomData,
        }
    }
}

impl<S, M> Layer<S> for JwtAuthLayer<M> {
    type Service = JwtAuthService<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtAuthService::guarding(inner, self.gate.clone())
    }
}

impl<M> Clone for JwtAuthLayer<M> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            mode: PhantomData,
        }
    }
}

impl<M> fmt::Debug for JwtAuthLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuth").field("gate", &self.gate).finish()
    }
}
