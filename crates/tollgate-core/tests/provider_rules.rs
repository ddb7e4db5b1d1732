//! Provider-specific rules, with an attack on each.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ConfigErrorKind as Kind;
use serde_json::{Value, json};
use tollgate_core::policy::{role, scope};
use tollgate_core::{
    Algorithm, ConfigErrorKind, Key, KeySet, KeySource, RejectionKind, SigningKey, TrustedIssuer,
    Unavailable, Verifier, VerifierBuilder,
};

const NOW: u64 = 1_700_000_000;
const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
const ONE: &str = "11111111-2222-3333-4444-555555555555";
const TWO: &str = "22222222-3333-4444-5555-666666666666";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

fn builder() -> VerifierBuilder {
    Verifier::builder().clock(|| NOW)
}

fn issuer_of(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

fn claims(issuer: &str, tenant: &str) -> Value {
    json!({ "iss": issuer, "tid": tenant, "aud": "api", "exp": NOW + 60 })
}

fn kind(verifier: &Verifier, token: &str) -> Option<RejectionKind> {
    verifier
        .verify(token)
        .err()
        .map(|rejection| rejection.kind())
}

/// Returns the public half with the member `issuer` of Microsoft Entra.
fn bound(key: &SigningKey, issuer: &Value) -> Value {
    let mut jwk = key.public_jwk().unwrap();
    jwk["issuer"] = issuer.clone();
    jwk
}

/// A key source that names its issuer.
struct Common(Arc<KeySet>, &'static str);

impl KeySource for Common {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(Arc::clone(&self.0))
    }

    fn issuer(&self) -> Option<&str> {
        Some(self.1)
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn contradictory_issuer_rules_are_refused() {
    let key = key().verifying_key();
    let full = || builder().issuer("https://i").audience("a").key(key.clone());
    let tenants = || builder().issuer(TEMPLATE).audience("a").key(key.clone());
    let anyone = || {
        builder()
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key.clone())
    };
    for (builder, wanted) in vec![
        (full().issuer_alias(""), Kind::InvalidText),
        (full().issuer_alias("https://i"), Kind::Duplicate),
        (full().issuer_alias("j").issuer_alias("j"), Kind::Duplicate),
        (anyone().issuer_alias("j"), Kind::Contradiction),
        (anyone().dangerous_any_tenant(), Kind::Contradiction),
        (tenants(), Kind::Contradiction),
        (full().issuer_alias(TEMPLATE), Kind::Contradiction),
        (full().dangerous_any_tenant(), Kind::Contradiction),
        (full().tenants([ONE]), Kind::Contradiction),
        (
            tenants().issuer_alias("https://i").dangerous_any_tenant(),
            Kind::Contradiction,
        ),
        (
            tenants().dangerous_any_tenant().tenants([ONE]),
            Kind::Contradiction,
        ),
        (tenants().tenants([ONE]).tenants([TWO]), Kind::Contradiction),
        (tenants().tenants(Vec::<String>::new()), Kind::Contradiction),
        (tenants().tenants([ONE, "common"]), Kind::InvalidText),
        (tenants().tenants([""]), Kind::InvalidText),
        (
            builder()
                .issuer("https://{tenantid}.example/")
                .audience("a")
                .key(key.clone())
                .dangerous_any_tenant(),
            Kind::Contradiction,
        ),
        (
            full().trust(
                TrustedIssuer::new("https://j")
                    .issuer_alias("https://i")
                    .audience("a")
                    .key(key.clone()),
            ),
            Kind::Duplicate,
        ),
        (
            full()
                .issuer_alias("j")
                .trust(TrustedIssuer::new("j").audience("a").key(key.clone())),
            Kind::Duplicate,
        ),
        // A tenant that matches the template is also listed: the rules would be ambiguous.
        (
            tenants().dangerous_any_tenant().trust(
                TrustedIssuer::new(issuer_of(ONE))
                    .audience("a")
                    .key(key.clone()),
            ),
            Kind::Duplicate,
        ),
        (
            builder()
                .trust(
                    TrustedIssuer::new(issuer_of(ONE))
                        .audience("a")
                        .key(key.clone()),
                )
                .trust(
                    TrustedIssuer::new(TEMPLATE)
                        .tenants([ONE])
                        .audience("a")
                        .key(key.clone()),
                ),
            Kind::Duplicate,
        ),
        (
            tenants()
                .dangerous_any_tenant()
                .key_source(Common(Arc::default(), "https://login.example/common/v2.0")),
            Kind::Contradiction,
        ),
        // The keys of one tenant do not serve all tenants.
        (
            tenants().dangerous_any_tenant().key_source(Common(
                Arc::default(),
                "https://login.example/11111111-2222-3333-4444-555555555555/v2.0",
            )),
            Kind::Contradiction,
        ),
    ] {
        let description = format!("{builder:?}");
        assert_eq!(builder.build().unwrap_err().kind(), wanted, "{description}");
    }
    for builder in [
        full().issuer_alias("j"),
        tenants().dangerous_any_tenant(),
        tenants()
            .tenants([ONE])
            .issuer_alias("https://sts.example/{tenantid}/"),
        tenants().tenants([ONE]).trust(
            TrustedIssuer::new(issuer_of(TWO))
                .audience("a")
                .key(key.clone()),
        ),
        tenants()
            .dangerous_any_tenant()
            .key_source(Common(Arc::default(), TEMPLATE)),
        full().key_source(Common(Arc::default(), "https://i")),
    ] {
        let description = format!("{builder:?}");
        assert!(builder.build().is_ok(), "{description}");
    }
}

#[test]
fn contradictory_claim_rules_are_refused() {
    let key = key().verifying_key();
    let full = || builder().issuer("https://i").audience("a").key(key.clone());
    let anyone = || {
        builder()
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .key(key.clone())
    };
    for (builder, wanted) in vec![
        (
            builder()
                .issuer("i")
                .audience_claim("client_id")
                .key(key.clone()),
            Kind::MissingAudience,
        ),
        (anyone().audience_claim("client_id"), Kind::Contradiction),
        (anyone().further_audiences(["x"]), Kind::Contradiction),
        (full().audience_claim(""), Kind::InvalidText),
        (
            full().audience_claim("client_id").access_token_profile(),
            Kind::Contradiction,
        ),
        (full().further_audiences([""]), Kind::InvalidText),
        (full().authorized_party(""), Kind::InvalidText),
        (
            full().dangerous_allow_missing_authorized_party(),
            Kind::Contradiction,
        ),
        (full().dangerous_optional_typ(""), Kind::InvalidText),
        (
            full().dangerous_optional_typ("JWT").access_token_profile(),
            Kind::Contradiction,
        ),
        (full().require_value("", ["x"]), Kind::InvalidText),
        (full().require_value([""; 0], ["x"]), Kind::InvalidText),
        (full().require_claim(["a", ""]), Kind::InvalidText),
        (full().role_claim(["", "roles"]), Kind::InvalidText),
        (full().role_claim(["sub", "roles"]), Kind::Contradiction),
        (full().require_header("", ["x"]), Kind::InvalidText),
        (full().require_header("signer", [""]), Kind::InvalidText),
        (
            full().require_header("signer", Vec::<String>::new()),
            Kind::Contradiction,
        ),
        (full().require_header("alg", ["ES256"]), Kind::Contradiction),
        (full().require_header("typ", ["JWT"]), Kind::Contradiction),
        (full().require_header("crit", ["exp"]), Kind::Contradiction),
        (
            full()
                .require_header("signer", ["a"])
                .require_header("signer", ["b"]),
            Kind::Duplicate,
        ),
        (full().scope_claim(["scope", "x"]), Kind::Contradiction),
        (full().scope_claim(["scope"]), Kind::Duplicate),
        (full().audience_claim(["aud", "x"]), Kind::Contradiction),
        (full().require_value("x", [""]), Kind::InvalidText),
        (
            full().require_value("x", Vec::<String>::new()),
            Kind::Contradiction,
        ),
        (
            full().require_value("x", ["a"]).require_value("x", ["a"]),
            Kind::Duplicate,
        ),
        (full().scope_claim(""), Kind::InvalidText),
        (full().scope_claim("scp"), Kind::Duplicate),
        (full().scope_claim("scope"), Kind::Duplicate),
    ] {
        let description = format!("{builder:?}");
        assert_eq!(builder.build().unwrap_err().kind(), wanted, "{description}");
    }
    let dispensable = full()
        .authorized_party("a")
        .dangerous_allow_missing_authorized_party();
    assert!(dispensable.build().is_ok());
}

/// The text of a refusal does not grow with the configuration.
#[test]
fn a_refusal_names_few_of_many_values() {
    let many = || (0..1000).map(|n| format!("client-number-{n}"));
    let key = key();
    let rules = || {
        builder()
            .issuer("https://i")
            .audience("a")
            .key(key.verifying_key())
    };
    let token = json!({ "iss": "https://i", "aud": "a", "client": "x", "exp": NOW + 60 });
    let header = json!({ "alg": "ES256", "client": "x" });
    let encoded = |json: &Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(json.to_string());
    let by_header = format!("{}.{}.AA", encoded(&header), encoded(&token));
    for (rules, token) in [
        (rules().require_header("client", many()), by_header),
        (
            rules().require_value("client", many()),
            key.encode(&token).unwrap(),
        ),
    ] {
        let rejection = rules.build().unwrap().verify(token).unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::WrongClaim);
        assert!(
            rejection.to_string().ends_with(" and 992 others"),
            "{rejection}"
        );
    }
}

/// The issuer of a token of an issuer source is not known where the token is split.
#[test]
fn an_issuer_of_an_issuer_source_cannot_have_padded_segments() {
    let issuer = TrustedIssuer::new("https://a.example")
        .audience("api")
        .key(key().verifying_key())
        .dangerous_padded_segments();
    let error = issuer.prepare().unwrap_err();
    assert_eq!(error.kind(), Kind::Contradiction);
}

#[test]
fn an_issuer_alias_selects_the_rules_among_several_issuers() {
    let (google, other) = (key(), key());
    let verifier = builder()
        .trust(
            TrustedIssuer::new("https://accounts.example")
                .issuer_alias("accounts.example")
                .audience("api")
                .key(google.verifying_key()),
        )
        .trust(
            TrustedIssuer::new("https://other.example")
                .audience("api")
                .key(other.verifying_key()),
        )
        .build()
        .unwrap();
    let token = |key: &SigningKey, issuer| key.encode(&claims(issuer, "")).unwrap();
    assert_eq!(kind(&verifier, &token(&google, "accounts.example")), None);
    assert_eq!(
        kind(&verifier, &token(&google, "https://accounts.example")),
        None
    );
    assert_eq!(
        kind(&verifier, &token(&other, "accounts.example")),
        Some(RejectionKind::BadSignature)
    );
    assert_eq!(
        kind(&verifier, &token(&google, "http://accounts.example")),
        Some(RejectionKind::UntrustedIssuer)
    );
}

#[test]
fn a_template_selects_the_rules_among_several_issuers() {
    let (entra, other) = (key(), key());
    let verifier = builder()
        .trust(
            TrustedIssuer::new(TEMPLATE)
                .tenants([ONE])
                .audience("api")
                .key_source(Common(
                    Arc::new(KeySet::from_iter([entra.verifying_key()])),
                    TEMPLATE,
                )),
        )
        .trust(
            TrustedIssuer::new("https://other.example")
                .audience("api")
                .key(other.verifying_key()),
        )
        .build()
        .unwrap();
    let token =
        |key: &SigningKey, issuer: &str, tenant| key.encode(&claims(issuer, tenant)).unwrap();
    assert_eq!(kind(&verifier, &token(&entra, &issuer_of(ONE), ONE)), None);
    for (issuer, tenant) in [
        (issuer_of(TWO), TWO),
        (issuer_of(ONE), TWO),
        (TEMPLATE.to_owned(), "{tenantid}"),
        (
            "https://evil.example/11111111-2222-3333-4444-555555555555/v2.0".to_owned(),
            ONE,
        ),
    ] {
        assert_eq!(
            kind(&verifier, &token(&entra, &issuer, tenant)),
            Some(RejectionKind::UntrustedIssuer),
            "{issuer}"
        );
    }
    assert_eq!(
        kind(&verifier, &token(&other, &issuer_of(ONE), ONE)),
        Some(RejectionKind::BadSignature)
    );
}

#[test]
fn a_tenants_own_key_is_refused_for_other_tenants() {
    let (shared, own) = (key().with_kid("shared"), key().with_kid("own"));
    let set =
        json!({ "keys": [bound(&shared, &TEMPLATE.into()), bound(&own, &issuer_of(ONE).into())] });
    let set = KeySet::from_json(set.to_string()).unwrap();
    assert_eq!(set.len(), 2);
    let one_name = issuer_of(ONE);
    assert_eq!(set.keys()[1].issuer(), Some(&*one_name));
    let same = set.keys()[1]
        .clone()
        .with_kid("x")
        .serving([Algorithm::ES256])
        .unwrap();
    assert_eq!(same.issuer(), Some(&*one_name));

    let verifier = builder()
        .issuer(TEMPLATE)
        .dangerous_any_tenant()
        .audience("api")
        .key_set(set)
        .build()
        .unwrap();
    let token = |key: &SigningKey, tenant| key.encode(&claims(&issuer_of(tenant), tenant)).unwrap();
    assert_eq!(kind(&verifier, &token(&shared, ONE)), None);
    assert_eq!(kind(&verifier, &token(&shared, TWO)), None);
    assert_eq!(kind(&verifier, &token(&own, ONE)), None);
    // An administrator of tenant one with its key cannot sign for tenant two.
    assert_eq!(
        kind(&verifier, &token(&own, TWO)),
        Some(RejectionKind::UntrustedIssuer)
    );
}

#[test]
fn a_key_with_an_unreadable_issuer_is_skipped() {
    let signing = key();
    for issuer in [json!(7), json!({}), json!([TEMPLATE])] {
        let set = json!({ "keys": [bound(&signing, &issuer)] });
        let set = KeySet::from_json(set.to_string()).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (0, 1), "{issuer}");
        assert!(Key::from_jwk(bound(&signing, &issuer).to_string()).is_err());
    }
}

#[test]
fn a_key_with_an_issuer_that_is_null_has_none() {
    for absent in [json!(null), json!([])] {
        let key = Key::from_jwk(bound(&key(), &absent).to_string()).unwrap();
        assert_eq!(key.issuer(), None, "{absent}");
    }
}

#[test]
fn policies_see_the_scopes_of_additional_claims() {
    let signing = key();
    let verifier = builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(signing.verifying_key())
        .scope_claim("permissions")
        .scope_claim("authz.scopes")
        .build()
        .unwrap();
    let token = json!({
        "exp": NOW + 60, "scope": "openid", "permissions": ["orders:read", "\u{6f}rders:write"],
        "authz": { "scopes": "a b" },
    });
    let principal = verifier.verify(signing.encode(&token).unwrap()).unwrap();
    let scopes: Vec<_> = principal.scopes().collect();
    assert_eq!(scopes, ["openid", "orders:read", "orders:write", "a", "b"]);
    assert!(principal.has_scope("orders:write") && !principal.has_scope("orders"));
    assert!((scope("orders:read") & scope("b")).permits(&principal));
    assert!(!role("orders:read").permits(&principal));

    // A claim that is not configured is not read.
    let plain = builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .key(signing.verifying_key())
        .build()
        .unwrap();
    let principal = plain.verify(signing.encode(&token).unwrap()).unwrap();
    assert_eq!(principal.scopes().collect::<Vec<_>>(), ["openid"]);
    let malformed = json!({ "exp": NOW + 60, "permissions": { "orders:read": true } });
    assert_eq!(
        kind(&verifier, &signing.encode(&malformed).unwrap()),
        Some(RejectionKind::MalformedClaims)
    );
}
