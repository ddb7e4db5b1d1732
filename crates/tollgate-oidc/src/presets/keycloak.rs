//! Keycloak.

use tollgate_core::TrustedIssuer;

use super::{Preset, id_token};
use crate::oidc::Oidc;

/// Creates the preset for access tokens of a Keycloak realm. `base` is the URL of the server, such
/// as `https://id.example.com`; servers before version 17, and those configured so, have `/auth` at
/// the end. A trailing slash does not matter.
///
/// By default, Keycloak does not name your service in `aud`: add a mapper of the type *Audience* to
/// the client or to a client scope. A token without it, whose `aud` is at most `account`, is
/// refused. Do not use [`dangerous_any_audience`](TrustedIssuer::dangerous_any_audience) instead:
/// every client of the realm could then send its users' tokens here.
///
/// Also checks that `sub` and `azp`, the client ID, are present, and that the claim `typ` is
/// `Bearer`: only `typ` distinguishes access tokens from ID tokens (`ID`) and other tokens of a
/// realm. Restrict the clients with [`authorized_party`](TrustedIssuer::authorized_party).
///
/// Scopes come from `scope`. Roles are the realm's, from `realm_access.roles`. A client's own roles
/// are in `resource_access`, kept apart because one name may mean two things. To add those of a
/// client `orders`, use `.role_claim(["resource_access", "orders", "roles"])`. These are exact
/// names, so a client ID may contain dots.
///
/// Not supported: tokens bound to a key of the client (`typ` is `DPoP`), and lightweight access
/// tokens without these claims.
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
/// let preset = presets::keycloak("https://id.example.com", "shop", "orders");
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = preset.rules().authorized_party("web").key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://id.example.com/realms/shop")
/// #     .claim("aud", ["orders", "account"])
/// #     .claim("typ", "Bearer")
/// #     .claim("azp", "web")
/// #     .claim("realm_access", serde_json::json!({"roles": ["staff"]}));
/// assert!(verifier.verify(token.clone().build())?.has_role("staff"));
///
/// let rejection = verifier.verify(token.claim("azp", "another").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn keycloak(base: &str, realm: &str, audience: impl Into<String>) -> Preset {
    let issuer = issuer(base, realm);
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .require_value("typ", ["Bearer"])
        .require_subject()
        .require_claim("azp")
        .role_claim(["realm_access", "roles"]);
    Preset::new(rules, Oidc::discover(issuer))
}

/// Creates the preset for ID tokens of a Keycloak realm, for the client `client_id`: like
/// [`id_token`], with the claim `typ` equal to `ID`. `base` is the same as for [`keycloak`]. An ID
/// token has no roles, unless a mapper adds them.
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
/// let trusted = presets::keycloak_id("https://id.example.com", "shop", "web").rules();
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = trusted.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint.token().claim("iss", "https://id.example.com/realms/shop").claim("aud", "web")
/// #     .claim("azp", "web");
/// assert!(verifier.verify(token.clone().claim("typ", "ID").build()).is_ok());
/// let rejection = verifier.verify(token.claim("typ", "Bearer").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn keycloak_id(base: &str, realm: &str, client_id: impl Into<String>) -> Preset {
    id_token(issuer(base, realm), client_id).with(|rules| rules.require_value("typ", ["ID"]))
}

fn issuer(base: &str, realm: &str) -> String {
    format!("{}/realms/{realm}", base.strip_suffix('/').unwrap_or(base))
}
