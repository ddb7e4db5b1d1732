//! What `#[derive(Claims)]` asks for: an extractor for every framework that is enabled.
//!
//! Which ones are enabled is known here and not where the derive is used, so each adapter has a macro that forwards to
//! it, or one that expands to nothing.

/// Makes a type an extractor of every framework that is enabled; not part of the interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_extractors {
    ($($type:tt)*) => {
        $crate::__impl_actix_extractor! { $($type)* }
        $crate::__impl_axum_extractor! { $($type)* }
    };
}

#[cfg(feature = "actix")]
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_actix_extractor {
    ($($type:tt)*) => {
        $crate::actix::__impl_extractor! { $($type)* }
    };
}

#[cfg(not(feature = "actix"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_actix_extractor {
    ($($type:tt)*) => {};
}

#[cfg(feature = "axum")]
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_axum_extractor {
    ($($type:tt)*) => {
        $crate::axum::__impl_extractor! { $($type)* }
    };
}

#[cfg(not(feature = "axum"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __impl_axum_extractor {
    ($($type:tt)*) => {};
}
