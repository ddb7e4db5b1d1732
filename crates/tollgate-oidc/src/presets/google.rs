//! Google: ID tokens and Identity-Aware Proxy.

use tollgate_core::{Algorithm, TrustedIssuer};

use super::{Preset, id_token};
use crate::oidc::Oidc;

/// Creates the preset for ID tokens of Google ("Sign in with Google"), for the client `client_id`:
/// like [`id_token`]. The issuer may be `https://accounts.google.com` or `accounts.google.com`,
/// because Google uses both.
///
/// **Google signs tokens for every Google account.** `build` refuses the rules until
/// [`require_value`](tollgate_core::TrustedIssuer::require_value) is set for `hd` or `sub`:
///
/// - `hd` is the domain of an organisation. Google sets it for the accounts that the organisation
///   manages; the domain of an `email` is no proof.
/// - `sub` is the ID of an account, for a list of users or service accounts.
///
/// If every account may sign in, use [`dangerous_google_any_account`].
///
/// An ID token that an Android app requested for your server has the server's ID in `aud` and the
/// app's in `azp`: add the app with
/// [`authorized_party`](tollgate_core::TrustedIssuer::authorized_party). The same applies to ID
/// tokens of service accounts.
///
/// Not supported: Google's access tokens, which are opaque, and tokens of Identity Platform, for
/// which there is [`firebase`](super::firebase).
///
/// ```
/// use tollgate::config::ConfigErrorKind;
/// use tollgate::{RejectionKind, Verifier};
/// # use tollgate::Algorithm;
/// use tollgate::oidc::presets;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let preset = presets::google("1234987819200.apps.googleusercontent.com");
/// # let key = keys::verifying(Algorithm::RS256);
/// let rules = preset.rules().key(key);
/// let error = Verifier::new(rules.clone()).unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::MissingConstraint);
///
/// let trusted = rules.require_value("hd", ["example.com"]);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "accounts.google.com")
/// #     .claim("aud", "1234987819200.apps.googleusercontent.com")
/// #     .claim("azp", "1234987819200.apps.googleusercontent.com")
/// #     .claim("hd", "example.com");
/// assert!(verifier.verify(token.clone().build()).is_ok());
/// let rejection = verifier.verify(token.without_claim("hd").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
/// # Ok(()) }
/// ```
pub fn google(client_id: impl Into<String>) -> Preset {
    dangerous_google_any_account(client_id).with(|rules| rules.require_constraint(["hd", "sub"]))
}

/// Like [`google`], for **every** Google account, without a constraint. Anyone can open an account:
/// a token proves an identity, and no relation to your organisation. Decide by your own records,
/// by `sub`, what an account may do.
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
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = presets::dangerous_google_any_account("web").rules()
///     .key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
/// # let token = mint.token().claim("iss", "https://accounts.google.com");
/// assert!(verifier.verify(token.clone().claim("aud", "web").build()).is_ok());
/// assert!(verifier.verify(token.claim("aud", "another").build()).is_err());
/// # Ok(()) }
/// ```
pub fn dangerous_google_any_account(client_id: impl Into<String>) -> Preset {
    id_token("https://accounts.google.com", client_id)
        .with(|rules| rules.issuer_alias("accounts.google.com"))
}

/// The request header in which Google's Identity-Aware Proxy sends its token to the service.
///
/// ```
/// use tollgate::Source;
/// use tollgate::oidc::presets;
///
/// let source = Source::header_of_proxy(presets::GOOGLE_IAP_HEADER);
/// assert_eq!(source, Source::header_of_proxy("X-Goog-IAP-JWT-Assertion"));
/// ```
pub const GOOGLE_IAP_HEADER: &str = "X-Goog-IAP-JWT-Assertion";

/// Creates the preset for the signed headers of Google's Identity-Aware Proxy (IAP). The audience
/// is that of your backend: `/projects/NUMBER/global/backendServices/ID`, or
/// `/projects/NUMBER/apps/PROJECT` on App Engine. The console shows it as *Get JWT audience code*.
///
/// The token is in the header [`GOOGLE_IAP_HEADER`]: set it as the only
/// [source](tollgate_core::Source::header_of_proxy) of the gate. IAP fills it from a cookie of the
/// browser, so the gate requires proof of origin. Do not read `X-Goog-Authenticated-User-*`,
/// which are not signed.
///
/// **IAP signs the tokens of all projects with the same keys.** The audience names the project and
/// the backend, and is the only audience. Also checks that `sub`, `email` and `iat` are present,
/// and that the algorithm is ES256. `sub` has the form `accounts.google.com:ID`. `hd` is the domain
/// of an organisation: require it, unless the access policy of IAP decides who gets in.
///
/// A health check of a load balancer has no such header: let its path pass outside of the gate.
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
/// let backend = "/projects/123456789/global/backendServices/987654321";
/// # let key = keys::verifying(Algorithm::ES256);
/// let trusted = presets::google_iap(backend).rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |aud| mint
/// #     .token()
/// #     .claim("iss", "https://cloud.google.com/iap")
/// #     .claim("aud", aud)
/// #     .claim("sub", "accounts.google.com:118133858486581853996")
/// #     .claim("email", "ada@example.com")
/// #     .build();
/// assert!(verifier.verify(token(backend)).is_ok());
/// let other = "/projects/666666666/global/backendServices/987654321";
/// let rejection = verifier.verify(token(other)).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
pub fn google_iap(audience: impl Into<String>) -> Preset {
    const ISSUER: &str = "https://cloud.google.com/iap";
    let location =
        Oidc::discover(ISSUER).jwks_url("https://www.gstatic.com/iap/verify/public_key-jwk");
    let rules = TrustedIssuer::new(ISSUER)
        .audience(audience)
        .further_audiences(Vec::<String>::new())
        .algorithms([Algorithm::ES256])
        .require_subject()
        .require_claim("email")
        .require_claim("iat");
    Preset::new(rules, location)
}
