//! The layers of `tollgate-tower` with axum's body.

use tollgate_core::Policy;
use tollgate_tower::JwtAuthLayer;

use crate::body::AxumBody;

/// A layer that authenticates every request before a service, for `Router::layer` or a whole
/// router.
///
/// A request that the [`Gate`](tollgate_core::Gate) accepts has an
/// [`Authentication`](tollgate_core::Authentication) in its extensions, for the extractors. For any
/// other request, the gate determines the response. This is the [layer of
/// `tollgate-tower`](tollgate_tower::JwtAuth) with axum's body; see there for the details.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::get};
/// use tollgate::axum::JwtAuth;
/// # use tollgate::{Key, SigningKey, Verifier};
/// # use tower::{Layer, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// # let token = SigningKey::hs256([7; 32])?
/// #     .encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
/// let routes: Router = Router::new().route("/", get(async || "in"));
/// let request = || Request::get("/").header("authorization", format!("Bearer {token}"))
///     .body(Body::empty());
///
/// let app = routes.clone().layer(JwtAuth::new(verifier.clone())); // around each route
/// assert_eq!(app.clone().oneshot(request()?).await?.status(), 200);
/// assert_eq!(app.oneshot(Request::get("/").body(Body::empty())?).await?.status(), 401);
///
/// let app = JwtAuth::new(verifier).layer(routes); // around the whole router, which is faster
/// assert_eq!(app.clone().oneshot(request()?).await?.status(), 200);
/// assert_eq!(app.oneshot(Request::get("/nowhere").body(Body::empty())?).await?.status(), 401);
/// # Ok(()) }
/// ```
pub type JwtAuth = JwtAuthLayer<AxumBody>;

/// The service that [`JwtAuth`] creates.
///
/// ```
/// use tollgate::axum::{JwtAuth, JwtAuthService};
/// # use tollgate::{Key, Verifier};
/// use tower::Layer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let guarded: JwtAuthService<axum::Router> = JwtAuth::new(verifier).layer(axum::Router::new());
/// assert!(!guarded.get_ref().has_routes());
/// # Ok(()) }
/// ```
pub type JwtAuthService<S> = tollgate_tower::JwtAuthService<S, AxumBody>;

/// The future of a [`JwtAuthService`].
///
/// ```
/// use axum::{Router, extract::Request};
/// use tollgate::axum::{JwtAuthFuture, JwtAuthService};
/// use tower::Service;
///
/// fn named(
///     guarded: &mut JwtAuthService<Router>,
///     request: Request,
/// ) -> JwtAuthFuture<Router, axum::body::Body> {
///     guarded.call(request)
/// }
/// # let _ = named;
/// ```
pub type JwtAuthFuture<S, B> = tollgate_tower::JwtAuthFuture<S, B, AxumBody>;

/// Creates a layer that requires scopes, roles or claims; for a route, use it with `route_layer`.
///
/// [`JwtAuth`] must wrap it: without it, every response is 500. This is the [layer of
/// `tollgate-tower`](tollgate_tower::require()) with axum's body.
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::post};
/// use tollgate::axum::{JwtAuth, require};
/// use tollgate::policy::{role, scope};
/// # use tollgate::{Key, SigningKey, Verifier};
/// # use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).role_claim("roles").build()?;
/// let app: Router = Router::new()
///     .route("/purge", post(async || "purged")
///         .route_layer(require(scope("admin") | role("root"))))
///     .layer(JwtAuth::new(verifier));
/// # let token = SigningKey::hs256([7; 32])?
/// #     .encode(&serde_json::json!({"exp": 4_000_000_000_u64}))?;
/// # let request = Request::post("/purge").header("authorization", format!("Bearer {token}"));
/// let status = app.oneshot(request.body(Body::empty())?).await?.status();
/// assert_eq!(status, 403); // the token has no scope
/// # Ok(()) }
/// ```
pub const fn require(policy: Policy) -> Require {
    Require::new(policy)
}

/// The layer that [`require`] creates.
///
/// ```
/// use tollgate::axum::{Require, require};
/// use tollgate::policy::scope;
///
/// fn clerks() -> Require {
///     require(scope("orders:write"))
/// }
/// assert!(format!("{:?}", clerks()).contains("orders:write"));
/// ```
pub type Require = tollgate_tower::RequireLayer<AxumBody>;

/// The service that a [`Require`] layer creates.
///
/// ```
/// use tollgate::axum::{RequireService, require};
/// use tollgate::policy::scope;
/// use tower::Layer;
///
/// let guarded: RequireService<axum::Router> = require(scope("admin")).layer(axum::Router::new());
/// assert!(!guarded.get_ref().has_routes());
/// ```
pub type RequireService<S> = tollgate_tower::RequireService<S, AxumBody>;

/// The future of a [`RequireService`].
///
/// ```
/// use axum::{Router, extract::Request};
/// use tollgate::axum::{RequireService, ResponseFuture};
/// use tower::Service;
///
/// type OfRouter = <Router as Service<Request>>::Future;
///
/// fn named(guarded: &mut RequireService<Router>, request: Request) -> ResponseFuture<OfRouter> {
///     guarded.call(request)
/// }
/// # let _ = named;
/// ```
pub type ResponseFuture<F> = tollgate_tower::ResponseFuture<F, AxumBody>;
