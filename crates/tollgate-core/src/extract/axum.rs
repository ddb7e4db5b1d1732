//! Extraction from an axum request.

use axum_core::body::Body;
use axum_core::extract::FromRef;
pub use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
pub use http::request::Parts;

use super::head::{self, RequestHead};
use super::{Gated, response};
use crate::gate::{Authentication, FromAuthentication, Gate, Refusal, refusing};
use crate::rejection::answer::Answer;
use crate::step::Step;

/// Extracts a value from the decision in the extensions.
///
/// For `Option<T>`, an anonymous request gives `None`. A missing layer is still refused.
///
/// # Errors
/// A [`Refusal`] without a layer, or if `T` refuses the request.
pub fn extract<T: FromAuthentication>(parts: &Parts) -> Result<T, Refusal> {
    refusing(&RequestHead::from(parts), || {
        head::extract(&parts.extensions)
    })
}

/// The answer of the gate, with the [`Rejection`](crate::Rejection) in the response's extensions.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        response::of_refusal(self, Body::from)
    }
}

/// Fields that HTTP does not allow are omitted.
///
/// ```
/// use axum::response::IntoResponse;
/// use tollgate::extend::Answer;
///
/// async fn handler() -> Answer {
///     Answer::new(204)
/// }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// assert_eq!(handler().await.into_response().status(), 204);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        response::of_answer(self, Body::from)
    }
}

/// A decision that the first extractor had to wait for, stored for the next extractors.
#[derive(Clone)]
struct Waited(Authentication);

impl<E, S> FromRequestParts<S> for Gated<E>
where
    E: FromAuthentication,
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let gate = Gate::from_ref(state);
        if let Some(known) = known(parts, &gate) {
            let from = || E::from_authentication(known);
            return refusing(&RequestHead::from(&*parts), from).map(Self);
        }
        let authentication = match gate.begin_owned(&RequestHead::from(&*parts)) {
            Step::Ready(decided) => decided?,
            Step::Pending(decision) => {
                let decided = decision.await?;
                parts.extensions.insert(Waited(decided.clone()));
                decided
            }
        };
        refusing(&RequestHead::from(&*parts), || {
            E::from_owned(authentication)
        })
        .map(Self)
    }
}

/// Returns the decision of this gate on the request, if it has already decided.
fn known<'p>(parts: &'p Parts, gate: &Gate) -> Option<&'p Authentication> {
    let waited = parts.extensions.get::<Waited>().map(|Waited(known)| known);
    let mut decisions = parts
        .extensions
        .get::<Authentication>()
        .into_iter()
        .chain(waited);
    decisions.find(|known| known.is_by(gate))
}

/// Implements both extractor traits of axum; the second is for `Option` of the type.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_axum_extractor {
    ([$($generics:tt)*] [$type:ty] [$($predicates:tt)*]) => {
        impl<$($generics)* __State> $crate::__private::axum::FromRequestParts<__State> for $type
        where
            $($predicates)*
            __State: ::core::marker::Send + ::core::marker::Sync,
        {
            type Rejection = $crate::Refusal;

            async fn from_request_parts(
                parts: &mut $crate::__private::axum::Parts,
                _: &__State,
            ) -> ::core::result::Result<Self, $crate::Refusal> {
                $crate::__private::axum::extract(parts)
            }
        }

        impl<$($generics)* __State> $crate::__private::axum::OptionalFromRequestParts<__State> for $type
        where
            $($predicates)*
            __State: ::core::marker::Send + ::core::marker::Sync,
        {
            type Rejection = $crate::Refusal;

            async fn from_request_parts(
                parts: &mut $crate::__private::axum::Parts,
                _: &__State,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::Refusal> {
                $crate::__private::axum::extract(parts)
            }
        }
    };
}
