//! The guide: one page for each task.
//!
//! | page | task |
//! |---|---|
//! | [`transports`] | the sources of a token |
//! | [`keys`] | keys, issuers and audiences |
//! | [`identity_providers`] | keys of a remote issuer, and their rotation |
//! | [`policies`] | scopes, roles and claims that a caller must hold |
//! | [`forward_auth`] | a gate that nginx, Caddy or HAProxy asks for permission |
//! | [`grpc`] | gRPC services on tonic: methods, streams, the status of a refusal |
//! | [`answers`] | the responses to rejected requests, and the log events |
//! | [`sessions`] | login, refresh, sliding sessions, step-up, devices, logout |
//! | [`cookies`] | sessions for browsers, and CSRF |
//! | [`other_origin`] | a front-end on another origin: CORS, cookies and bearer tokens |
//! | [`revocation`] | revoked tokens, and outages of the store |
//! | [`stores`] | storage for sessions, and the guarantees of each store |
//! | [`token_cache`] | the cache of verified tokens |
//! | [`observability`] | access logs, spans, log events and metrics |
//! | [`testing`] | tokens, clocks and stores for tests |
//!
//! The pages are those of `docs/guide` in the repository. This module exists only in the
//! documentation.

/// Declares the pages. The link targets for rustdoc come first, because the first definition of a
/// link wins.
macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {$(
        #[doc = "[../../examples/grpc]: https://github.com/tollgate-rs/tollgate/tree/main/examples/grpc"]
        #[doc = "[../../examples/hot-path]: https://github.com/tollgate-rs/tollgate/tree/main/examples/hot-path"]
        #[doc = "[../../examples/oidc-login]: https://github.com/tollgate-rs/tollgate/tree/main/examples/oidc-login"]
        #[doc = "[../../examples/other-origin]: https://github.com/tollgate-rs/tollgate/tree/main/examples/other-origin"]
        #[doc = "[../../examples/quickstart/src/server.rs]: https://github.com/tollgate-rs/tollgate/blob/main/examples/quickstart/src/server.rs"]
        #[doc = "[../PERFORMANCE.md]: https://github.com/tollgate-rs/tollgate/blob/main/docs/PERFORMANCE.md"]
        #[doc = "[CookieTransport]: crate::session::CookieTransport"]
        #[doc = "[ForwardAuth]: crate::ForwardAuth"]
        #[doc = "[Gate]: crate::Gate"]
        #[doc = "[Key]: crate::Key"]
        #[doc = "[KeySet]: crate::KeySet"]
        #[doc = "[Login]: crate::session::Login"]
        #[doc = "[Reading]: crate::session::Reading"]
        #[doc = "[Refusal]: crate::Refusal"]
        #[doc = "[Rejection]: crate::Rejection"]
        #[doc = "[Revocations]: crate::session::Revocations"]
        #[doc = "[Scoped]: crate::Scoped"]
        #[doc = "[SessionEndpoints]: crate::session::SessionEndpoints"]
        #[doc = "[Sessions]: crate::session::Sessions"]
        #[doc = "[SlidingRenewal]: crate::session::SlidingRenewal"]
        #[doc = "[Source]: crate::Source"]
        #[doc = "[TokenCache]: crate::TokenCache"]
        #[doc = "[Transport]: crate::session::Transport"]
        #[doc = "[TrustedIssuer]: crate::TrustedIssuer"]
        #[doc = "[Verifier]: crate::Verifier"]
        #[doc = "[oidc]: crate::oidc"]
        #[doc = "[policy]: crate::policy"]
        #[doc = "[tonic]: crate::tonic"]
        #[doc = "[stores]: crate::stores"]
        #[doc = "[answers.md]: crate::guide::answers"]
        #[doc = "[cookies.md]: crate::guide::cookies"]
        #[doc = "[cookies.md#several-accounts]: crate::guide::cookies#several-accounts"]
        #[doc = "[cookies.md#server-rendered-pages]: crate::guide::cookies#server-rendered-pages"]
        #[doc = "[forward-auth.md]: crate::guide::forward_auth"]
        #[doc = "[identity-providers.md]: crate::guide::identity_providers"]
        #[doc = "[grpc.md]: crate::guide::grpc"]
        #[doc = "[observability.md]: crate::guide::observability"]
        #[doc = "[other-origin.md]: crate::guide::other_origin"]
        #[doc = "[observability.md#log-events]: crate::guide::observability#log-events"]
        #[doc = "[observability.md#metrics]: crate::guide::observability#metrics"]
        #[doc = "[policies.md]: crate::guide::policies"]
        #[doc = "[policies.md#impersonation]: crate::guide::policies#impersonation"]
        #[doc = "[revocation.md]: crate::guide::revocation"]
        #[doc = "[sessions.md]: crate::guide::sessions"]
        #[doc = "[sessions.md#impersonation]: crate::guide::sessions#impersonation"]
        #[doc = "[sessions.md#rules-for-clients]: crate::guide::sessions#rules-for-clients"]
        #[doc = "[sessions.md#step-up]: crate::guide::sessions#step-up"]
        #[doc = "[stores.md]: crate::guide::stores"]
        #[doc = "[testing.md]: crate::guide::testing"]
        #[doc = "[token-cache.md]: crate::guide::token_cache"]
        #[doc = "[transports.md]: crate::guide::transports"]
        #[doc = ""]
        #[cfg_attr(feature = "full", doc = include_str!(concat!("../guide/", $file)))]
        #[cfg_attr(not(feature = "full"), doc = "Rendered with the feature `full`.")]
        pub mod $name {}
    )*};
}

pages! {
    answers: "answers.md",
    cookies: "cookies.md",
    forward_auth: "forward-auth.md",
    grpc: "grpc.md",
    identity_providers: "identity-providers.md",
    keys: "keys.md",
    observability: "observability.md",
    other_origin: "other-origin.md",
    policies: "policies.md",
    revocation: "revocation.md",
    sessions: "sessions.md",
    stores: "stores.md",
    testing: "testing.md",
    token_cache: "token-cache.md",
    transports: "transports.md",
}
