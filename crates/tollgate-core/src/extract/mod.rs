//! The types that handlers ask for.
//!
//! With the features `axum` and `actix` they are extractors of these frameworks.

#[cfg(feature = "actix")]
pub mod actix;
mod authenticated;
#[cfg(feature = "axum")]
pub mod axum;
mod gated;
#[cfg(feature = "http")]
pub mod head;
mod jwt;
mod optional;
#[cfg(feature = "http")]
pub mod response;
mod scoped;

pub use authenticated::Authenticated;
pub use gated::Gated;
pub use jwt::Jwt;
pub use optional::Optional;
pub use scoped::Scoped;

/// Makes a type that implements `FromAuthentication` an extractor of every enabled framework.
///
/// `[generics,] [type] [predicates,]`: each parameter and each predicate with a comma behind it.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_extractors {
    ($($type:tt)*) => {
        $crate::__impl_actix_extractor! { $($type)* }
        $crate::__impl_axum_extractor! { $($type)* }
    };
}

#[cfg(not(feature = "actix"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_actix_extractor {
    ($($type:tt)*) => {};
}

#[cfg(not(feature = "axum"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_axum_extractor {
    ($($type:tt)*) => {};
}

crate::__impl_extractors! { [] [crate::Authentication] [] }
crate::__impl_extractors! { [] [crate::Principal] [] }
crate::__impl_extractors! { [E,] [Authenticated<E>] [E: crate::FromAuthentication,] }
crate::__impl_extractors! { [E,] [Optional<E>] [E: crate::FromAuthentication,] }
crate::__impl_extractors! { [T,] [Jwt<T>] [T: crate::Claims,] }
crate::__impl_extractors! { [S,] [Scoped<S>] [S: crate::ScopeSet,] }
