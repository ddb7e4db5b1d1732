//! Extraction without a layer, by the gate in the state.

use axum_core::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use tollgate_core::{Authentication, FromAuthentication, Gate, Step};
use tollgate_tower::{AuthenticationExt, RequestHead};

use crate::rejected::Rejected;

/// Extracts `E` behind the [`Gate`] in the router's state, where no [`JwtAuth`](crate::JwtAuth) stands before the
/// handler.
///
/// The gate decides here, unless it was this very gate that a layer has asked already: what another gate found out says
/// nothing of this one's rules. With an optional gate, `Gated<Option<E>>` is `None` for an anonymous caller.
///
/// A handler that asks for more than one thing asks for them together, `Gated<(A, B)>`, and gets them from one decision. A
/// second `Gated` beside the first decides again, which the cache of verified tokens makes cheap; what a store was asked it
/// is not asked twice. Nothing is left in the request for other extractors: they would answer as without a layer, with 500.
///
/// A token is not renewed here, for an extractor has no hold on the response: that takes the layer.
///
/// A type of its own because an extractor that falls back to the state by itself would need a gate in every state, also
/// where a layer does the work.
///
/// ```
/// use axum::{Router, body::Body, extract::{FromRef, Request}, routing::get};
/// use tollgate_axum::{Jwt, Gated, Principal};
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
/// #[derive(serde::Deserialize)]
/// struct Member { tenant: String }
/// impl tollgate_core::Claims for Member {} // or `#[derive(Claims)]`
///
/// async fn me(Gated(caller): Gated<Principal>) -> String {
///     caller.subject().unwrap_or_default().to_owned()
/// }
///
/// async fn team(Gated((caller, Jwt(member))): Gated<(Principal, Jwt<Member>)>) -> String {
///     format!("{:?} of {}", caller.subject(), member.tenant)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).build()?;
/// let app = Router::new()
///     .route("/me", get(me))
///     .route("/team", get(team))
///     .route("/health", get(async || "up"))
///     .with_state(App { gate: Gate::from(verifier) });
/// assert_eq!(app.clone().oneshot(Request::get("/health").body(Body::empty())?).await?.status(), 200);
/// assert_eq!(app.oneshot(Request::get("/me").body(Body::empty())?).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gated<E>(pub E);

/// What a gate decided after it had to wait: the extractors after the first need not wait as well.
#[derive(Clone)]
struct Waited(Authentication);

impl<E, S> FromRequestParts<S> for Gated<E>
where
    E: FromAuthentication,
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejected;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejected> {
        let gate = Gate::from_ref(state);
        if let Some(known) = known(parts, &gate) {
            return Ok(Self(E::from_authentication(known)?));
        }
        let authentication = match gate.begin_owned(&RequestHead::from(&*parts)) {
            Step::Ready(decided) => decided?,
            Step::Pending(decision) => {
                let decided = decision.await?;
                parts.extensions.insert(Waited(decided.clone()));
                decided
            }
        };
        Ok(Self(E::from_owned(authentication)?))
    }
}

/// What this gate, and no other, has decided of the request already.
fn known<'p>(parts: &'p Parts, gate: &Gate) -> Option<&'p Authentication> {
    let waited = parts.extensions.get::<Waited>().map(|Waited(known)| known);
    let mut decisions = parts.authentication().into_iter().chain(waited);
    decisions.find(|known| known.is_by(gate))
}
