//! Amazon Cognito user pools.

use tollgate_core::TrustedIssuer;

use super::{Preset, id_token};
use crate::oidc::Oidc;

/// Creates the preset for access tokens of an Amazon Cognito user pool, for these app clients.
///
/// Such a token has no `aud`, unless it is bound to a resource. Its `client_id` is the app client,
/// and it is valid for every service that trusts that client. So the client IDs are the
/// [`audience`](TrustedIssuer::audience) here, checked in
/// [`client_id`](TrustedIssuer::audience_claim). If tokens are bound to a resource, add it as an
/// [`audience`](TrustedIssuer::audience) too: an `aud` that is present must be one of them.
///
/// Also checks that `token_use` is `access`, because both kinds of token share issuer and keys, and
/// that `sub` is present. Scopes come from `scope` and are the same for all services of the pool:
/// prefix them with the identifier of a resource server. Roles are the user's groups.
///
/// Not supported: refresh tokens, which are encrypted, and tokens of identity pools, which have
/// another issuer.
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
/// let preset = presets::cognito_access("eu-west-1", "eu-west-1_AbCdEf123", ["web", "mobile"]);
/// # let key = keys::verifying(Algorithm::RS256);
/// let verifier = Verifier::builder()
///     .trust(preset.rules().key(key))
///     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123")
/// #     .without_claim("aud")
/// #     .claim("client_id", "mobile")
/// #     .claim("token_use", "access")
/// #     .claim("scope", "orders/read")
/// #     .claim("cognito:groups", ["staff"]);
/// let principal = verifier.verify(token.clone().build())?;
/// assert!(principal.has_scope("orders/read") && principal.has_role("staff"));
///
/// let rejection = verifier.verify(token.claim("client_id", "another").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
pub fn cognito_access(
    region: &str,
    pool: &str,
    client_ids: impl IntoIterator<Item = impl Into<String>>,
) -> Preset {
    let issuer = issuer(region, pool);
    let rules = TrustedIssuer::new(issuer.clone())
        .audience_claim("client_id")
        .require_value("token_use", ["access"])
        .require_subject()
        .role_claim("cognito:groups");
    let rules = client_ids.into_iter().fold(rules, TrustedIssuer::audience);
    Preset::new(rules, Oidc::discover(issuer))
}

/// Creates the preset for ID tokens of an Amazon Cognito user pool, for the app client `client_id`:
/// like [`id_token`], with `token_use` equal to `id`. Roles are the user's groups.
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
/// let preset = presets::cognito_id("eu-west-1", "eu-west-1_AbCdEf123", "web");
/// # let key = keys::verifying(Algorithm::RS256);
/// let verifier = Verifier::builder()
///     .trust(preset.rules().key(key))
///     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123")
/// #     .claim("aud", "web");
/// assert!(verifier.verify(token.clone().claim("token_use", "id").build()).is_ok());
/// let rejection = verifier.verify(token.claim("token_use", "access").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn cognito_id(region: &str, pool: &str, client_id: impl Into<String>) -> Preset {
    id_token(issuer(region, pool), client_id).with(|rules| {
        rules
            .require_value("token_use", ["id"])
            .role_claim("cognito:groups")
    })
}

fn issuer(region: &str, pool: &str) -> String {
    format!("https://cognito-idp.{region}.amazonaws.com/{pool}")
}
