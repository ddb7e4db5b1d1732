//! GitHub Actions.

use tollgate_core::TrustedIssuer;

use super::Preset;
use crate::oidc::Oidc;

const ACTIONS: &str = "https://token.actions.githubusercontent.com";

/// The claims that name the owner of a workflow, by themselves. Anyone can choose the values of
/// `environment`, `ref` and `workflow`, can call a public reusable workflow (`job_workflow_ref`),
/// and can make a `sub` of these alone.
const OWNERS: [&str; 7] = [
    "repository_owner_id",
    "repository_owner",
    "repository_id",
    "repository",
    "enterprise_id",
    "enterprise",
    "workflow_ref",
];

/// Creates the preset for the OIDC tokens of GitHub Actions. The audience is a name of your service
/// that the workflow requests; the default audience, the owner's URL, is the same for all services.
///
/// **GitHub signs tokens for every workflow.** `build` refuses the rules until
/// [`require_value`](TrustedIssuer::require_value) is set for one of `repository_owner_id`,
/// `repository_owner`, `repository_id`, `repository`, `enterprise_id`, `enterprise` and
/// `workflow_ref`. Prefer the IDs: an owner's or a repository's name that is given up can be
/// registered by another owner. `gh api users/OWNER --jq .id` shows the ID of an owner. Add further
/// conditions, such as `environment` or `ref`: without them, every workflow, branch and pull
/// request of the owner passes.
///
/// `sub` is none of them: a repository can customise it, for example to `environment:prod`, without
/// an owner in it.
///
/// Also checks that `sub`, `iat`, `jti`, `repository` and `repository_owner` are present.
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
/// let preset = presets::github_actions("https://deploy.example.com");
/// # let key = keys::verifying(Algorithm::RS256);
/// let rules = preset.rules().key(key);
/// let error = Verifier::new(rules.clone()).unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::MissingConstraint);
///
/// let trusted = rules
///     .require_value("repository_owner_id", ["65"])
///     .require_value("environment", ["prod"]);
/// let verifier = Verifier::builder().trust(trusted)
/// #     .clock(clock)
///     .build()?;
/// # let token = |owner| mint
/// #     .token()
/// #     .claim("iss", "https://token.actions.githubusercontent.com")
/// #     .claim("aud", "https://deploy.example.com")
/// #     .claim("sub", "repo:octo-org/octo-repo:environment:prod")
/// #     .claim("environment", "prod")
/// #     .claim("repository", "octo-org/octo-repo")
/// #     .claim("repository_owner", "octo-org")
/// #     .claim("repository_owner_id", owner)
/// #     .claim("jti", "example-id")
/// #     .build();
/// assert!(verifier.verify(token("65")).is_ok());
/// let rejection = verifier.verify(token("66")).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
/// # Ok(()) }
/// ```
pub fn github_actions(audience: impl Into<String>) -> Preset {
    github_enterprise_actions(ACTIONS, audience)
}

/// Like [`github_actions`], for an issuer of your own: `https://HOST/_services/token` of GitHub
/// Enterprise Server, or `https://token.actions.githubusercontent.com/ENTERPRISE` of an enterprise
/// with a customised issuer. The constraint is required, too.
///
/// ```
/// use tollgate::Verifier;
/// use tollgate::oidc::presets;
/// # use tollgate_testkit::keys;
/// # use tollgate::Algorithm;
///
/// let issuer = "https://github.example.com/_services/token";
/// let rules = presets::github_enterprise_actions(issuer, "deploy").rules()
///     .require_value("repository_owner_id", ["65"]);
/// # let rules = rules.key(keys::verifying(Algorithm::RS256));
/// assert!(Verifier::new(rules).is_ok());
/// ```
pub fn github_enterprise_actions(issuer: impl Into<String>, audience: impl Into<String>) -> Preset {
    let issuer = issuer.into();
    let claims = ["iat", "jti", "repository", "repository_owner"];
    let rules = TrustedIssuer::new(issuer.clone())
        .audience(audience)
        .require_subject()
        .require_constraint(OWNERS);
    let rules = claims.into_iter().fold(rules, TrustedIssuer::require_claim);
    Preset::new(rules, Oidc::discover(issuer))
}
