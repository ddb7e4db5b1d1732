//! The preset for Supabase with tokens in the form of Supabase Auth, before, during and after the
//! migration from the legacy secret.

use RejectionKind as Kind;
use serde_json::{Value, json};
use tollgate_core::{
    Algorithm, ConfigErrorKind, Key, Policy, RejectionKind, SigningKey, Step, TrustedIssuer,
    Verifier,
};
use tollgate_oidc::FetchResponse;
use tollgate_oidc::presets;
use tollgate_testkit::{FakeClock, FakeProvider, keys};

use super::but;

const NOW: u64 = FakeClock::START;
const PROJECT: &str = "abcdefghijklmnopqrst";
const ISSUER: &str = "https://abcdefghijklmnopqrst.supabase.co/auth/v1";
const JWKS: &str = "https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json";
/// The secret of the command line tool. Supabase Auth uses the text itself.
const SECRET: &str = "super-secret-jwt-token-with-at-least-32-characters-long";

fn legacy() -> SigningKey {
    SigningKey::hs256(SECRET)
        .unwrap()
        .with_kid("Xm7bNd9yP1/ZsTtU")
}

fn current() -> SigningKey {
    keys::signing(Algorithm::ES256).with_kid("7c1f0a3e-5b1e-4a5e-9a3f-0d6f4c1f2b11")
}

/// The claims of a user who logged in with a password.
fn user() -> Value {
    json!({
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": NOW - 60}],
        "app_metadata": {"provider": "email", "providers": ["email"], "roles": ["editor"]},
        "aud": "authenticated",
        "email": "user@example.com",
        "exp": NOW + 3540,
        "iat": NOW - 60,
        "is_anonymous": false,
        "iss": ISSUER,
        "phone": "",
        "role": "authenticated",
        "session_id": "4b938a09-5372-4177-a314-cfa292099ea2",
        "sub": "ef0493c9-3582-425f-a362-aef909588df7",
        "user_metadata": {"email_verified": true, "roles": ["admin"]},
    })
}

/// The claims of an API key, which is valid for ten years.
fn api_key(role: &str) -> Value {
    json!({
        "iss": "supabase", "ref": PROJECT, "role": role, "iat": NOW - 60, "exp": NOW + 315_360_000,
    })
}

fn build(issuer: TrustedIssuer) -> Verifier {
    let verifier = Verifier::builder().trust(issuer).clock(FakeClock::new());
    verifier.build().unwrap()
}

fn migrating() -> TrustedIssuer {
    presets::supabase(PROJECT)
        .rules()
        .key(current().verifying_key())
        .shared_secret(Key::hs256(SECRET).unwrap())
}

#[track_caller]
fn kind(verifier: &Verifier, key: &SigningKey, claims: &Value) -> Option<RejectionKind> {
    let outcome = verifier.verify(key.encode(claims).unwrap());
    outcome.err().map(|rejection| rejection.kind())
}

#[test]
fn users_of_both_keys_pass() {
    let verifier = build(migrating().role_claim(["app_metadata", "roles"]));
    for key in [legacy(), current()] {
        let principal = verifier.verify(key.encode(&user()).unwrap()).unwrap();
        let subject = principal.subject();
        assert_eq!(subject, Some("ef0493c9-3582-425f-a362-aef909588df7"));
        let roles: Vec<_> = principal.roles().collect();
        assert_eq!(roles, ["authenticated", "editor"]);
        // Users edit `user_metadata`.
        assert!(!principal.has_role("admin"));
        assert!(Policy::claim("is_anonymous", false).permits(&principal));
    }
}

#[test]
fn other_tokens_are_refused() {
    let verifier = build(migrating());
    for key in [legacy(), current()] {
        for (changes, wanted) in [
            (json!({"iss": format!("{ISSUER}/")}), Kind::UntrustedIssuer),
            (json!({"iss": "supabase"}), Kind::UntrustedIssuer),
            (
                json!({"iss": "https://tsrqponmlkjihgfedcba.supabase.co/auth/v1"}),
                Kind::UntrustedIssuer,
            ),
            (json!({"iss": null}), Kind::MissingClaim),
            (json!({"aud": "anon"}), Kind::WrongAudience),
            (json!({"aud": null}), Kind::MissingClaim),
            (json!({"sub": null}), Kind::MissingClaim),
            (json!({"sub": ""}), Kind::MissingClaim),
            (json!({"exp": NOW - 60}), Kind::Expired),
            (json!({"exp": null}), Kind::MissingClaim),
        ] {
            let claims = but(&user(), &changes);
            assert_eq!(kind(&verifier, &key, &claims), Some(wanted), "{changes}");
        }
    }
}

#[test]
fn api_keys_are_no_users() {
    let verifier = build(migrating());
    for role in ["anon", "service_role"] {
        let claims = api_key(role);
        assert_eq!(
            kind(&verifier, &legacy(), &claims),
            Some(Kind::UntrustedIssuer)
        );
        // A server of one's own may have created them with any issuer.
        let claims = but(&claims, &json!({"iss": ISSUER}));
        assert_eq!(
            kind(&verifier, &legacy(), &claims),
            Some(Kind::MissingClaim)
        );
        let claims = but(&claims, &json!({"aud": "authenticated"}));
        assert_eq!(
            kind(&verifier, &legacy(), &claims),
            Some(Kind::MissingClaim)
        );
    }
}

#[test]
fn the_secret_ends() {
    let until = |end| build(migrating().shared_secrets_until(end));
    assert_eq!(kind(&until(NOW + 1), &legacy(), &user()), None);
    assert_eq!(
        kind(&until(NOW), &legacy(), &user()),
        Some(Kind::WrongAlgorithm)
    );
    assert_eq!(kind(&until(NOW), &current(), &user()), None);
    // Without the option there is no secret.
    let rules = presets::supabase(PROJECT)
        .rules()
        .key(current().verifying_key());
    assert_eq!(
        kind(&build(rules), &legacy(), &user()),
        Some(Kind::WrongAlgorithm)
    );
}

#[test]
fn a_project_is_a_reference_or_a_url() {
    for (project, issuer) in [
        (PROJECT, ISSUER),
        ("https://abcdefghijklmnopqrst.supabase.co", ISSUER),
        ("https://abcdefghijklmnopqrst.supabase.co/", ISSUER),
        (ISSUER, ISSUER),
        (
            "https://auth.example.com",
            "https://auth.example.com/auth/v1",
        ),
        ("http://127.0.0.1:54321", "http://127.0.0.1:54321/auth/v1"),
    ] {
        let verifier = build(
            presets::supabase(project)
                .rules()
                .key(current().verifying_key()),
        );
        let claims = but(&user(), &json!({"iss": issuer}));
        assert_eq!(kind(&verifier, &current(), &claims), None, "{project}");
    }
    let rules = presets::supabase("").rules().key(current().verifying_key());
    assert_eq!(
        rules.prepare().unwrap_err().kind(),
        ConfigErrorKind::InvalidText
    );
}

/// A project publishes an empty set until it has a signing key. The legacy secret works without a
/// set, and its tokens cause no fetch.
#[tokio::test(start_paused = true)]
async fn the_keys_are_fetched_without_metadata() {
    let provider = FakeProvider::new();
    provider.answer(JWKS, FetchResponse::new(200, r#"{"keys": []}"#));
    let preset = presets::supabase(PROJECT);
    let keys = preset.discover().fetch(provider.clone()).jitter(|| 0.0);
    assert!(keys.clone().connect().await.is_err());
    let keys = keys.lazy().unwrap();
    let verifier = build(preset.trust(keys).shared_secret(legacy().verifying_key()));
    assert_eq!(kind(&verifier, &legacy(), &user()), None);
    let of_new = || current().encode(&user()).unwrap();
    assert_eq!(
        verifier.verify(of_new()).unwrap_err().kind(),
        Kind::Unavailable
    );

    provider.publish(JWKS, &[current()]);
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    assert!(verifier.verify(of_new()).is_ok());
    let fetches = provider.requests().len();
    assert_eq!(fetches, provider.count(JWKS));
    let unknown = legacy().with_kid("unknown").encode(&user()).unwrap();
    let Step::Ready(outcome) = verifier.begin(&unknown) else {
        panic!("an HMAC waits for nothing");
    };
    assert_eq!(outcome.unwrap_err().kind(), Kind::UnknownKey);
    assert_eq!(provider.requests().len(), fetches);
}
