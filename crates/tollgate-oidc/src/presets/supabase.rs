//! Supabase Auth.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for access tokens of the users of a Supabase project. `project` is its
/// reference, such as `abcdefghijklmnopqrst`, or its URL: a custom domain, a server of your own, or
/// `http://127.0.0.1:54321` of the command line tool.
///
/// Checks that `iss` is `https://PROJECT.supabase.co/auth/v1`, that `aud` is `authenticated`, and
/// that `sub`, the user, is present. The `anon` and `service_role` API keys are JWTs too: they have
/// another `iss`, no `aud` and no `sub`, and fail. The keys are the JWK Set of the issuer, at
/// `.well-known/jwks.json`, for ES256 and RS256.
///
/// The role is `role`, a role of the database: `authenticated`, unless a hook of the project sets
/// another. Your own roles belong into `app_metadata`, which only the server can change: add them
/// by `.role_claim(["app_metadata", "roles"])`. Users change `user_metadata` themselves, so it must
/// not decide anything.
///
/// Anonymous sign-ins pass, with `is_anonymous` equal to `true`: require
/// `claim("is_anonymous", false)` where they must not. A second factor is `claim("aal", "aal2")`.
///
/// # The legacy secret
///
/// Projects from before signing keys use a secret for HS256. Until its last token has expired, both
/// kinds of keys are in use. Add the secret by [`shared_secret`](TrustedIssuer::shared_secret), as
/// text and not decoded from base64, and set its end by
/// [`shared_secrets_until`](TrustedIssuer::shared_secrets_until). The secret also signs the API
/// keys, and every holder of it can create tokens for every user. A project without a signing key
/// publishes an empty set: use [`Oidc::lazy`] there, because [`Oidc::connect`] requires a key.
///
/// ```
/// use tollgate::{Key, RejectionKind, Verifier};
/// # use tollgate::Algorithm;
/// use tollgate::oidc::presets;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::ES256), &clock);
/// # let secret = keys::SECRET;
/// let preset = presets::supabase("abcdefghijklmnopqrst");
/// # let key = keys::verifying(Algorithm::ES256);
/// let trusted = preset.rules().key(key)
///     .shared_secret(Key::hs256(secret)?)
///     .shared_secrets_until(1_790_000_000);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://abcdefghijklmnopqrst.supabase.co/auth/v1")
/// #     .claim("aud", "authenticated")
/// #     .claim("role", "authenticated");
/// assert!(verifier.verify(token.clone().build())?.has_role("authenticated"));
///
/// let api_key = token.claim("iss", "supabase").claim("role", "anon").without_claim("sub");
/// let rejection = verifier.verify(api_key.build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// # Ok(()) }
/// ```
pub fn supabase(project: &str) -> Preset {
    let issuer = match project {
        "" => String::new(), // `build` refuses the empty issuer
        url if url.contains("://") => {
            let url = url.trim_end_matches('/');
            format!("{}/auth/v1", url.strip_suffix("/auth/v1").unwrap_or(url))
        }
        reference => format!("https://{reference}.supabase.co/auth/v1"),
    };
    let rules = TrustedIssuer::new(issuer.clone())
        .audience("authenticated")
        .require_subject()
        .role_claim(["role"]);
    let jwks = format!("{issuer}/.well-known/jwks.json");
    Preset::new(rules, Oidc::discover(issuer).jwks_url(jwks))
}
