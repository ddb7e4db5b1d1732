//! Presets for well-known providers, as values of the ordinary rules.
//!
//! A [`Preset`] contains the rules for one kind of token of one provider, and the location of its
//! keys. It uses only the rules of a [`TrustedIssuer`], and further rules can be added.
//!
//! ```no_run
//! use tollgate::Verifier;
//! use tollgate::oidc::presets;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let preset = presets::auth0("example.eu.auth0.com", "https://orders.example.com");
//! let keys = preset.discover().connect().await?;
//! let verifier = Verifier::builder()
//!     .trust(preset.trust(keys).require_subject())
//!     .build()?;
//! # Ok(()) }
//! ```
//!
//! The presets and their issuers:
//!
//! | preset | tokens | `iss` |
//! |---|---|---|
//! | [`id_token`] | ID tokens of any provider | your choice |
//! | [`entra`] | v2.0 access tokens, one tenant | `https://login.microsoftonline.com/TENANT/v2.0` |
//! | [`entra_tenants`] | the same, several tenants | the same, with `tid` as the tenant |
//! | [`dangerous_entra_any_tenant`] | the same, all tenants | the same, with `tid` as the tenant |
//! | [`entra_v1`] | v1.0 access tokens, one tenant | `https://sts.windows.net/TENANT/` |
//! | [`entra_id`] | v2.0 ID tokens, one tenant | as [`entra`] |
//! | [`google`] | ID tokens | `https://accounts.google.com` or `accounts.google.com` |
//! | [`cognito_access`] | access tokens | `https://cognito-idp.REGION.amazonaws.com/POOL` |
//! | [`cognito_id`] | ID tokens | the same |
//! | [`keycloak`] | access tokens | `BASE/realms/REALM` |
//! | [`keycloak_id`] | ID tokens | the same |
//! | [`aws_alb`] | user claims that an AWS load balancer signs | the identity provider's |
//! | [`auth0`] | access tokens of an API | `https://DOMAIN/` |
//! | [`okta`] | access tokens of a custom authorization server | `https://DOMAIN/oauth2/SERVER` |
//! | [`supabase`] | access tokens of users | `https://PROJECT.supabase.co/auth/v1` |
//!
//! The claims that each preset reads. The last column has the claims that distinguish the tokens
//! from other kinds:
//!
//! | preset | audience | scopes | roles | distinguished by |
//! |---|---|---|---|---|
//! | [`id_token`] | `aud`, and `azp` if present | - | - | `aud` is a client, `typ` |
//! | [`entra`] | `aud`, a client ID | `scp` | `roles` | `ver`, `azp` |
//! | [`entra_tenants`] | `aud` | `scp` | `roles` | `ver`, `azp` |
//! | [`dangerous_entra_any_tenant`] | `aud` | `scp` | `roles` | `ver`, `azp` |
//! | [`entra_v1`] | `aud`, often an App ID URI | `scp` | `roles` | `ver`, `appid` |
//! | [`entra_id`] | `aud` | - | `roles` | `ver`, `aud` |
//! | [`google`] | `aud` | - | - | - |
//! | [`cognito_access`] | `client_id` | `scope` | `cognito:groups` | `token_use` |
//! | [`cognito_id`] | `aud` | - | `cognito:groups` | `token_use` |
//! | [`keycloak`] | `aud`, by a mapper | `scope` | `realm_access.roles` | the claim `typ` |
//! | [`keycloak_id`] | `aud` | - | - | the claim `typ` |
//! | [`aws_alb`] | `client` of the header | - | - | `signer` of the header |
//! | [`auth0`] | `aud`, the API's identifier | `scope`, `permissions` | - | `aud` |
//! | [`okta`] | `aud` | `scp` | - | `cid` |
//! | [`supabase`] | `aud`, always `authenticated` | - | `role` | `sub`, `aud` |
//!
//! An access token authorises requests to a service. An ID token informs a client about one login
//! and is no credential for requests. No preset therefore accepts both. Times, signature and the
//! kind of key are always checked.

mod alb;
mod auth0;
mod cognito;
mod entra;
mod google;
mod id_token;
mod keycloak;
mod okta;
mod supabase;

use tollgate_core::{KeySource, TrustedIssuer};

pub use self::alb::aws_alb;
pub use self::auth0::auth0;
pub use self::cognito::{cognito_access, cognito_id};
pub use self::entra::{dangerous_entra_any_tenant, entra, entra_id, entra_tenants, entra_v1};
pub use self::google::google;
pub use self::id_token::{has_nonce, id_token};
pub use self::keycloak::{keycloak, keycloak_id};
pub use self::okta::okta;
pub use self::supabase::supabase;

use crate::oidc::Oidc;

/// One kind of token of one provider: its rules and the location of its keys.
///
/// ```
/// use tollgate::{Algorithm, Verifier};
/// use tollgate::oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::ES256), &clock);
/// let preset = presets::id_token("https://id.example.com", "web");
/// // A test has the key. A service uses `preset.trust(keys)` with the keys of
/// // `preset.discover()`.
/// let trusted = preset.rules().key(keys::verifying(Algorithm::ES256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
/// assert!(verifier.verify(mint.token().claim("aud", "web").build()).is_ok());
/// assert!(verifier.verify(mint.token().claim("aud", "another").build()).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a preset does nothing until it is trusted"]
pub struct Preset {
    rules: TrustedIssuer,
    location: Oidc,
}

impl Preset {
    fn new(rules: TrustedIssuer, location: Oidc) -> Self {
        Self { rules, location }
    }

    /// Returns the preset with further rules.
    fn with(self, say: impl FnOnce(TrustedIssuer) -> TrustedIssuer) -> Self {
        Self {
            rules: say(self.rules),
            ..self
        }
    }

    /// Returns the location of the provider's keys.
    ///
    /// ```
    /// use tollgate::oidc::presets;
    ///
    /// let oidc = presets::google("web").discover();
    /// assert!(format!("{oidc:?}").contains("https://accounts.google.com"));
    /// ```
    pub fn discover(&self) -> Oidc {
        self.location.clone()
    }

    /// Returns the issuer with these keys. Further rules can be added.
    ///
    /// ```no_run
    /// use tollgate::Verifier;
    /// use tollgate::oidc::presets;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let preset = presets::google("web");
    /// let keys = preset.discover().lazy()?;
    /// let verifier = Verifier::builder().trust(preset.trust(keys)).build();
    /// assert!(verifier.is_ok());
    /// # Ok(()) }
    /// ```
    pub fn trust(self, keys: impl KeySource + 'static) -> TrustedIssuer {
        self.rules.key_source(keys)
    }

    /// Returns the issuer without keys: for fixed keys, and for the rule of
    /// [`Tenants`](crate::Tenants).
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::Verifier;
    /// use tollgate::oidc::presets;
    ///
    /// let error = Verifier::builder().trust(presets::google("web").rules()).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
    /// ```
    pub fn rules(self) -> TrustedIssuer {
        self.rules
    }
}
