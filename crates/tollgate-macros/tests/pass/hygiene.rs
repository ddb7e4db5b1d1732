//! The names in the expansion resolve even when the surrounding code shadows them.
#![no_implicit_prelude]
#![deny(warnings, missing_docs)]

#[allow(missing_docs, unused)]
mod tollgate_stub {
    pub use ::std::prelude::rust_2024::*;
    include!("../tollgate_stub/mod.rs");
}

/// A public module, so that `missing_docs` checks it.
pub mod api {
    ::tollgate_macros::scopes! {
        crate = crate::tollgate_stub;
        pub Undocumented = "undocumented",
        /// With its own doc comment.
        #[must_use]
        pub Documented = "documented",
    }

    /// A claims type.
    #[derive(::serde::Deserialize, ::tollgate_macros::Claims)]
    #[claims(crate = crate::tollgate_stub, scope = Undocumented, scope = "x", role = "y")]
    pub struct Claims {
        /// A field.
        pub sub: ::std::string::String,
    }
}

#[allow(dead_code)]
enum Option {}
#[allow(dead_code)]
enum Result {}
#[allow(dead_code, non_camel_case_types)]
struct LazyLock;

fn main() {
    let copied = api::Documented;
    let again = copied;
    ::std::assert!(copied == again && ::std::format!("{again:?}") == "Documented");
    let _ = <::std::collections::HashSet<_> as ::std::convert::From<_>>::from([api::Undocumented]);
}
