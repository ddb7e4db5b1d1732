//! Okta.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for access tokens of a custom authorization server of Okta. `domain` is your
/// organisation's domain, such as `example.okta.com`, or a custom one. `server` is the ID of the
/// authorization server, such as `default`. The audience is the configured one of that server, such
/// as `api://default`.
///
/// Checks `iss` and `aud`, and that `sub`, `iat` and `cid`, the client ID, are present; ID tokens
/// have no `cid`. Restrict the clients with `.require_value("cid", [..])`. Scopes come from `scp`,
/// an array. There are no roles unless you add a claim for groups: then use
/// `.role_claim("groups")`.
///
/// All APIs of one authorization server share its audience: separate them by scopes, or give each
/// API its own server.
///
/// Not supported: access tokens of the organisation's own server (`iss` is `https://DOMAIN`). They
/// are for Okta's own APIs, and Okta asks other services to treat them as opaque. For its ID
/// tokens, use [`id_token`](super::id_token) with that issuer.
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
/// let trusted = presets::okta("example.okta.com", "default", "api://default").rules();
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = trusted.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://example.okta.com/oauth2/default")
/// #     .claim("aud", "api://default")
/// #     .claim("cid", "0oabucvyc38HLL1ef0h7")
/// #     .claim("scp", ["orders.read"]);
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
