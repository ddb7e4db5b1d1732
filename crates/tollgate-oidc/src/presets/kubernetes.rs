//! Service accounts of Kubernetes.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

/// Creates the preset for tokens of service accounts of a Kubernetes cluster, from the
/// `TokenRequest` API or a projected volume. `issuer` is the cluster's `--service-account-issuer`:
/// often `https://kubernetes.default.svc.cluster.local`, and a public URL on EKS, GKE and AKS. The
/// audience is a name of your service, which the volume of the caller requests.
///
/// Checks that `aud` names the service, that `sub` and `iat` are present, and that the claim
/// `kubernetes.io` has a namespace and a service account with its UID. A token for the API server
/// itself fails by its audience, and a token of a secret (without `exp`) by its issuer.
///
/// **Each pod of the cluster can request a token for any audience.** Restrict the callers, by
/// [`kubernetes_service_accounts`] or by the namespace:
/// `.require_value(["kubernetes.io", "namespace"], ["shop"])`.
///
/// The discovered keys of a public issuer need no credentials. Within the cluster, the API server
/// requires a token and names a `jwks_uri` at its own address: fetch with
/// [`HttpClient::in_cluster`](crate::HttpClient::in_cluster) and
/// [`Oidc::jwks_url`]. A service outside can have the keys in a file, as a
/// [`KeySet`](tollgate_core::KeySet): `kubectl get --raw /openid/v1/jwks`.
///
/// A token stays valid until its `exp` if its pod is deleted: only the `TokenReview` API knows.
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
/// let issuer = "https://kubernetes.default.svc.cluster.local";
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = presets::kubernetes(issuer, "orders").rules()
///     .require_value(["kubernetes.io", "namespace"], ["shop"])
///     .key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |namespace| mint
/// #     .token()
/// #     .claim("iss", issuer)
/// #     .claim("aud", ["orders"])
/// #     .claim("sub", format!("system:serviceaccount:{namespace}:checkout"))
/// #     .claim("kubernetes.io", serde_json::json!({
/// #         "namespace": namespace,
/// #         "serviceaccount": {"name": "checkout", "uid": "c46c0e8b-9a3f-4f1b-8a55-9d0e3c1f7a21"},
/// #     }))
/// #     .build();
/// assert!(verifier.verify(token("shop")).is_ok());
/// let rejection = verifier.verify(token("other")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn kubernetes(issuer: impl Into<String>, audience: impl Into<String>) -> Preset {
    let issuer = issuer.into();
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .require_subject()
        .require_claim("iat")
        .require_claim(["kubernetes.io", "namespace"])
        .require_claim(["kubernetes.io", "serviceaccount", "name"])
        .require_claim(["kubernetes.io", "serviceaccount", "uid"]);
    Preset::new(rules, Oidc::discover(issuer))
}

/// Like [`kubernetes`], for these service accounts: pairs of namespace and name. A service account
/// that is deleted and created again has the same name; its UID, in
/// `["kubernetes.io", "serviceaccount", "uid"]`, differs.
///
/// `build` refuses an empty list, and an empty namespace or name.
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
/// let issuer = "https://kubernetes.default.svc.cluster.local";
/// let preset = presets::kubernetes_service_accounts(issuer, "orders", [("shop", "checkout")]);
/// # let key = keys::verifying(Algorithm::RS256);
/// let trusted = preset.rules().key(key);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
///
/// # let token = |name| mint
/// #     .token()
/// #     .claim("iss", issuer)
/// #     .claim("aud", ["orders"])
/// #     .claim("sub", format!("system:serviceaccount:shop:{name}"))
/// #     .claim("kubernetes.io", serde_json::json!({
/// #         "namespace": "shop",
/// #         "serviceaccount": {"name": name, "uid": "c46c0e8b-9a3f-4f1b-8a55-9d0e3c1f7a21"},
/// #     }))
/// #     .build();
/// assert!(verifier.verify(token("checkout")).is_ok());
/// let rejection = verifier.verify(token("default")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn kubernetes_service_accounts(
    issuer: impl Into<String>,
    audience: impl Into<String>,
    accounts: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
) -> Preset {
    let subject =
        |(namespace, name): (_, _)| account(AsRef::as_ref(&namespace), AsRef::as_ref(&name));
    let subjects: Vec<String> = accounts.into_iter().map(subject).collect();
    kubernetes(issuer, audience).with(|rules| rules.require_value("sub", subjects))
}

/// Returns the subject of a service account; an invalid one is empty, which `build` refuses. A
/// colon in a name would make it another account.
fn account(namespace: &str, name: &str) -> String {
    if [namespace, name]
        .iter()
        .any(|part| part.is_empty() || part.contains(':'))
    {
        return String::new();
    }
    format!("system:serviceaccount:{namespace}:{name}")
}
