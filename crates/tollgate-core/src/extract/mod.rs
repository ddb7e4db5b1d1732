//! The types that handlers extract.
//!
//! With the features `axum` and `actix` they are extractors of these frameworks.

/// Defines `known`, which returns the framework's constant for a header name that the engine reads
/// or writes. It saves parsing the name. The two frameworks use different versions of `http`.
#[cfg(any(feature = "actix", feature = "http"))]
macro_rules! known_names {
    ($($http:ident)::+) => {
        #[inline(always)]
        #[allow(clippy::inline_always)] // evaluated at compile time only when inlined
        pub(super) fn known(name: &str) -> Option<&'static HeaderName> {
            use $($http)::+::header;
            Some(match name {
                "access-control-request-method" => &header::ACCESS_CONTROL_REQUEST_METHOD,
                "authorization" => &header::AUTHORIZATION,
                "cache-control" => &header::CACHE_CONTROL,
                "content-type" => &header::CONTENT_TYPE,
                "cookie" => &header::COOKIE,
                "host" => &header::HOST,
                "origin" => &header::ORIGIN,
                "sec-websocket-key" => &header::SEC_WEBSOCKET_KEY,
                "sec-websocket-protocol" => &header::SEC_WEBSOCKET_PROTOCOL,
                "sec-websocket-version" => &header::SEC_WEBSOCKET_VERSION,
                "upgrade" => &header::UPGRADE,
                "www-authenticate" => &header::WWW_AUTHENTICATE,
                _ => return None,
            })
        }
    };
}
#[cfg(any(feature = "actix", feature = "http"))]
use known_names;

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
#[cfg(feature = "tonic")]
mod tonic;

pub use authenticated::Authenticated;
pub use gated::Gated;
pub use jwt::Jwt;
pub use optional::Optional;
pub use scoped::Scoped;

/// Makes a type that implements `FromAuthentication` an extractor of every enabled framework.
///
/// `[generics,] [type] [predicates,]`: each parameter and each predicate is followed by a comma.
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
