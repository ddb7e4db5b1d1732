//! Okta.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Access tokens of a custom authorization server of Okta. `domain` is your organisation's, as `example.okta.com`, or your custom
/// one; `server` is the id of the authorization server, as `default`; the audience is what that server is configured with,
/// as `api://default`.
///
/// Checked: `iss`, `aud`, and that `sub`, `iat` and `cid`, the client's id, are there, the last of which ID tokens do not have. Which
/// clients' tokens are welcome, say by `.require_value("cid", [..])`. Scopes are those of `scp`, an array. There are no roles
/// unless you add a claim for groups: then say `.role_claim("groups")`.
///
/// All APIs of one authorization server share its audience: tell them apart by scopes, or give each a server of its own.
///
/// Not possible: access tokens of the organisation's own server (`iss` is `https://DOMAIN`). They are for Okta's own APIs, and
/// Okta asks everybody else to treat them as opaque. Its ID tokens are for [`id_token`](super::id_token) with that issuer.
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let trusted = presets::okta("example.okta.com", "default", "api://default").rules();
/// let verifier = Verifier::builder().trust(trusted.key(keys::verifying(Algorithm::RS256))).clock(clock).build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "https://example.okta.com/oauth2/default")
///     .claim("aud", "api://default")
///     .claim("cid", "0oabucvyc38HLL1ef0h7")
///     .claim("scp", ["orders.read"]);
/// assert!(verifier.verify(token.clone().build())?.has_scope("orders.read"));
///
/// let of_the_organisation = token.claim("iss", "https://example.okta.com");
/// let rejection = verifier.verify(of_the_organisation.build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// # Ok(()) }
/// ```
pub fn okta(domain: &str, server: &str, audience: impl Into<String>) -> Preset {
    let issuer = format!("https://{domain}/oauth2/{server}");
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .require_subject()
        .require_claim("iat")
        .require_claim("cid");
    Preset::new(rules, Oidc::discover(issuer))
}
