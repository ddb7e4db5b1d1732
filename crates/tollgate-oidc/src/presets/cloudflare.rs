//! Cloudflare Access.

use tollgate_core::{Algorithm, TrustedIssuer};

use super::{Preset, or_empty};
use crate::oidc::Oidc;

/// The request header in which Cloudflare Access sends its token to the origin.
///
/// ```
/// use tollgate::Source;
/// use tollgate::oidc::presets;
///
/// let source = Source::header_of_proxy(presets::CLOUDFLARE_ACCESS_HEADER);
/// assert_eq!(source, Source::header_of_proxy("Cf-Access-Jwt-Assertion"));
/// ```
pub const CLOUDFLARE_ACCESS_HEADER: &str = "Cf-Access-Jwt-Assertion";

/// Creates the preset for application tokens of Cloudflare Access. `team` is the name in
/// `TEAM.cloudflareaccess.com`. The audience is the *Application Audience (AUD) tag* of the Access
/// application.
///
/// The token is in the header [`CLOUDFLARE_ACCESS_HEADER`]: set it as the only
/// [source](tollgate_core::Source::header_of_proxy) of the gate. Access fills it from the cookie
/// `CF_Authorization` of the browser, also for requests that other sites cause, so the gate
/// requires proof of origin. For an application that only services call, use
/// [`Source::header`](tollgate_core::Source::header).
///
/// All applications of a team share issuer and keys: the audience separates them. Also checks that
/// `type` is `app`, because the team's global session token (`org`) has the same issuer and keys,
/// that `iat` is present, and that the algorithm is RS256.
///
/// A token of a user has `sub` and `email`. A token of a service has an empty `sub`, which is no
/// subject, and the client ID in `common_name`. Require one of the two in a policy, or refuse
/// services with [`require_subject`](TrustedIssuer::require_subject). Access decides by its own
/// policies whom it lets in.
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
/// let tag = "32eafc7626e737d9e3b3ec1b3ee6d0b8f2b9d5a1c7e4f6a8b0c2d4e6f8a0b2c4";
/// let preset = presets::cloudflare_access("example", tag);
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = preset.rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |aud: &str| mint
/// #     .token()
/// #     .claim("iss", "https://example.cloudflareaccess.com")
/// #     .claim("aud", [aud])
/// #     .claim("type", "app")
/// #     .claim("email", "ada@example.com")
/// #     .build();
/// assert!(verifier.verify(token(tag)).is_ok());
/// let rejection = verifier.verify(token("another-application")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
pub fn cloudflare_access(team: &str, audience: impl Into<String>) -> Preset {
    let issuer = or_empty(team, |team| format!("https://{team}.cloudflareaccess.com"));
    let location = Oidc::discover(&issuer).jwks_url(format!("{issuer}/cdn-cgi/access/certs"));
    let rules = TrustedIssuer::new(issuer)
        .audience(audience)
        .algorithms([Algorithm::RS256])
        .require_value("type", ["app"])
        .require_claim("iat");
    Preset::new(rules, location)
}
