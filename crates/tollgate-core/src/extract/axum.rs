//! Extractors from what an authentication can be turned into.

use http::request::Parts;
use tollgate_core::{Authentication, FromAuthentication, Refusal};
use tollgate_tower::{AuthenticationExt, RequestHead};

use crate::rejected::Rejected;

/// Draws a value for which there must be a caller.
///
/// # Errors
/// [`Rejected`] for an anonymous caller, for one who is not fit, and without a layer.
pub fn extract<T: FromAuthentication>(parts: &Parts) -> Result<T, Rejected> {
    Ok(T::from_authentication(authentication(parts)?)?)
}

/// Draws a value if there is a caller. An anonymous request has none; a layer that is missing, or a caller who is not
/// fit, is no such request.
///
/// # Errors
/// [`Rejected`] for a caller who is not fit, and without a layer.
pub fn extract_optional<T: FromAuthentication>(parts: &Parts) -> Result<Option<T>, Rejected> {
    extract(parts)
}

fn authentication(parts: &Parts) -> Result<&Authentication, Refusal> {
    parts
        .authentication()
        .ok_or_else(|| Refusal::missing_layer().for_request(&RequestHead::from(parts)))
}

/// Makes a type that implements `FromAuthentication` an extractor, and an `Option` of it as well.
///
/// `[generics,] [type] [predicates,]`: each parameter and each predicate with a comma behind it.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_extractor {
    ([$($generics:tt)*] [$type:ty] [$($predicates:tt)*]) => {
        impl<$($generics)* __State> $crate::__private::FromRequestParts<__State> for $type
        where
            $($predicates)*
            __State: ::core::marker::Send + ::core::marker::Sync,
        {
            type Rejection = $crate::Rejected;

            async fn from_request_parts(
                parts: &mut $crate::__private::Parts,
                _: &__State,
            ) -> ::core::result::Result<Self, $crate::Rejected> {
                $crate::__private::extract(parts)
            }
        }

        impl<$($generics)* __State> $crate::__private::OptionalFromRequestParts<__State> for $type
        where
            $($predicates)*
            __State: ::core::marker::Send + ::core::marker::Sync,
        {
            type Rejection = $crate::Rejected;

            async fn from_request_parts(
                parts: &mut $crate::__private::Parts,
                _: &__State,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::Rejected> {
                $crate::__private::extract_optional(parts)
            }
        }
    };
}
