//! ID tokens of any provider.

use tollgate_core::{Principal, TrustedIssuer};

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for ID tokens of `issuer`, for the client `client_id`: OpenID Connect Core
/// 1.0 section 3.1.3.7.
///
/// Checks, in addition to the defaults:
///
/// - `iss` is the issuer, byte for byte (point 2).
/// - `aud` is the client and nothing else (point 3). Allow other audiences beside the client with
///   [`further_audiences`](TrustedIssuer::further_audiences).
/// - `azp`, if present, is the client; it is present if `aud` has several values (points 4 and 5).
///   Allow other clients, such as an app and a server of one project, with
///   [`authorized_party`](TrustedIssuer::authorized_party).
/// - `exp`, `iat` and `sub` are present (section 2).
/// - The header's `typ` is `JWT` or absent: an RFC 9068 access token, `at+jwt`, is refused.
///
/// Not checked, because they depend on the login: `nonce` (point 11), to be compared with
/// [`has_nonce`]; `acr` and `auth_time` (points 12 and 13), if you requested them; `at_hash` and
/// `c_hash`, for tokens that arrive through the browser.
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
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = presets::id_token("https://id.example.com", "web").rules()
///     .key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint.token().claim("aud", "web").claim("nonce", "n-0S6_WzA2Mj");
/// let principal = verifier.verify(token.build())?;
/// assert!(presets::has_nonce(&principal, "n-0S6_WzA2Mj"));
///
/// # let of_another_client = mint.token().claim("aud", ["web", "other"]).claim("azp", "other");
/// let rejection = verifier.verify(of_another_client.build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
pub fn id_token(issuer: impl Into<String>, client_id: impl Into<String>) -> Preset {
    let (issuer, client_id) = (issuer.into(), client_id.into());
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(client_id.clone())
        .further_audiences(Vec::<String>::new())
        .authorized_party(client_id)
        .dangerous_allow_missing_authorized_party()
        .dangerous_optional_typ("JWT")
        .require_subject()
        .require_claim("iat");
    Preset::new(rules, Oidc::discover(issuer))
}

/// Returns whether an ID token has the `nonce` of the login that it ends (OpenID Connect Core 1.0
/// section 3.1.3.7, point 11). The expected value is the one that was created for this login, sent
/// with its request and kept in the browser's session. Without this check an attacker could inject
/// an ID token of another user. An empty value never matches. The comparison takes constant time.
///
/// ```
/// # use tollgate::{Key, SigningKey, Verifier};
/// use tollgate::oidc::presets::has_nonce;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience();
/// # let verifier = verifier.key(Key::hs256([7; 32])?).build()?;
/// let claims = serde_json::json!({"exp": 4_000_000_000_u64, "nonce": "n-0S6_WzA2Mj"});
/// # let principal = verifier.verify(SigningKey::hs256([7; 32])?.encode(&claims)?)?;
/// assert!(has_nonce(&principal, "n-0S6_WzA2Mj"));
/// assert!(!has_nonce(&principal, "another"));
/// # Ok(()) }
/// ```
#[must_use]
pub fn has_nonce(principal: &Principal, expected: &str) -> bool {
    let Some(serde_json::Value::String(nonce)) = principal.claim("nonce") else {
        return false;
    };
    let differing = nonce
        .bytes()
        .zip(expected.bytes())
        .fold(0, |differing, (got, wanted)| differing | (got ^ wanted));
    !expected.is_empty() && nonce.len() == expected.len() && std::hint::black_box(differing) == 0
}
