//! Google.

use super::{Preset, id_token};

/// Creates the preset for ID tokens of Google ("Sign in with Google"), for the client `client_id`:
/// like [`id_token`]. The issuer may be `https://accounts.google.com` or `accounts.google.com`,
/// because Google uses both.
///
/// Any Google account can log in. To admit one organisation only, require its `hd`, which Google
/// sets for accounts that the organisation manages; the domain of an `email` is no proof. A user is
/// identified by `sub`.
///
/// An ID token that an Android app requested for your server has the server's ID in `aud` and the
/// app's in `azp`: add the app with
/// [`authorized_party`](tollgate_core::TrustedIssuer::authorized_party). The same applies to ID
/// tokens of service accounts.
///
/// Not supported: Google's access tokens, which are opaque, and tokens of Identity Platform
/// (Firebase), which has other issuers.
///
/// ```
/// use tollgate::{Algorithm, RejectionKind, Verifier};
/// use tollgate::oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let preset = presets::google("1234987819200.apps.googleusercontent.com");
/// let trusted = preset.rules().require_value("hd", ["example.com"]);
/// let trusted = trusted.key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "accounts.google.com")
///     .claim("aud", "1234987819200.apps.googleusercontent.com")
///     .claim("azp", "1234987819200.apps.googleusercontent.com")
///     .claim("hd", "example.com");
/// assert!(verifier.verify(token.clone().build()).is_ok());
/// let rejection = verifier.verify(token.without_claim("hd").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
/// # Ok(()) }
/// ```
pub fn google(client_id: impl Into<String>) -> Preset {
    id_token("https://accounts.google.com", client_id)
        .with(|rules| rules.issuer_alias("accounts.google.com"))
}
