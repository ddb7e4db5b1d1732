//! Keycloak.

use tollgate_core::TrustedIssuer;

use super::{Preset, id_token};
use crate::oidc::Oidc;

/// Access tokens of a realm of Keycloak. `base` is where the server is, as `https://id.example.com`; servers before version 17,
/// and those configured so, have `/auth` at its end. A slash at the end of `base` does not matter.
///
/// Keycloak does not name your service in `aud` by itself: give the client, or a client scope, a mapper of the type *Audience*. A
/// token without it, whose `aud` is at most `account`, is refused; do not take [`dangerous_any_audience`](TrustedIssuer::dangerous_any_audience)
/// for a remedy, for each client of the realm could then send its users' tokens here.
///
/// Checked besides: the claim `typ` is `Bearer`, since ID tokens (`ID`) and what else a realm signs differ from access tokens
/// by nothing else; `sub` and `azp`, the client's id, are there. Which clients' tokens are welcome, say by
/// [`authorized_party`](TrustedIssuer::authorized_party). Scopes are those of `scope`. Roles are the realm's, of
/// `realm_access.roles`. A client's own roles are in `resource_access`, apart from them, since one name may mean two
/// things; to take those of a client `orders` too, say `.role_claim("resource_access.orders.roles")`. That cannot be said
/// of a client with a dot in its id, for which a mapper can give the claim another name.
///
/// Not possible: tokens bound to a key of the client (`typ` is `DPoP`), and lightweight access tokens without these claims.
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let preset = presets::keycloak("https://id.example.com", "shop", "orders");
/// let trusted = preset.rules().authorized_party("web").key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "https://id.example.com/realms/shop")
///     .claim("aud", ["orders", "account"])
///     .claim("typ", "Bearer")
///     .claim("azp", "web")
///     .claim("realm_access", serde_json::json!({"roles": ["staff"]}));
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
        .role_claim("realm_access.roles");
    Preset::new(rules, Oidc::discover(issuer))
}

/// ID tokens of a realm of Keycloak for the client `client_id`: as [`id_token`], and the claim `typ` is `ID`. `base` is as for
/// [`keycloak`]. An ID token has no roles, unless a mapper puts them there.
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let trusted = presets::keycloak_id("https://id.example.com", "shop", "web").rules();
/// let verifier = Verifier::builder().trust(trusted.key(keys::verifying(Algorithm::RS256))).clock(clock).build()?;
///
/// let token = mint.token().claim("iss", "https://id.example.com/realms/shop").claim("aud", "web").claim("azp", "web");
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
