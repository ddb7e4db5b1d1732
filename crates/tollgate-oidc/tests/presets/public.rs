//! Providers that sign tokens for the public: `build` refuses them without a constraint.

use super::*;

const TAG: &str = "https://deploy.example.com";

fn workflow() -> Value {
    json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": TAG, "jti": "example-id",
        "sub": "repo:octo-org/octo-repo:environment:prod", "environment": "prod",
        "ref": "refs/heads/main", "sha": "example-sha", "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org", "actor_id": "12", "repository_visibility": "private",
        "repository_id": "74", "repository_owner_id": "65", "run_id": "example-run-id",
        "run_number": "10", "run_attempt": "2", "runner_environment": "github-hosted",
        "actor": "octocat", "workflow": "example-workflow", "head_ref": "", "base_ref": "",
        "event_name": "workflow_dispatch", "ref_type": "branch",
        "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
        "nbf": NOW, "exp": NOW + 900, "iat": NOW,
    })
}

/// The same repository name, registered by another owner after its owner had given it up.
fn usurper() -> Value {
    json!({ "repository_owner_id": "66", "repository_id": "75" })
}

#[test]
fn github_actions_tokens() {
    let rules = || presets::github_actions(TAG).rules();
    let verifier = trusting(
        rules()
            .require_value("repository_owner_id", ["65"])
            .require_value("environment", ["prod"]),
    );
    refuses(
        &verifier,
        &workflow(),
        [
            (usurper(), Kind::WrongClaim),
            (json!({ "repository_owner_id": null }), Kind::MissingClaim),
            (json!({ "repository_owner_id": 65 }), Kind::MalformedClaims),
            (json!({ "environment": "staging" }), Kind::WrongClaim),
            (json!({ "environment": null }), Kind::MissingClaim),
            (
                json!({ "aud": "https://github.com/octo-org" }),
                Kind::WrongAudience,
            ),
            (
                json!({ "iss": "https://token.actions.githubusercontent.com/octo-ent" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://token.actions.githubusercontent.com.evil.example" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "repository": null }), Kind::MissingClaim),
            (json!({ "sub": "" }), Kind::MissingClaim),
            (json!({ "jti": null }), Kind::MissingClaim),
        ],
    );
    let access = token(&workflow()).typ("dpop+jwt");
    assert_eq!(kind_of(&verifier, &access), Some(Kind::WrongType));

    let by_subject = rules()
        .require_value("repository", ["octo-org/octo-repo"])
        .require_value("sub", ["repo:octo-org/octo-repo:environment:prod"]);
    refuses(
        &trusting(by_subject),
        &workflow(),
        [
            (
                json!({ "sub": "repo:evil/octo-repo:environment:prod" }),
                Kind::WrongClaim,
            ),
            (
                json!({ "sub": "repo:octo-org/octo-repo:pull_request" }),
                Kind::WrongClaim,
            ),
        ],
    );
}

#[test]
fn github_actions_needs_an_owner() {
    let rules = || presets::github_actions(TAG).rules();
    let missing = Some(ConfigErrorKind::MissingConstraint);
    assert_eq!(mistake(rules()), missing);
    // Anyone can choose these values.
    for name in [
        "environment",
        "ref",
        "workflow",
        "job_workflow_ref",
        "event_name",
        "repository_visibility",
        "actor",
        "repository_owner.id",
        // A repository can customise it to `environment:prod`, without its own name.
        "sub",
    ] {
        assert_eq!(
            mistake(rules().require_value(name, ["x"])),
            missing,
            "{name}"
        );
    }
    assert_eq!(mistake(rules().require_claim("repository_owner")), missing);
    let optional = rules().require_value_if_present("repository_owner", ["octo-org"]);
    assert_eq!(mistake(optional), missing);
    for name in [
        "repository_owner_id",
        "repository_owner",
        "repository_id",
        "repository",
        "enterprise_id",
        "enterprise",
        "workflow_ref",
    ] {
        assert_eq!(mistake(rules().require_value(name, ["x"])), None, "{name}");
        assert_eq!(
            mistake(rules().require_value([name], ["x"])),
            None,
            "{name}"
        );
        let empty = Some(ConfigErrorKind::InvalidText);
        assert_eq!(mistake(rules().require_value(name, [""])), empty, "{name}");
        let none = Some(ConfigErrorKind::Contradiction);
        assert_eq!(
            mistake(rules().require_value(name, [""; 0])),
            none,
            "{name}"
        );
    }
    let server = "https://github.example.com/_services/token";
    assert_eq!(
        mistake(presets::github_enterprise_actions(server, TAG).rules()),
        missing
    );
    assert!(presets::github_actions("").rules().prepare().is_err());
}

#[test]
fn github_enterprise_tokens() {
    let server = "https://github.example.com/_services/token";
    let rules = presets::github_enterprise_actions(server, TAG).rules();
    let verifier = trusting(rules.require_value("repository_owner", ["octo-org"]));
    let honest = but(&workflow(), &json!({ "iss": server }));
    refuses(
        &verifier,
        &honest,
        [
            (json!({ "repository_owner": "evil" }), Kind::WrongClaim),
            (json!({ "iss": workflow()["iss"] }), Kind::UntrustedIssuer),
        ],
    );
}

#[test]
fn google_needs_a_domain_or_a_subject() {
    let rules = || presets::google("web").rules();
    let missing = Some(ConfigErrorKind::MissingConstraint);
    assert_eq!(mistake(rules()), missing);
    assert_eq!(mistake(rules().authorized_party("web")), missing);
    for name in ["email", "email_verified", "azp", "aud"] {
        assert_eq!(
            mistake(rules().require_value(name, ["x"])),
            missing,
            "{name}"
        );
    }
    for name in ["hd", "sub"] {
        assert_eq!(mistake(rules().require_value(name, ["x"])), None, "{name}");
        let empty = Some(ConfigErrorKind::InvalidText);
        assert_eq!(mistake(rules().require_value(name, [""])), empty, "{name}");
    }
    assert_eq!(
        mistake(presets::dangerous_google_any_account("web").rules()),
        None
    );
}

fn firebase_user() -> Value {
    json!({
        "name": "Ada", "iss": "https://securetoken.google.com/shop-1a2b3", "aud": "shop-1a2b3",
        "auth_time": NOW - 60, "user_id": "qPTTNGv1fDRzbpHsG2UIDd5ZUY33",
        "sub": "qPTTNGv1fDRzbpHsG2UIDd5ZUY33", "iat": NOW, "exp": NOW + 3600,
        "email": "ada@example.com", "email_verified": true, "admin": true,
        "firebase": { "identities": { "email": ["ada@example.com"] },
            "sign_in_provider": "password" },
    })
}

#[test]
fn firebase_id_tokens() {
    let verifier = of(presets::firebase("shop-1a2b3"));
    refuses(
        &verifier,
        &firebase_user(),
        [
            // Another project, signed by the same keys.
            (
                json!({ "iss": "https://securetoken.google.com/evil-9z8y7", "aud": "evil-9z8y7" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://securetoken.google.com/evil-9z8y7" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "aud": "evil-9z8y7" }), Kind::WrongAudience),
            (
                json!({ "aud": ["shop-1a2b3", "evil-9z8y7"] }),
                Kind::WrongAudience,
            ),
            (
                json!({ "iss": "https://session.firebase.google.com/shop-1a2b3" }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://securetoken.google.com/shop-1a2b3/" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "sub": "" }), Kind::MissingClaim),
            (json!({ "sub": null }), Kind::MissingClaim),
            (json!({ "auth_time": NOW + 11 }), Kind::NotYetValid),
            (json!({ "auth_time": null }), Kind::MissingClaim),
            (json!({ "auth_time": "now" }), Kind::MalformedClaims),
            (json!({ "auth_time": true }), Kind::MalformedClaims),
            (json!({ "iat": null }), Kind::MissingClaim),
            (json!({ "exp": NOW - 60 }), Kind::Expired),
        ],
    );
    let leeway = but(&firebase_user(), &json!({ "auth_time": NOW + 10 }));
    assert_eq!(kind(&verifier, &leeway), None);

    let tenant = presets::firebase("shop-1a2b3").rules();
    let tenant = trusting(tenant.require_value(["firebase", "tenant"], ["customers-x1"]));
    assert_eq!(kind(&tenant, &firebase_user()), Some(Kind::MissingClaim));

    assert!(mistake(presets::firebase("").rules()).is_some());
    assert!(mistake(presets::firebase_session_cookie("").rules()).is_some());
}

#[test]
fn firebase_session_cookies() {
    let verifier = of(presets::firebase_session_cookie("shop-1a2b3"));
    let iss = json!({ "iss": "https://session.firebase.google.com/shop-1a2b3" });
    let honest = but(&firebase_user(), &iss);
    refuses(
        &verifier,
        &honest,
        [
            (
                json!({ "iss": firebase_user()["iss"] }),
                Kind::UntrustedIssuer,
            ),
            (
                json!({ "iss": "https://session.firebase.google.com/evil", "aud": "evil" }),
                Kind::UntrustedIssuer,
            ),
            (json!({ "auth_time": NOW + 60 }), Kind::NotYetValid),
        ],
    );
}

#[test]
fn google_iap_headers() {
    let backend = "/projects/123456789/global/backendServices/987654321";
    let verifier = trusting_key(Algorithm::ES256, presets::google_iap(backend).rules());
    let honest = json!({
        "aud": backend, "azp": backend, "email": "ada@example.com", "hd": "example.com",
        "exp": NOW + 600, "iat": NOW, "iss": "https://cloud.google.com/iap",
        "identity_source": "GOOGLE", "google": { "access_levels": ["accessPolicies/1/x"] },
        "sub": "accounts.google.com:118133858486581853996",
    });
    let kind = |claims: &Value| kind_of(&verifier, &token_by(Algorithm::ES256, claims));
    assert_eq!(kind(&honest), None);
    for (changes, wanted) in [
        // Another project, and another backend of the project, signed by the same keys.
        (
            json!({ "aud": "/projects/666666666/global/backendServices/987654321" }),
            Kind::WrongAudience,
        ),
        (
            json!({ "aud": "/projects/123456789/apps/shop" }),
            Kind::WrongAudience,
        ),
        (
            json!({ "aud": [backend, "/projects/6/apps/evil"] }),
            Kind::WrongAudience,
        ),
        (
            json!({ "iss": "https://cloud.google.com/iap/" }),
            Kind::UntrustedIssuer,
        ),
        (
            json!({ "iss": "https://accounts.google.com" }),
            Kind::UntrustedIssuer,
        ),
        (json!({ "email": null }), Kind::MissingClaim),
        (json!({ "sub": null }), Kind::MissingClaim),
    ] {
        assert_eq!(kind(&but(&honest, &changes)), Some(wanted), "{changes}");
    }
    let other = trusting(
        presets::google_iap(backend)
            .rules()
            .algorithms([Algorithm::RS256, Algorithm::ES256]),
    );
    assert_eq!(super::kind(&other, &honest), None);
    let rs256 = kind_of(&verifier, &token(&honest));
    assert_eq!(rs256, Some(Kind::WrongAlgorithm));
    assert!(presets::google_iap("").rules().prepare().is_err());
}
