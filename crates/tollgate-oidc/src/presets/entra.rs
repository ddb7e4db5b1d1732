//! Microsoft Entra ID (Azure AD).

use tollgate_core::TrustedIssuer;

use super::{Preset, id_token};
use crate::oidc::Oidc;

const LOGIN: &str = "https://login.microsoftonline.com";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// Access tokens of version 2.0 of one tenant of Microsoft Entra ID. The tenant is its id, a GUID in lower case, and not a name
/// or `common`; the audience is the application (client) id of your API.
///
/// Which version an API gets is up to its registration: `requestedAccessTokenVersion` is 2 for this preset, and else the tokens
/// are those of [`entra_v1`].
///
/// Checked: `iss` and `tid` are of the tenant, `aud` is the API, `ver` is `2.0`, and `azp`, the client's id, is there, which ID
/// tokens do not have. Whose client it may be, say by [`authorized_party`](TrustedIssuer::authorized_party). Scopes are those
/// of `scp`, which only tokens of users have; roles are the app roles of `roles`, which users and applications have. Require
/// one of the two: any application of the tenant may ask for a token without either.
///
/// Not possible: tokens for Microsoft's own APIs (Graph), which are not meant to be read; tokens of the national clouds and of
/// External ID, whose issuers have other names: say the same rules of those.
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let (tenant, api) = ("6babcaad-604b-40ac-a9d7-9fd97c0b779f", "11112222-bbbb-3333-cccc-4444dddd5555");
/// let trusted = presets::entra(tenant, api).rules().key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0")
///     .claim("aud", api)
///     .claim("tid", tenant)
///     .claim("ver", "2.0")
///     .claim("azp", "00001111-aaaa-2222-bbbb-3333cccc4444")
///     .claim("scp", "Orders.Read");
/// assert!(verifier.verify(token.clone().build())?.has_scope("Orders.Read"));
///
/// let id_token = token.without_claim("azp").without_claim("scp");
/// let rejection = verifier.verify(id_token.build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::MissingClaim);
/// # Ok(()) }
/// ```
pub fn entra(tenant: impl AsRef<str>, audience: impl Into<String>) -> Preset {
    let issuer = format!("{LOGIN}/{}/v2.0", tenant.as_ref());
    let rules = version_2(&issuer, audience).require_value("tid", [tenant.as_ref()]);
    Preset::new(rules, Oidc::discover(issuer))
}

/// As [`entra`], of several tenants, each by its id, whose keys are published together.
///
/// Besides, `iss` must be of the tenant that `tid` names. A key that Entra has marked as one tenant's own (the member `issuer` of
/// its JWK) verifies nothing of another tenant: see [`tenants`](TrustedIssuer::tenants).
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let customers = ["6babcaad-604b-40ac-a9d7-9fd97c0b779f", "bbbb1111-cccc-2222-dddd-3333eeee4444"];
/// let trusted = presets::entra_tenants(customers, "api").rules().key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let token = |tenant: &str| {
///     let token = mint.token().claim("iss", format!("https://login.microsoftonline.com/{tenant}/v2.0"));
///     token.claim("tid", tenant).claim("aud", "api").claim("ver", "2.0").claim("azp", "client").build()
/// };
/// assert!(verifier.verify(token(customers[1])).is_ok());
/// let rejection = verifier.verify(token("99999999-cccc-2222-dddd-3333eeee4444")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// # Ok(()) }
/// ```
pub fn entra_tenants(
    tenants: impl IntoIterator<Item = impl Into<String>>,
    audience: impl Into<String>,
) -> Preset {
    Preset::new(version_2(TEMPLATE, audience).tenants(tenants), common())
}

/// As [`entra_tenants`], of **every** tenant there is, that of personal accounts included: anybody can open one. It proves who
/// somebody is in a tenant of their own; which tenants are customers of yours, decide by the claim `tid`.
///
/// ```
/// use tollgate_core::{Algorithm, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let trusted = presets::dangerous_entra_any_tenant("api").rules().key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let iss = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
/// let token = mint.token().claim("iss", iss).claim("aud", "api").claim("ver", "2.0").claim("azp", "client");
/// assert!(verifier.verify(token.clone().claim("tid", "9188040d-6c67-4c5b-b112-36a304b66dad").build()).is_ok());
/// assert!(verifier.verify(token.claim("tid", "6babcaad-604b-40ac-a9d7-9fd97c0b779f").build()).is_err());
/// # Ok(()) }
/// ```
pub fn dangerous_entra_any_tenant(audience: impl Into<String>) -> Preset {
    Preset::new(version_2(TEMPLATE, audience).dangerous_any_tenant(), common())
}

/// Access tokens of version 1.0 of one tenant of Microsoft Entra ID, by its id: what an API gets whose registration does not say
/// otherwise. The audience is the App ID URI or the client id of your API, whichever the client has asked for; name both by
/// [`audience`](TrustedIssuer::audience) if both occur.
///
/// As [`entra`], but `iss` is `https://sts.windows.net/TENANT/`, `ver` is `1.0`, and the client's id is in `appid`: whose it may
/// be, say by [`require_value`](TrustedIssuer::require_value).
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let preset = presets::entra_v1("6babcaad-604b-40ac-a9d7-9fd97c0b779f", "api://orders");
/// let trusted = preset.rules().require_value("appid", ["shop"]).key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "https://sts.windows.net/6babcaad-604b-40ac-a9d7-9fd97c0b779f/")
///     .claim("aud", "api://orders")
///     .claim("tid", "6babcaad-604b-40ac-a9d7-9fd97c0b779f")
///     .claim("ver", "1.0");
/// assert!(verifier.verify(token.clone().claim("appid", "shop").build()).is_ok());
/// let rejection = verifier.verify(token.claim("appid", "another").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn entra_v1(tenant: impl AsRef<str>, audience: impl Into<String>) -> Preset {
    let tenant = tenant.as_ref();
    let issuer = format!("https://sts.windows.net/{tenant}/");
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .require_value("tid", [tenant])
        .require_value("ver", ["1.0"])
        .require_claim("appid")
        .role_claim("roles");
    let metadata = format!("{LOGIN}/{tenant}/.well-known/openid-configuration");
    Preset::new(rules, Oidc::discover(issuer).metadata_url(metadata))
}

/// ID tokens of version 2.0 of one tenant of Microsoft Entra ID, by its id, for the client `client_id`: as [`id_token`], and `tid`
/// and `ver` are checked as by [`entra`]. A user is known by `tid` and `oid`; `sub` is another one for each client, and
/// `email` and `preferred_username` are not to be decided by.
///
/// Where a client and its API are one registration, the API's access tokens differ from ID tokens by little: those with an `azp` of
/// another client are refused, and the client's own have no `nonce`, which [`has_nonce`](super::has_nonce) sees.
///
/// ```
/// use tollgate_core::{Algorithm, RejectionKind, Verifier};
/// use tollgate_oidc::presets;
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let mint = Mint::new(keys::signing(Algorithm::RS256), &clock);
/// let tenant = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
/// let trusted = presets::entra_id(tenant, "web").rules().key(keys::verifying(Algorithm::RS256));
/// let verifier = Verifier::builder().trust(trusted).clock(clock).build()?;
///
/// let token = mint
///     .token()
///     .claim("iss", "https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0")
///     .claim("aud", "web")
///     .claim("tid", tenant)
///     .claim("ver", "2.0");
/// assert!(verifier.verify(token.clone().build()).is_ok());
/// let rejection = verifier.verify(token.claim("aud", "another").build()).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
pub fn entra_id(tenant: impl AsRef<str>, client_id: impl Into<String>) -> Preset {
    let tenant = tenant.as_ref();
    id_token(format!("{LOGIN}/{tenant}/v2.0"), client_id).with(|rules| {
        rules
            .require_value("tid", [tenant])
            .require_value("ver", ["2.0"])
            .role_claim("roles")
    })
}

fn version_2(issuer: &str, audience: impl Into<String>) -> TrustedIssuer {
    TrustedIssuer::new(issuer)
        .audience(audience)
        .require_value("ver", ["2.0"])
        .require_claim("azp")
        .role_claim("roles")
}

/// What is published for all tenants together; `issuer` in it is the template.
fn common() -> Oidc {
    Oidc::discover(TEMPLATE).metadata_url(format!("{LOGIN}/common/v2.0/.well-known/openid-configuration"))
}
