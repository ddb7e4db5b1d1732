//! Extraction without a layer, by the gate in the state.

use axum_core::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use tollgate_core::{Decision, Gate};
use tollgate_tower::{AuthenticationExt, RequestHead};

use crate::rejected::Rejected;

/// Extracts `E` behind the [`Gate`] in the router's state, where no [`JwtAuth`](crate::JwtAuth) stands before the
/// handler.
///
/// The gate decides here, unless it was this very gate that a layer has asked already: what another gate found out says
/// nothing of this one's rules. The extractors after this one in the same handler see its decision, so that only the
/// first one needs to be `Gated`. With an optional gate, `Gated<Option<E>>` is `None` for an anonymous caller.
///
/// A token is not renewed here, for an extractor has no hold on the response: that takes the layer.
///
/// A type of its own because an extractor that falls back to the state by itself would need a gate in every state, also
/// where a layer does the work.
///
/// ```
/// use axum::{Router, body::Body, extract::{FromRef, Request}, routing::get};
/// use tollgate_axum::{Gated, Principal};
/// use tollgate_core::{Gate, Key, Verifier};
/// # use tower::ServiceExt;
///
/// #[derive(Clone)]
/// struct App {
///     gate: Gate, // `Gate::from(verifier)`, made once
/// }
///
/// impl FromRef<App> for Gate { // or `#[derive(FromRef)]` on `App`
///     fn from_ref(app: &App) -> Self {
///         app.gate.clone()
///     }
/// }
///
/// async fn me(Gated(caller): Gated<Principal>) -> String {
///     caller.subject().unwrap_or_default().to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().any_issuer().any_audience().key(Key::hs256([7; 32])?).build()?;
/// let app = Router::new()
///     .route("/me", get(me))
///     .route("/health", get(async || "up"))
///     .with_state(App { gate: Gate::from(verifier) });
/// assert_eq!(app.clone().oneshot(Request::get("/health").body(Body::empty())?).await?.status(), 200);
/// assert_eq!(app.oneshot(Request::get("/me").body(Body::empty())?).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gated<E>(pub E);

impl<E, S> FromRequestParts<S> for Gated<E>
where
    E: FromRequestParts<S>,
    E::Rejection: From<Rejected>,
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = E::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let gate = Gate::from_ref(state);
        // What another gate decided says nothing of this one's rules.
        if !parts.authentication().is_some_and(|known| known.is_by(&gate)) {
            let decided = match gate.begin(&RequestHead::from(&*parts)) {
                Decision::Ready(decided) => decided,
                Decision::Pending(decision) => decision.await,
            };
            parts.extensions.insert(decided.map_err(Rejected::from)?);
        }
        E::from_request_parts(parts, state).await.map(Self)
    }
}
