//! The extractor for handlers without a layer.

use crate::gate::FromAuthentication;

/// An extractor of `E` with a [`Gate`](crate::Gate) of the application, without a `JwtAuth` layer.
///
/// On axum the gate comes from the router's state, by `FromRef`. On actix-web it comes from the
/// app's data, where a [`Verifier`](crate::Verifier) works as well. If a layer with the same gate
/// has already decided, its decision is used. A decision by another gate is not used: on axum this
/// gate decides again, and on actix-web the response is 500.
///
/// For an anonymous caller of an optional gate, `Gated<Option<E>>` contains `None`. A handler that
/// needs several values uses a tuple, `Gated<(A, B)>`, which is extracted from one decision.
///
/// A token is not renewed here, because an extractor cannot change the response. On axum the
/// decision is not stored for other extractors: without a layer they answer with 500.
///
/// ```
/// use axum::{Router, body::Body, extract::{FromRef, Request}, routing::get};
/// use tollgate::{Claims, Gate, Gated, Key, Principal, Verifier};
/// # use tower::ServiceExt;
///
/// #[derive(Clone)]
/// struct App {
///     gate: Gate, // `Gate::from(verifier)`, created once
/// }
///
/// impl FromRef<App> for Gate { // or `#[derive(FromRef)]` on `App`
///     fn from_ref(app: &App) -> Self {
///         app.gate.clone()
///     }
/// }
///
/// #[derive(serde::Deserialize, Claims)]
/// struct Member { tenant: String }
///
/// async fn me(Gated(caller): Gated<Principal>) -> String {
///     caller.subject().unwrap_or_default().to_owned()
/// }
///
/// async fn team(Gated((caller, member)): Gated<(Principal, Member)>) -> String {
///     format!("{:?} of {}", caller.subject(), member.tenant)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
/// #     .key(Key::hs256([7; 32])?).build()?;
/// let app = Router::new()
///     .route("/me", get(me))
///     .route("/team", get(team))
///     .route("/health", get(async || "up"))
///     .with_state(App { gate: Gate::from(verifier) });
/// assert_eq!(app.clone().oneshot(Request::get("/health").body(Body::empty())?).await?
///     .status(), 200);
/// assert_eq!(app.oneshot(Request::get("/me").body(Body::empty())?).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gated<E: FromAuthentication>(pub E);
