//! Firebase Authentication and Identity Platform.

use tollgate_core::{Algorithm, TrustedIssuer};

use super::{Preset, or_empty};
use crate::oidc::Oidc;

/// Creates the preset for ID tokens of Firebase Authentication, for the project with this ID. They
/// are the credential of a Firebase user for requests to your service.
///
/// **Google signs the tokens of all projects with the same keys.** The project is in `iss` and
/// `aud`, and both are checked. `build` refuses an empty project.
///
/// Also checks that `sub`, the user's ID, is present and not empty, that `iat` is present, that
/// `auth_time` is in the past, and that the algorithm is RS256.
///
/// Anyone may be able to sign up to the project, also without a name: see
/// `firebase.sign_in_provider` (`anonymous`). An `email` proves nothing unless `email_verified` is
/// true. Custom claims are at the top level of the token: add
/// [`role_claim`](TrustedIssuer::role_claim) for yours. With several tenants of Identity Platform,
/// require yours: `.require_value(["firebase", "tenant"], [..])`.
///
/// A revoked or disabled user keeps a valid token until its `exp`, at most one hour.
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
/// let trusted = presets::firebase("shop-1a2b3").rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |project| mint
/// #     .token()
/// #     .claim("iss", format!("https://securetoken.google.com/{project}"))
/// #     .claim("aud", project)
/// #     .claim("auth_time", 1_699_999_000)
/// #     .claim("firebase", serde_json::json!({"sign_in_provider": "password"}))
/// #     .build();
/// assert!(verifier.verify(token("shop-1a2b3")).is_ok());
/// let rejection = verifier.verify(token("evil-9z8y7")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// # Ok(()) }
/// ```
pub fn firebase(project: &str) -> Preset {
    const KEYS: &str =
        "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com";
    of_project("https://securetoken.google.com", project, KEYS)
}

/// Like [`firebase`], for session cookies that the Admin SDK of Firebase creates from ID tokens.
/// They have another issuer and other keys, and live for up to two weeks. Read them from your
/// [cookie](tollgate_core::Source::cookie).
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
/// let trusted = presets::firebase_session_cookie("shop-1a2b3").rules();
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = trusted.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |issuer| mint
/// #     .token()
/// #     .claim("iss", format!("https://{issuer}/shop-1a2b3"))
/// #     .claim("aud", "shop-1a2b3")
/// #     .claim("auth_time", 1_699_999_000)
/// #     .build();
/// assert!(verifier.verify(token("session.firebase.google.com")).is_ok());
/// assert!(verifier.verify(token("securetoken.google.com")).is_err());
/// # Ok(()) }
/// ```
pub fn firebase_session_cookie(project: &str) -> Preset {
    const KEYS: &str = "https://www.googleapis.com/identitytoolkit/v3/relyingparty/publicKeys";
    of_project("https://session.firebase.google.com", project, KEYS)
}

fn of_project(base: &str, project: &str, keys: &str) -> Preset {
    let issuer = or_empty(project, |project| format!("{base}/{project}"));
    let location = Oidc::discover(&issuer).jwks_url(keys);
    let rules = TrustedIssuer::new(issuer)
        .audience(project)
        .further_audiences(Vec::<String>::new())
        .algorithms([Algorithm::RS256])
        .require_subject()
        .require_claim("iat")
        .require_auth_time();
    Preset::new(rules, location)
}
