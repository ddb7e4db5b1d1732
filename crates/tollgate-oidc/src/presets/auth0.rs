//! Auth0.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for access tokens of an API that is registered with Auth0. `domain` is the
/// tenant's domain, such as `example.eu.auth0.com`, or a custom one. The audience is the API's
/// *identifier*: often a URL, but only a name that is never called.
///
/// Checks that `iss` is `https://DOMAIN/`, including the trailing slash, that `aud` names the API
/// (and optionally `/userinfo`), and that `sub` and `iat` are present. An ID token fails, because
/// its `aud` is a client ID. Both profiles of access tokens are accepted: Auth0's own (`typ` is
/// `JWT`, the client is in `azp`) and RFC 9068 (`at+jwt`, `client_id`). For an API with the latter,
/// add [`access_token_profile`](TrustedIssuer::access_token_profile), and nothing else passes. For
/// ID tokens use [`id_token`](super::id_token) with the issuer `https://DOMAIN/`.
///
/// Scopes come from `scope`, and from the `permissions` that an API with role-based access control
/// adds. They differ: `scope` is what the user allowed the *client* to do; `permissions` are
/// everything that the *user* may do. If a policy must limit a client to less than its user may do,
/// leave "Add Permissions in the Access Token" off.
///
/// Not supported: tokens that were requested without an audience, which are opaque or encrypted.
///
/// ```
/// use tollgate::{RejectionKind, Verifier};
/// # use tollgate::Algorithm;
/// use tollgate::oidc::presets;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let preset = presets::auth0("example.eu.auth0.com", "https://orders.example.com");
/// # let key = keys::verifying(Algorithm::RS256);
/// let verifier = Verifier::builder()
///     .trust(preset.rules().key(key))
///     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://example.eu.auth0.com/")
/// #     .claim("aud", ["https://orders.example.com", "https://example.eu.auth0.com/userinfo"])
/// #     .claim("scope", "openid")
/// #     .claim("permissions", ["read:orders"]);
/// assert!(verifier.verify(token.clone().build())?.has_scope("read:orders"));
///
/// let id_token = token.claim("aud", "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja");
/// let rejection = verifier.verify(id_token.build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
pub fn auth0(domain: &str, audience: impl Into<String>) -> Preset {
    let issuer = format!("https://{domain}/");
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .require_subject()
        .require_claim("iat")
        .scope_claim("permissions");
    Preset::new(rules, Oidc::discover(issuer))
}
