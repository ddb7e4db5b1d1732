//! Clerk.

use tollgate_core::{Algorithm, TrustedIssuer};

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for session tokens of Clerk. `issuer` is the Frontend API URL of the
/// instance, such as `https://clerk.example.com` or `https://example-1.clerk.accounts.dev`. The
/// `origins` are those of your own web applications, such as `https://app.example.com`.
///
/// Such a token has no `aud` unless you add one. Its `azp` is the origin of the web page that
/// requested it: without this check, an application on another subdomain could use the tokens of
/// your users. So the origins are the [`audience`](TrustedIssuer::audience) here, checked in
/// [`azp`](TrustedIssuer::audience_claim). If you add an `aud`, add it as an
/// [`audience`](TrustedIssuer::audience) too. Tokens of native applications have no origin and are
/// refused: configure the same rules with an `aud` of your own instead.
///
/// Also checks that `sub`, `sid` and `iat` are present, that `sts`, the status of the session, is
/// `active` or absent, and that the algorithm is RS256. A user with the status `pending` has
/// an unfinished step to take.
///
/// There are no roles: those in `o`, or in `org_role` of version 1, belong to the organisation that
/// is active in the session. If your service has one organisation, add
/// `.require_value(["o", "id"], ["org_123"])` and `.role_claim(["o", "rol"])`. Otherwise compare
/// `o.id` with the owner of the data, and then read the role.
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
/// let preset = presets::clerk("https://clerk.example.com", ["https://app.example.com"]);
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = preset.rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |origin| mint
/// #     .token()
/// #     .claim("iss", "https://clerk.example.com")
/// #     .without_claim("aud")
/// #     .claim("azp", origin)
/// #     .claim("sid", "sess_2Z7gd")
/// #     .claim("v", 2);
/// assert!(verifier.verify(token("https://app.example.com").build()).is_ok());
/// let rejection = verifier.verify(token("https://blog.example.com").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// let pending = token("https://app.example.com").claim("sts", "pending");
/// assert_eq!(verifier.verify(pending.build()).unwrap_err().kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn clerk(
    issuer: impl Into<String>,
    origins: impl IntoIterator<Item = impl Into<String>>,
) -> Preset {
    let issuer = issuer.into();
    let location = Oidc::discover(&issuer).jwks_url(format!("{issuer}/.well-known/jwks.json"));
    let rules = TrustedIssuer::new(issuer)
        .audience_claim("azp")
        .algorithms([Algorithm::RS256])
        .require_subject()
        .require_claim("sid")
        .require_claim("iat")
        .require_value_if_present("sts", ["active"]);
    let rules = origins.into_iter().fold(rules, TrustedIssuer::audience);
    Preset::new(rules, location)
}
