use std::fmt;
use std::marker::PhantomData;

use tollgate_core::Gate;
use tower_layer::Layer;

use super::JwtAuthService;
use crate::body_mode::WrappedBody;

/// A layer that authenticates every request before a service.
///
/// A request that the [`Gate`] accepts has an [`Authentication`](tollgate_core::Authentication) in
/// its extensions; see [`AuthenticationExt`](crate::AuthenticationExt). For any other request, the
/// gate determines the response, and the service is not called.
///
/// A [`Verifier`](tollgate_core::Verifier) can replace the gate. The token is then required, in
/// `Authorization: Bearer`.
///
/// ```
/// use http::{Request, Response};
/// use tollgate::{Gate, Key, Verifier};
/// use tollgate::tower::{AuthenticationExt, JwtAuth};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).optional().build()?;
/// let service = ServiceBuilder::new().layer(JwtAuth::new(gate))
///     .service_fn(async |request: Request<()>| {
///     Ok::<_, std::convert::Infallible>(Response::new(request.principal().is_some().to_string()))
/// });
/// // With an optional gate, no token is anonymous and an invalid token is refused.
/// assert_eq!(service.clone().oneshot(Request::new(())).await?.status(), 200);
/// let wrong = Request::builder().header("authorization", "Bearer wrong").body(())?;
/// assert_eq!(service.oneshot(wrong).await?.status(), 401);
/// # Ok(()) }
/// ```
///
/// # Nested layers
///
/// When one layer wraps the whole service and another a part of it, a request to that part must
/// pass both. The part sees the decision of the inner layer. A typical setup is an optional gate
/// outside and a strict one inside. The inner layer never weakens the outer one.
///
/// # gRPC
///
/// With [`grpc_answers`](tollgate_core::GateBuilder::grpc_answers), a gRPC request is recognised by
/// its content type and refused as gRPC requires: `grpc-status` 16, 7 or 14 in a trailers-only
/// response. For servers of tonic, the module `tonic` (feature `tonic`) has a layer of its own.
pub type JwtAuth = JwtAuthLayer<WrappedBody>;

/// The layer [`JwtAuth`] with a selectable response body: `M` is the [`BodyMode`](crate::BodyMode).
///
/// ```
/// use tollgate::{Key, Verifier};
/// use tollgate::tower::{JwtAuth, JwtAuthLayer, WrappedBody};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
///     .key(Key::hs256([7; 32])?).build()?;
/// let layer: JwtAuth = JwtAuthLayer::<WrappedBody>::new(verifier);
/// assert!(format!("{layer:?}").starts_with("JwtAuth"));
/// # Ok(()) }
/// ```
pub struct JwtAuthLayer<M> {
    gate: Gate,
    mode: PhantomData<fn() -> M>,
}

impl<M> JwtAuthLayer<M> {
    /// Creates the layer for a gate, or for a verifier with the gate defaults.
    ///
    /// ```
    /// # use tollgate::{Gate, Key, Source, Verifier};
    /// # use tollgate::tower::JwtAuth;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let by_header = JwtAuth::new(verifier.clone());
    /// let by_cookie =
    ///     JwtAuth::new(Gate::builder(verifier).source(Source::cookie("__Host-access")).build()?);
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
