//! The Application Load Balancer of AWS.

use tollgate_core::{Algorithm, TrustedIssuer};

use super::Preset;
use crate::error::{OidcError, OidcErrorKind};
use crate::oidc::Oidc;
use crate::settings::{Location, Settings};

/// Creates the preset for the tokens in `x-amzn-oidc-data`: the claims of a user whom an AWS
/// Application Load Balancer has logged in at the identity provider `issuer`, for these clients.
///
/// The keys sign for every load balancer of a region, of any AWS customer. So the ARN of the load
/// balancer is required, and must be the header's `signer`. The header's `iss` must be the issuer
/// and its `client` one of the client IDs, which the load balancer uses at the identity provider;
/// the tokens have no `aud`. `sub`, `exp` and `iss` are required, the algorithm is ES256. The
/// segments are padded, so the rules contain
/// [`dangerous_padded_segments`](TrustedIssuer::dangerous_padded_segments).
///
/// [`discover`](Preset::discover) fetches each key by its `kid`, which must be a UUID, from the
/// endpoint of the ARN's region. The keys come with the tokens: `connect` fetches nothing, and the
/// source is ready without a key. A key is refreshed while tokens use it, and is used for its life
/// and [`stale_if_error`](Oidc::stale_if_error) after the last fetch that found it. At most 8
/// `kid`s that were never looked for are fetched per [`cool_down`](Oidc::cool_down), and one that
/// was not found.
///
/// Read the field with [`Source::header_of_proxy`](tollgate_core::Source::header_of_proxy): the
/// load balancer fills it for every request with its cookie, also for those that another site
/// caused. Let only the load balancer reach the service.
///
/// # Errors
/// [`Misconfigured`](OidcErrorKind::Misconfigured) if the first argument is not the ARN of an
/// Application Load Balancer, with `loadbalancer/app/NAME/ID`, in the partition `aws`, `aws-cn` or
/// `aws-us-gov`.
///
/// ```
/// use tollgate::oidc::presets;
/// use tollgate::{Gate, Source, Verifier};
/// # use tollgate_testkit::FakeProvider;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let http_client = FakeProvider::new();
/// let preset = presets::aws_alb(
///     "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188",
///     "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123",
///     ["1example23456789"],
/// )?;
/// let keys = preset.discover().fetch(http_client).lazy()?;
/// let verifier = Verifier::builder().trust(preset.trust(keys)).build()?;
/// let gate = Gate::builder(verifier).source(Source::header_of_proxy("x-amzn-oidc-data")).build()?;
/// # Ok(()) }
/// ```
pub fn aws_alb(
    load_balancer_arn: &str,
    issuer: impl Into<String>,
    client_ids: impl IntoIterator<Item = impl Into<String>>,
) -> Result<Preset, OidcError> {
    let Some(keys) = keys_of(load_balancer_arn) else {
        return Err(OidcError::new(
            OidcErrorKind::Misconfigured,
            format!("{load_balancer_arn:?} is not the ARN of an Application Load Balancer"),
        ));
    };
    let issuer = issuer.into();
    let rules = TrustedIssuer::new(issuer.clone())
        .dangerous_any_audience()
        .dangerous_padded_segments()
        .algorithms([Algorithm::ES256])
        .require_header("signer", [load_balancer_arn])
        .require_header("iss", [issuer])
        .require_header("client", client_ids)
        .require_subject();
    Ok(Preset::new(
        rules,
        Oidc::from_settings(Settings::new(Location::ByKid(keys))),
    ))
}

/// Returns the URL of the keys that sign for this load balancer.
fn keys_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [
        "arn",
        partition,
        "elasticloadbalancing",
        region,
        account,
        resource,
    ] = parts[..]
    else {
        return None;
    };
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    // The region becomes part of a host name.
    let is_region = region.len() <= 32
        && region.split('-').count() >= 3
        && region.split('-').all(|part| {
            let mut bytes = part.bytes();
            !part.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let resource: Vec<&str> = resource.split('/').collect();
    let ["loadbalancer", "app", balancer, id] = resource[..] else {
        return None;
    };
    if !(is_region && is_account && name(balancer) && name(id)) {
        return None;
    }
    match (partition, region.split('-').collect::<Vec<_>>().as_slice()) {
        ("aws-us-gov", ["us", "gov", ..]) => Some(format!(
            "https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}"
        )),
        ("aws-cn", ["cn", ..]) => Some(format!(
            "https://public-keys.auth.elb.{region}.amazonaws.com.cn"
        )),
        ("aws", [first, second, ..]) if *first != "cn" && *second != "gov" => Some(format!(
            "https://public-keys.auth.elb.{region}.amazonaws.com"
        )),
        _ => None,
    }
}
