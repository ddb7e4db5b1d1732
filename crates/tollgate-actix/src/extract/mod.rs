//! Extractors: what a handler asks for is what it gets, or the request is refused.

mod claims;
mod optional;
mod principal;
mod scoped;

use std::future::{Ready, ready};

use actix_web::HttpRequest;
use tollgate_core::FromAuthentication;

pub use claims::Claims;
pub use optional::Optional;
pub use principal::Principal;
pub use scoped::Scoped;

use crate::authentication;
use crate::rejected::Rejected;

/// The body of every extractor.
#[doc(hidden)]
pub fn extract<T: FromAuthentication>(request: &HttpRequest) -> Ready<Result<T, Rejected>> {
    ready(authentication::of(request, T::from_authentication).map_err(Rejected::from))
}

/// Makes an extractor of a type that implements `FromAuthentication`: its generics, the type, and the
/// predicates of its where clause.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_extractor {
    ([$($generics:tt)*] [$($type:tt)*] [$($predicates:tt)*]) => {
        impl<$($generics)*> $crate::__private::FromRequest for $($type)*
        where
            $($predicates)*
        {
            type Error = $crate::Rejected;
            type Future = ::std::future::Ready<::core::result::Result<Self, $crate::Rejected>>;

            fn from_request(
                request: &$crate::__private::HttpRequest,
                _: &mut $crate::__private::Payload,
            ) -> Self::Future {
                $crate::__private::extract::<Self>(request)
            }
        }
    };
}
