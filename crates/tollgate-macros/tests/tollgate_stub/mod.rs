// A stand-in for the crate `tollgate`: `tollgate-core` plus `__impl_extractors!`, which forwards to
// the enabled adapters. Each test has it as the module `tollgate_stub`, with a single adapter: an
// extractor trait with a parameter, as in axum.

// By name: the core has a macro of the same name as the one below.
#[allow(unused_imports)]
pub use ::tollgate_core::{
    __private, Authentication, Claims, FromAuthentication, Gate, Key, Policy, Principal, Refusal,
    Rejection, RejectionKind, RequestView, Scope, ScopeName, ScopeSet, SigningKey, Source, Verifier,
    policy,
};

#[allow(dead_code)]
pub trait Extract<State>: Sized {
    fn extract(authentication: &Authentication, state: &State) -> Result<Self, Refusal>;
}

macro_rules! __impl_extractors {
    ([$($generics:tt)*] [$type:ty] [$($predicates:tt)*]) => {
        impl<$($generics)* State> $crate::tollgate_stub::Extract<State> for $type
        where
            $($predicates)*
            State: ::core::marker::Send,
        {
            fn extract(
                authentication: &::tollgate_core::Authentication,
                _state: &State,
            ) -> ::core::result::Result<Self, ::tollgate_core::Refusal> {
                ::tollgate_core::FromAuthentication::from_authentication(authentication)
            }
        }
    };
}
#[allow(unused_imports)]
pub(crate) use __impl_extractors;
