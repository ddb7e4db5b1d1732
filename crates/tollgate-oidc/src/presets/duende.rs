//! Duende `IdentityServer`.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for access tokens of Duende `IdentityServer`, and of `IdentityServer4` from
/// version 4. `issuer` is the URL of the server, without a slash at the end unless it is configured
/// so. The audience is the name of an *API resource*.
///
/// By default, a token has only scopes and no audience: register an API resource for your service,
/// and add the API scopes to it. A token without `aud` is refused: every client of the server could
/// otherwise use its tokens here.
///
/// Checks that the header's `typ` is `at+jwt`, so that ID tokens are refused, and that `client_id`
/// and `iat` are present. Restrict the clients by `.require_value("client_id", [..])`. Scopes come
/// from `scope`, an array by default. A token of a client without a user has no `sub`: add
/// [`require_subject`](TrustedIssuer::require_subject) if there must be a user. There are no roles
/// unless you add the user claim `role` to the API resource: then use `.role_claim("role")`.
///
/// Not supported: reference tokens, which are opaque.
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
/// let trusted = presets::duende("https://id.example.com", "orders").rules();
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = trusted.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .typ("at+jwt")
/// #     .claim("iss", "https://id.example.com")
/// #     .claim("aud", "orders")
/// #     .claim("client_id", "web")
/// #     .claim("scope", ["openid", "orders.read"]);
/// assert!(verifier.verify(token.clone().build())?.has_scope("orders.read"));
/// let rejection = verifier.verify(token.without_claim("aud").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
/// # Ok(()) }
/// ```
pub fn duende(issuer: impl Into<String>, audience: impl Into<String>) -> Preset {
    let issuer = issuer.into();
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .typ("at+jwt")
        .require_claim("client_id")
        .require_claim("iat");
    Preset::new(rules, Oidc::discover(issuer))
}
