//! Microsoft Entra ID (Azure AD).

use tollgate_core::TrustedIssuer;

use super::{Preset, id_token};
use crate::oidc::Oidc;

const LOGIN: &str = "https://login.microsoftonline.com";
const TEMPLATE: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

/// Creates the preset for access tokens of version 2.0 of one Microsoft Entra ID tenant. The tenant
/// is its ID, a GUID in lower case, and not a name or `common`. The audience is the application
/// (client) ID of your API.
///
/// The registration of the API decides the version: with `requestedAccessTokenVersion` 2 use this
/// preset, otherwise [`entra_v1`].
///
/// Checks that `iss` and `tid` are the tenant, that `aud` is the API, and that `ver` is `2.0`. Also
/// checks that `azp`, the client ID, is present, because ID tokens do not have it. Restrict the
/// clients with [`authorized_party`](TrustedIssuer::authorized_party).
///
/// Scopes come from `scp`, which only tokens of users have. Roles are the app roles in `roles`,
/// which users and applications have. Require one of the two: any application of the tenant can
/// request a token without either.
///
/// Not supported: tokens for Microsoft's own APIs (Graph), which are not meant to be read, and
/// tokens of the national clouds and of External ID, which have other issuers: configure the same
/// rules for these.
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
/// let tenant = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
/// let api = "11112222-bbbb-3333-cccc-4444dddd5555";
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = presets::entra(tenant, api).rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0")
/// #     .claim("aud", api)
/// #     .claim("tid", tenant)
/// #     .claim("ver", "2.0")
/// #     .claim("azp", "00001111-aaaa-2222-bbbb-3333cccc4444")
/// #     .claim("scp", "Orders.Read");
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

/// Like [`entra`], for several tenants by ID, whose keys are published together.
///
/// Also checks that `iss` is the tenant in `tid`. A key that Entra has assigned to one tenant (the
/// member `issuer` of its JWK) verifies no token of another: see
/// [`tenants`](TrustedIssuer::tenants).
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
/// let customers = [
///     "6babcaad-604b-40ac-a9d7-9fd97c0b779f",
///     "bbbb1111-cccc-2222-dddd-3333eeee4444",
/// ];
/// let rules = presets::entra_tenants(customers, "api").rules();
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = rules.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |tenant: &str| {
/// #     let token = mint.token()
/// #         .claim("iss", format!("https://login.microsoftonline.com/{tenant}/v2.0"));
///     let token = token.claim("tid", tenant).claim("aud", "api");
///     token.claim("ver", "2.0").claim("azp", "client").build()
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

/// Like [`entra_tenants`], for **every** tenant, including personal accounts: anyone can open one.
/// It only proves an identity within a tenant; decide by the claim `tid` which tenants are your
/// customers.
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
/// let trusted = presets::dangerous_entra_any_tenant("api").rules()
///     .key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// let iss = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
/// # let token = mint.token().claim("iss", iss).claim("aud", "api");
/// # let token = token.claim("ver", "2.0").claim("azp", "client");
/// # let of = |tenant: &str| token.clone().claim("tid", tenant).build();
/// assert!(verifier.verify(of("9188040d-6c67-4c5b-b112-36a304b66dad")).is_ok());
/// assert!(verifier.verify(of("6babcaad-604b-40ac-a9d7-9fd97c0b779f")).is_err());
/// # Ok(()) }
/// ```
pub fn dangerous_entra_any_tenant(audience: impl Into<String>) -> Preset {
    Preset::new(
        version_2(TEMPLATE, audience).dangerous_any_tenant(),
        common(),
    )
}

/// Creates the preset for access tokens of version 1.0 of one Microsoft Entra ID tenant, by ID: the
/// default version for the registration of an API. The audience is the App ID URI or the client ID
/// of your API, as the client requested; if both occur, add both with
/// [`audience`](TrustedIssuer::audience).
///
/// Like [`entra`], but `iss` is `https://sts.windows.net/TENANT/`, `ver` is `1.0`, and the client
/// ID is in `appid`: restrict it with [`require_value`](TrustedIssuer::require_value).
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
/// let preset = presets::entra_v1("6babcaad-604b-40ac-a9d7-9fd97c0b779f", "api://orders");
/// let trusted = preset.rules().require_value("appid", ["shop"]);
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = trusted.key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://sts.windows.net/6babcaad-604b-40ac-a9d7-9fd97c0b779f/")
/// #     .claim("aud", "api://orders")
/// #     .claim("tid", "6babcaad-604b-40ac-a9d7-9fd97c0b779f")
/// #     .claim("ver", "1.0");
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

/// Creates the preset for ID tokens of version 2.0 of one Microsoft Entra ID tenant, by ID, for the
/// client `client_id`: like [`id_token`], with the checks of `tid` and `ver` of [`entra`]. A user
/// is identified by `tid` and `oid`. `sub` differs for each client, and `email` and
/// `preferred_username` must not be used for decisions.
///
/// If a client and its API share one registration, the API's access tokens differ little from ID
/// tokens. Those with an `azp` of another client are refused, and the client's own have no `nonce`,
/// which [`has_nonce`](super::has_nonce) checks.
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
/// let tenant = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = presets::entra_id(tenant, "web").rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = mint
/// #     .token()
/// #     .claim("iss", "https://login.microsoftonline.com/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0")
/// #     .claim("aud", "web")
/// #     .claim("tid", tenant)
/// #     .claim("ver", "2.0");
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

/// The metadata of all tenants together; its `issuer` is the template.
fn common() -> Oidc {
    Oidc::discover(TEMPLATE).metadata_url(format!(
        "{LOGIN}/common/v2.0/.well-known/openid-configuration"
    ))
}
