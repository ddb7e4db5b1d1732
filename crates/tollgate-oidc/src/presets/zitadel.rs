//! Zitadel.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for access tokens of Zitadel in the form of JWTs, for one project. `issuer`
/// is the URL of the instance, such as `https://example.zitadel.cloud`. `project` and
/// `organisation` are IDs. The audience is the project, which a client requests by the scope
/// `urn:zitadel:iam:org:project:id:PROJECT:aud`.
///
/// Checks that `aud` names the project, and that `sub`, `iat` and `jti` are present: an ID token
/// names the project in `aud` too, but has no `jti`. Restrict the clients by
/// `.require_value("client_id", [..])`.
///
/// Roles are the names of the members of `urn:zitadel:iam:org:project:PROJECT:roles`, which a
/// client requests by the scope `urn:zitadel:iam:org:projects:roles`. Each role lists the
/// organisations that granted it, and only the roles that `organisation` granted are read. If a
/// project is granted to other organisations, their administrators give its roles to users of their
/// own: a role of such an organisation is valid for its data alone. A service for several
/// organisations has to read the claim, and compare the organisation with the owner of the data.
///
/// Not supported: opaque tokens, the default type of an application. Set "Auth Token Type" to JWT.
///
/// ```
/// use tollgate::Verifier;
/// # use tollgate::Algorithm;
/// use tollgate::oidc::presets;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let (project, ours) = ("223281986649719041", "223281939119866113");
/// let trusted = presets::zitadel("https://example.zitadel.cloud", project, ours).rules();
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = trusted.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// let roles = serde_json::json!({
///     "reader": {"223281939119866113": "shop.example.com"},
///     "admin": {"999999999999999999": "customer.example.net"},
/// });
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://example.zitadel.cloud")
/// #     .claim("aud", ["225372862145003521", project])
/// #     .claim("jti", "225373051857469441")
/// #     .claim("urn:zitadel:iam:org:project:223281986649719041:roles", roles);
/// let principal = verifier.verify(token.build())?;
/// assert!(principal.has_role("reader") && !principal.has_role("admin"));
/// # Ok(()) }
/// ```
pub fn zitadel(
    issuer: impl Into<String>,
    project: &str,
    organisation: impl Into<String>,
) -> Preset {
    let issuer = issuer.into();
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(project)
        .require_subject()
        .require_claim("iat")
        .require_claim("jti")
        .role_claim([format!("urn:zitadel:iam:org:project:{project}:roles")])
        .role_member(organisation);
    Preset::new(rules, Oidc::discover(issuer))
}
