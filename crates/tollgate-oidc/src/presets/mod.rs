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
//! | [`dangerous_google_any_account`] | the same, without a constraint | the same |
//! | [`google_iap`] | signed headers of Identity-Aware Proxy | `https://cloud.google.com/iap` |
//! | [`firebase`] | ID tokens | `https://securetoken.google.com/PROJECT` |
//! | [`firebase_session_cookie`] | session cookies | `https://session.firebase.google.com/PROJECT` |
//! | [`cognito_access`] | access tokens | `https://cognito-idp.REGION.amazonaws.com/POOL` |
//! | [`cognito_id`] | ID tokens | the same |
//! | [`keycloak`] | access tokens | `BASE/realms/REALM` |
//! | [`keycloak_id`] | ID tokens | the same |
//! | [`aws_alb`] | user claims that an AWS load balancer signs | the identity provider's |
//! | [`auth0`] | access tokens of an API | `https://DOMAIN/` |
//! | [`okta`] | access tokens of a custom authorization server | `https://DOMAIN/oauth2/SERVER` |
//! | [`supabase`] | access tokens of users | `https://PROJECT.supabase.co/auth/v1` |
//! | [`clerk`] | session tokens | your choice |
//! | [`zitadel`] | access tokens for a project | your choice |
//! | [`duende`] | access tokens for an API resource | your choice |
//! | [`cloudflare_access`] | application tokens | `https://TEAM.cloudflareaccess.com` |
//! | [`github_actions`] | OIDC tokens of workflows | `https://token.actions.githubusercontent.com` |
//! | [`github_enterprise_actions`] | the same, of an enterprise | your choice |
//! | [`kubernetes`] | tokens of service accounts | your choice |
//! | [`kubernetes_service_accounts`] | the same, of listed accounts | your choice |
//! | [`spiffe`] | JWT-SVIDs | the trust domain in `sub` |
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
//! | [`google`] | `aud` | - | - | `hd` or `sub`, your choice |
//! | [`dangerous_google_any_account`] | `aud` | - | - | - |
//! | [`google_iap`] | `aud`, the backend | - | - | `aud`, `email` |
//! | [`firebase`] | `aud`, the project | - | - | `auth_time` |
//! | [`firebase_session_cookie`] | `aud`, the project | - | - | `auth_time` |
//! | [`cognito_access`] | `client_id` | `scope` | `cognito:groups` | `token_use` |
//! | [`cognito_id`] | `aud` | - | `cognito:groups` | `token_use` |
//! | [`keycloak`] | `aud`, by a mapper | `scope` | `realm_access.roles` | the claim `typ` |
//! | [`keycloak_id`] | `aud` | - | - | the claim `typ` |
//! | [`aws_alb`] | `client` of the header | - | - | `signer` of the header |
//! | [`auth0`] | `aud`, the API's identifier | `scope`, `permissions` | - | `aud` |
//! | [`okta`] | `aud` | `scp` | - | `cid` |
//! | [`supabase`] | `aud`, always `authenticated` | - | `role` | `sub`, `aud` |
//! | [`clerk`] | `azp`, an origin; `aud` if present | - | - | `sid`, `sts` |
//! | [`zitadel`] | `aud`, the project | `scope` | the project's, of one organisation | `jti` |
//! | [`duende`] | `aud`, an API resource | `scope` | - | `typ` |
//! | [`cloudflare_access`] | `aud`, the AUD tag | - | - | `type` |
//! | [`github_actions`] | `aud` | - | - | an owner, your choice |
//! | [`github_enterprise_actions`] | `aud` | - | - | an owner, your choice |
//! | [`kubernetes`] | `aud` | - | - | `kubernetes.io` |
//! | [`kubernetes_service_accounts`] | `aud` | - | - | `sub` |
//! | [`spiffe`] | `aud` | - | - | `sub` |
//!
//! An access token authorises requests to a service. An ID token informs a client about one login
//! and is no credential for requests. No preset therefore accepts both. Times, signature and the
//! kind of key are always checked.
//!
//! GitHub, Google and Firebase sign tokens for the public. `build` refuses their presets without a
//! constraint: an owner, a subject, a project or a domain.

mod alb;
mod auth0;
mod clerk;
mod cloudflare;
mod cognito;
mod duende;
mod entra;
mod firebase;
mod github;
mod google;
mod id_token;
mod keycloak;
mod kubernetes;
mod okta;
mod spiffe;
mod supabase;
mod zitadel;

use tollgate_core::{KeySource, TrustedIssuer};

pub use self::alb::aws_alb;
pub use self::auth0::auth0;
pub use self::clerk::clerk;
pub use self::cloudflare::{CLOUDFLARE_ACCESS_HEADER, cloudflare_access};
pub use self::cognito::{cognito_access, cognito_id};
pub use self::duende::duende;
pub use self::entra::{dangerous_entra_any_tenant, entra, entra_id, entra_tenants, entra_v1};
pub use self::firebase::{firebase, firebase_session_cookie};
pub use self::github::{github_actions, github_enterprise_actions};
pub use self::google::{GOOGLE_IAP_HEADER, dangerous_google_any_account, google, google_iap};
pub use self::id_token::{has_nonce, id_token};
pub use self::keycloak::{keycloak, keycloak_id};
pub use self::kubernetes::{kubernetes, kubernetes_service_accounts};
pub use self::okta::okta;
pub use self::spiffe::spiffe;
pub use self::supabase::supabase;
pub use self::zitadel::zitadel;

use crate::oidc::Oidc;

/// Returns the issuer with this name in it; an empty name makes an empty issuer, which `build`
/// refuses.
fn or_empty(name: &str, issuer: impl FnOnce(&str) -> String) -> String {
    if name.is_empty() {
        return String::new();
    }
    issuer(name)
}

/// One kind of token of one provider: its rules and the location of its keys.
///
/// ```
/// use tollgate::Verifier;
/// use tollgate::oidc::presets;
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::ES256), &clock);
/// # let key = keys::verifying(Algorithm::ES256);
/// let preset = presets::id_token("https://id.example.com", "web");
/// // A test has the key. A service uses `preset.trust(keys)` with the keys of
/// // `preset.discover()`.
/// let trusted = preset.rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
/// # let token = |audience| mint.token().claim("aud", audience).build();
/// assert!(verifier.verify(token("web")).is_ok());
/// assert!(verifier.verify(token("another")).is_err());
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
    /// let oidc = presets::okta("example.okta.com", "default", "api://default").discover();
    /// assert!(format!("{oidc:?}").contains("https://example.okta.com/oauth2/default"));
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
    /// let preset = presets::okta("example.okta.com", "default", "api://default");
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
    /// let preset = presets::okta("example.okta.com", "default", "api://default");
    /// let error = Verifier::builder().trust(preset.rules()).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
    /// ```
    pub fn rules(self) -> TrustedIssuer {
        self.rules
    }
}
