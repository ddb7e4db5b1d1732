//! SPIFFE JWT-SVIDs.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for JWT-SVIDs of one SPIFFE trust domain, such as `example.org`. `bundle_url`
/// is the bundle endpoint of the trust domain (profile `https_web`). The audience is a name of your
/// service, often its own SPIFFE ID.
///
/// Checks the rules of [`TrustedIssuer::spiffe`]: `sub` is the SPIFFE ID of a workload in the trust
/// domain, `iss` is not read, `typ` is `JWT`, `JOSE` or absent, and the algorithm is one of
/// JWT-SVID section 2.1. Only the keys of the bundle with the `use` `jwt-svid` are used: a key for
/// X.509-SVIDs verifies no token. The bundle of another trust domain needs another preset, because
/// each trust domain may only name its own workloads.
///
/// Every workload of the trust domain can request a token for any audience: decide by the subject,
/// for example by `.require_value("sub", ["spiffe://example.org/billing"])`.
///
/// The OIDC discovery provider of SPIRE publishes the same keys as an ordinary JWK Set: then use
/// [`TrustedIssuer::spiffe`] with [`RemoteJwks`](crate::RemoteJwks). A bundle in a file is read by
/// [`KeySet::from_spiffe_bundle`](tollgate_core::KeySet::from_spiffe_bundle).
///
/// ```
/// use tollgate::{RejectionKind, Verifier};
/// # use tollgate::Algorithm;
/// use tollgate::oidc::presets;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::ES256), &clock);
/// let preset = presets::spiffe("example.org", "https://bundle.example.org", "orders");
/// # let key = keys::verifying(Algorithm::ES256);
/// let trusted = preset.rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |sub| mint
/// #     .token()
/// #     .without_claim("iss")
/// #     .claim("aud", ["orders"])
/// #     .claim("sub", sub)
/// #     .build();
/// assert!(verifier.verify(token("spiffe://example.org/billing")).is_ok());
/// let rejection = verifier.verify(token("spiffe://example.net/billing")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// # Ok(()) }
/// ```
pub fn spiffe(
    trust_domain: &str,
    bundle_url: impl Into<String>,
    audience: impl Into<String>,
) -> Preset {
    let rules = TrustedIssuer::spiffe(trust_domain).audience(audience);
    let location = Oidc::discover(format!("spiffe://{trust_domain}"));
    Preset::new(rules, location.jwks_url(bundle_url).spiffe_bundle())
}
