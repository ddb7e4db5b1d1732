//! Auth0.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Access tokens of an API that is registered with Auth0. `domain` is the tenant's, as `example.eu.auth0.com`, or your custom one;
/// the audience is the API's *identifier*, often a URL, which is a name and is never called.
///
/// Checked: `iss` is `https://DOMAIN/`, whose slash at the end belongs to it; `aud` names the API, beside which `/userinfo` may
/// stand; `sub` and `iat` are there. That tells an access token from an ID token, whose `aud` is a client's id. Both profiles of
/// an API's tokens are accepted: Auth0's own (`typ` is `JWT`, the client is in `azp`) and that of RFC 9068 (`at+jwt`,
/// `client_id`); where an API has the latter, say [`access_token_profile`](TrustedIssuer::access_token_profile) and nothing
/// else passes. ID tokens are for [`id_token`](super::id_token) with the issuer `https://DOMAIN/`.
///
/// Scopes are those of `scope`, and the `permissions` that an API with role-based access control adds. Mind the difference: a
/// `scope` is what the user let the *client* do; `permissions` are all that the *user* may do, whatever the client asked for.
/// Where a policy must keep a client to less than its user may do, leave "Add Permissions in the Access Token" off.
///
/// Not possible: tokens that were asked for without an audience, which are opaque or encrypted.
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let preset = presets::auth0("example.eu.auth0.com", "https://orders.example.com");
/// let verifier = Verifier::builder()
///     .trust(preset.rules().key(keys::verifying(Algorithm::RS256)))
///     .clock(clock)
///     .build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "https://example.eu.auth0.com/")
///     .claim("aud", ["https://orders.example.com", "https://example.eu.auth0.com/userinfo"])
///     .claim("scope", "openid")
///     .claim("permissions", ["read:orders"]);
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
