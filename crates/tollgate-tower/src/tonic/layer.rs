use std::mem;
use std::net::IpAddr;
use std::task::{Context, Poll};

use ::tonic::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use tollgate_core::__private::head::RequestHead;
use tollgate_core::{Authentication, Gate, Policy, Refusal, RequestView, Step};
use tower_layer::Layer;
use tower_service::Service;

use super::{Expiring, GrpcBody, MethodPolicies};
use crate::authenticate::JwtAuthFuture;

/// A layer that authenticates every call of a tonic server, or of one service.
///
/// A call that the [`Gate`] accepts has an [`Authentication`] in its extensions; see
/// [`extract`](super::extract). Any other call is refused, and the service is not called. A
/// [`Verifier`](tollgate_core::Verifier) can replace the gate. The token is then required, in the
/// metadata `authorization: Bearer …`.
///
/// Refused calls are answered in gRPC's form, even without
/// [`grpc_answers`](tollgate_core::GateBuilder::grpc_answers). A request with another content type
/// gets the HTTP response. That includes gRPC-Web, unless `GrpcWebLayer` of tonic-web is outside of
/// this layer.
///
/// Every request counts as a `POST`, because tonic calls a method for any HTTP method. A cookie
/// therefore always needs proof of origin, and
/// [`pass_preflight`](tollgate_core::GateBuilder::pass_preflight) has no effect.
///
/// The layer takes the place of an `Interceptor` of tonic. An interceptor cannot wait for a key or
/// a store, and does not know the method.
///
/// ```
/// use tollgate::tonic::JwtAuth;
/// use tollgate::{Gate, Key, Verifier};
/// use tonic::transport::Server;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let gate = Gate::builder(verifier).realm("orders").build()?;
/// let server = Server::builder().layer(JwtAuth::new(gate)); // .add_service(..).serve(..)
/// # let _ = server;
/// # Ok(()) }
/// ```
///
/// # Streams
///
/// The token is checked at the start of a call. By default a stream continues after the token has
/// expired or was revoked, until the client or the service ends it. See
/// [`end_at_expiry`](Self::end_at_expiry).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct JwtAuth {
    gate: Gate,
    methods: Option<MethodPolicies>,
    end_at_expiry: bool,
}

impl JwtAuth {
    /// Creates the layer for a gate, or for a verifier with the gate defaults.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let layer = tollgate::tonic::JwtAuth::new(verifier);
    /// assert!(format!("{layer:?}").starts_with("JwtAuth"));
    /// # Ok(()) }
    /// ```
    pub fn new(gate: impl Into<Gate>) -> Self {
        Self {
            gate: gate.into(),
            methods: None,
            end_at_expiry: false,
        }
    }

    /// Sets the policies of single methods. Without them, every method needs a valid token.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier, scope};
    /// # use tollgate::tonic::{JwtAuth, MethodPolicies};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let methods = MethodPolicies::builder()
    ///     .open("/grpc.health.v1.Health/Check")
    ///     .require("/shop.v1.Orders/*", scope("orders:read"))
    ///     .build()?;
    /// let layer = JwtAuth::new(verifier).methods(methods);
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    pub fn methods(mut self, methods: MethodPolicies) -> Self {
        self.methods = Some(methods);
        self
    }

    /// Ends a call when its token expires, with `UNAUTHENTICATED` in the trailers. Off by default.
    ///
    /// The call ends at the `exp` of the token plus the leeway of its issuer, or when the token
    /// exceeds the verifier's maximum age. It ends in the middle of a stream, and also while the
    /// service waits for messages of the client; the service's future or stream is dropped. A
    /// response that is not gRPC ends with an error.
    ///
    /// A call with this option has a timer of Tokio. The clock of the verifier is asked again at
    /// least once a minute, so that a corrected clock takes effect.
    ///
    /// ```
    /// # use tollgate::{Key, Verifier};
    /// # use tollgate::tonic::JwtAuth;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?).build()?;
    /// let layer = JwtAuth::new(verifier).end_at_expiry();
    /// # let _ = layer;
    /// # Ok(()) }
    /// ```
    pub const fn end_at_expiry(mut self) -> Self {
        self.end_at_expiry = true;
        self
    }
}

impl<S> Layer<S> for JwtAuth {
    type Service = JwtAuthService<S>;

    fn layer(&self, inner: S) -> JwtAuthService<S> {
        JwtAuthService {
            inner: Expiring::new(inner, self.end_at_expiry),
            gate: self.gate.clone(),
            methods: self.methods.clone(),
        }
    }
}

/// A service that authenticates every call before an inner service, created by [`JwtAuth`].
///
/// ```
/// use tollgate::tonic::{JwtAuth, JwtAuthService};
/// use tower::Layer;
///
/// fn guarded<S>(layer: &JwtAuth, service: S) -> JwtAuthService<S> {
///     layer.layer(service)
/// }
/// # let _ = guarded::<()>;
/// ```
#[derive(Clone, Debug)]
pub struct JwtAuthService<S> {
    inner: Expiring<S>,
    gate: Gate,
    methods: Option<MethodPolicies>,
}

impl<S, B, R> Service<Request<B>> for JwtAuthService<S>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = JwtAuthFuture<Expiring<S>, B, GrpcBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let policy = match &self.methods {
            None => None,
            Some(methods) => match methods.policy(request.uri().path()) {
                None => return JwtAuthFuture::open(&mut self.inner, request),
                policy => policy,
            },
        };
        match self.gate.begin_call(&Call(RequestHead::from(&request))) {
            Step::Ready(decided) => match decided.and_then(|caller| admit(caller, policy)) {
                Ok(caller) => JwtAuthFuture::serving(&mut self.inner, request, caller),
                Err(refusal) => JwtAuthFuture::refused(refusal),
            },
            Step::Pending(decision) => {
                let policy = policy.cloned();
                let decision = async move { admit(decision.await?, policy.as_ref()) };
                // Readiness belongs to an instance: keep the ready one for the later call, and
                // leave a clone that becomes ready on its own.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                JwtAuthFuture::waiting(Box::pin(decision), ready, request)
            }
        }
    }
}

fn admit(caller: Authentication, policy: Option<&Policy>) -> Result<Authentication, Refusal> {
    if let Some(policy) = policy {
        caller.require(policy)?;
    }
    Ok(caller)
}

/// A request as the `POST` of a call: tonic calls a method for any HTTP method.
struct Call<'a>(RequestHead<'a>);

impl RequestView for Call<'_> {
    fn method(&self) -> &'static str {
        "POST"
    }

    fn header<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.header(name)
    }

    fn query(&self) -> Option<&str> {
        self.0.query()
    }

    fn path(&self) -> &str {
        self.0.path()
    }

    fn authority(&self) -> Option<&str> {
        self.0.authority()
    }

    fn remote_address(&self) -> Option<IpAddr> {
        self.0.remote_address()
    }
}
