//! The configuration of a verifier, its issuers and its key selection.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{
    Algorithm, ConfigErrorKind, Key, KeySet, KeySource, Limits, RejectionKind, SigningKey,
    TrustedIssuer, Unavailable, Verifier, VerifierBuilder,
};

const NOW: u64 = 1_700_000_000;

fn secret(fill: u8) -> SigningKey {
    SigningKey::hs256([fill; 32]).unwrap()
}

fn builder() -> VerifierBuilder {
    Verifier::builder().clock(|| NOW)
}

fn anyone() -> VerifierBuilder {
    builder().dangerous_any_issuer().dangerous_any_audience()
}

fn claims(issuer: &str) -> Value {
    json!({ "iss": issuer, "aud": "api", "exp": NOW + 60, "sub": "u-7" })
}

fn kind(verifier: &Verifier, token: &str) -> Option<RejectionKind> {
    verifier
        .verify(token)
        .err()
        .map(|rejection| rejection.kind())
}

#[test]
fn missing_and_contradictory_options_fail_at_build() {
    use ConfigErrorKind as Kind;
    let key = || secret(1).verifying_key();
    let public = || {
        SigningKey::generate(Algorithm::Ed25519)
            .unwrap()
            .verifying_key()
    };
    let full = || builder().issuer("i").audience("a").key(key());
    let zero = |with: fn(Limits, usize) -> Limits| full().limits(with(Limits::default(), 0));
    for (builder, wanted) in vec![
        (Verifier::builder(), Kind::MissingIssuer),
        (builder().audience("a").key(key()), Kind::MissingIssuer),
        (builder().issuer("i").key(key()), Kind::MissingAudience),
        (builder().issuer("i").audience("a"), Kind::MissingKey),
        (
            builder()
                .issuer("i")
                .audience("a")
                .key_set(KeySet::default()),
            Kind::MissingKey,
        ),
        (full().issuer("j"), Kind::Contradiction),
        (full().issuer("i"), Kind::Contradiction),
        (full().dangerous_any_issuer(), Kind::Contradiction),
        (full().dangerous_any_audience(), Kind::Contradiction),
        (
            full().access_token_profile().typ("JWT"),
            Kind::Contradiction,
        ),
        (
            full().access_token_profile().dangerous_allow_missing_exp(),
            Kind::Contradiction,
        ),
        (
            anyone().key(key()).access_token_profile(),
            Kind::Contradiction,
        ),
        (
            full()
                .max_lifetime(Duration::from_secs(1))
                .dangerous_allow_missing_exp(),
            Kind::Contradiction,
        ),
        (
            anyone()
                .key(key())
                .trust(TrustedIssuer::new("j").audience("a").key(public())),
            Kind::Contradiction,
        ),
        (full().audience(""), Kind::InvalidText),
        (
            builder().issuer("").audience("a").key(key()),
            Kind::InvalidText,
        ),
        (full().typ(""), Kind::InvalidText),
        (full().require_claim(""), Kind::InvalidText),
        (full().role_claim(""), Kind::InvalidText),
        (full().key(public()), Kind::MixedKeys),
        (
            full().algorithms([Algorithm::HS256, Algorithm::RS256]),
            Kind::MixedKeys,
        ),
        (
            full().key_source(Switch::new(KeySet::default())),
            Kind::MixedKeys,
        ),
        (full().algorithms([]), Kind::NoUsableKey),
        (full().algorithms([Algorithm::HS512]), Kind::NoUsableKey),
        (full().leeway(Duration::from_secs(301)), Kind::OutOfRange),
        (zero(Limits::with_token_bytes), Kind::OutOfRange),
        (zero(Limits::with_header_bytes), Kind::OutOfRange),
        (zero(Limits::with_json_depth), Kind::OutOfRange),
        (zero(Limits::with_members), Kind::OutOfRange),
        (zero(Limits::with_candidate_keys), Kind::OutOfRange),
        (
            full().limits(Limits::default().with_json_depth(129)),
            Kind::OutOfRange,
        ),
        (
            full().limits(Limits::default().with_members(4097)),
            Kind::OutOfRange,
        ),
        (
            full().trust(TrustedIssuer::new("i").audience("a").key(key())),
            Kind::Duplicate,
        ),
        (
            full().trust(TrustedIssuer::new("j").audience("a")),
            Kind::MissingKey,
        ),
    ] {
        let description = format!("{builder:?}");
        assert_eq!(builder.build().unwrap_err().kind(), wanted, "{description}");
    }
}

#[test]
fn limits_of_zero_and_the_longest_leeway_are_accepted() {
    let full = || {
        builder()
            .issuer("i")
            .audience("a")
            .key(secret(1).verifying_key())
    };
    assert!(full().build().is_ok());
    // A token may have no audience, no scope and no `kid`.
    let bare = Limits::default()
        .with_audiences(0)
        .with_scopes(0)
        .with_kid_bytes(0);
    assert!(full().limits(bare).build().is_ok());
    assert!(
        full()
            .leeway(Duration::from_secs(300))
            .algorithms([Algorithm::HS256])
            .build()
            .is_ok()
    );
}

#[test]
fn each_issuer_has_its_own_keys_and_rules() {
    let (a, b) = (secret(1), secret(2));
    let verifier = builder()
        .trust(
            TrustedIssuer::new("a")
                .audience("api")
                .key(a.verifying_key()),
        )
        .trust(
            TrustedIssuer::new("b")
                .audience("other")
                .key(b.verifying_key())
                .require_claim("tenant"),
        )
        .build()
        .unwrap();
    assert_eq!(kind(&verifier, &a.encode(&claims("a")).unwrap()), None);
    assert_eq!(
        kind(&verifier, &b.encode(&claims("a")).unwrap()),
        Some(RejectionKind::BadSignature)
    );
    assert_eq!(
        kind(&verifier, &a.encode(&claims("b")).unwrap()),
        Some(RejectionKind::BadSignature)
    );
    assert_eq!(
        kind(&verifier, &a.encode(&claims("c")).unwrap()),
        Some(RejectionKind::UntrustedIssuer)
    );
    assert_eq!(
        kind(&verifier, &a.encode(&json!({ "exp": NOW + 60 })).unwrap()),
        Some(RejectionKind::MissingClaim)
    );
    // The rules are those of the selected issuer.
    assert_eq!(
        kind(&verifier, &b.encode(&claims("b")).unwrap()),
        Some(RejectionKind::WrongAudience)
    );
    let mut for_b = claims("b");
    for_b["aud"] = "other".into();
    assert_eq!(
        kind(&verifier, &b.encode(&for_b).unwrap()),
        Some(RejectionKind::MissingClaim)
    );
    for_b["tenant"] = "t".into();
    assert_eq!(kind(&verifier, &b.encode(&for_b).unwrap()), None);
}

#[test]
fn a_kid_selects_a_key_and_without_one_all_fitting_keys_are_tried() {
    let keys: Vec<_> = (1..=3)
        .map(|fill| secret(fill).with_kid(format!("k{fill}")))
        .collect();
    let verifier = anyone()
        .key_set(keys.iter().map(SigningKey::verifying_key).collect())
        .build()
        .unwrap();
    for key in &keys {
        assert_eq!(
            verifier
                .verify(key.encode(&claims("i")).unwrap())
                .unwrap()
                .kid(),
            key.kid()
        );
    }
    let nameless = secret(3).encode(&claims("i")).unwrap();
    assert_eq!(verifier.verify(nameless).unwrap().key().kid(), Some("k3"));
    let wrong = secret(3).with_kid("k1").encode(&claims("i")).unwrap();
    assert_eq!(
        kind(&verifier, &wrong),
        Some(RejectionKind::BadSignature),
        "the other keys are not tried"
    );
    for kid in ["k4", "K1", "../../k1", "k1' OR '1'='1", "k1\u{0}", ""] {
        let unknown = secret(1).with_kid(kid).encode(&claims("i")).unwrap();
        assert_eq!(
            kind(&verifier, &unknown),
            Some(RejectionKind::UnknownKey),
            "{kid:?}"
        );
    }
    let nameless_key = anyone().key(Key::hs256([9; 32]).unwrap()).build().unwrap();
    assert_eq!(
        kind(
            &nameless_key,
            &secret(9).with_kid("any").encode(&claims("i")).unwrap()
        ),
        None
    );
}

#[test]
fn the_number_of_keys_tried_is_bounded() {
    let keys: KeySet = (1..=10).map(|fill| secret(fill).verifying_key()).collect();
    let verifier = anyone().key_set(keys).build().unwrap();
    assert_eq!(
        kind(&verifier, &secret(8).encode(&claims("i")).unwrap()),
        None
    );
    assert_eq!(
        kind(&verifier, &secret(9).encode(&claims("i")).unwrap()),
        Some(RejectionKind::BadSignature)
    );
}

#[test]
fn algorithms_come_from_the_keys_unless_restricted() {
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let token = |name: &str| {
        let header = json!({ "alg": name });
        let signer = SigningKey::generate(name.parse().unwrap()).unwrap();
        (
            signer.verifying_key(),
            signer.encode_header(&header, &claims("i")).unwrap(),
        )
    };
    for name in ["EdDSA", "Ed25519"] {
        let (verifying, token) = token(name);
        assert_eq!(
            kind(&anyone().key(verifying).build().unwrap(), &token),
            None,
            "{name}"
        );
    }
    let (verifying, ed) = token("Ed25519");
    let narrowed = anyone()
        .key(verifying)
        .algorithms([Algorithm::EdDSA])
        .build()
        .unwrap();
    assert_eq!(
        kind(&narrowed, &ed),
        Some(RejectionKind::WrongAlgorithm),
        "the list is exact by name"
    );
    let hmac = secret(1).encode(&claims("i")).unwrap();
    let verifier = anyone().key(key.verifying_key()).build().unwrap();
    assert_eq!(kind(&verifier, &hmac), Some(RejectionKind::WrongAlgorithm));
}

/// A source that can be made unavailable.
#[derive(Clone)]
struct Switch(Arc<(KeySet, AtomicBool)>);

impl Switch {
    fn new(keys: KeySet) -> Self {
        Self(Arc::new((keys, AtomicBool::new(true))))
    }

    fn off(&self) {
        self.0.1.store(false, Ordering::Relaxed);
    }
}

impl KeySource for Switch {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        if self.0.1.load(Ordering::Relaxed) {
            Ok(Arc::new(self.0.0.clone()))
        } else {
            Err(Unavailable::new(Duration::from_secs(7)))
        }
    }
}

#[test]
fn an_unavailable_source_is_not_a_client_error() {
    let key = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .with_kid("k1");
    let source = Switch::new([key.verifying_key()].into_iter().collect());
    let verifier = anyone().key_source(source.clone()).build().unwrap();
    let good = key.encode(&claims("i")).unwrap();
    assert_eq!(kind(&verifier, &good), None);
    source.off();
    let rejection = verifier.verify(&good).unwrap_err();
    assert_eq!(
        (rejection.kind(), rejection.status()),
        (RejectionKind::Unavailable, 503)
    );
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(7)));
    // Checks that need no keys still apply.
    assert_eq!(kind(&verifier, "a.b"), Some(RejectionKind::MalformedToken));
}

#[test]
fn a_secret_beside_public_keys_is_never_used() {
    let public = SigningKey::generate(Algorithm::ES256).unwrap();
    let mixed: KeySet = [secret(1).verifying_key(), public.verifying_key()]
        .into_iter()
        .collect();
    let verifier = anyone().key_source(Switch::new(mixed)).build().unwrap();
    assert_eq!(kind(&verifier, &public.encode(&claims("i")).unwrap()), None);
    let forged = secret(1).encode(&claims("i")).unwrap();
    assert_eq!(
        kind(&verifier, &forged),
        Some(RejectionKind::WrongAlgorithm)
    );
}

#[test]
fn a_secret_is_not_used_while_a_source_is_down() {
    let secrets = Switch::new([secret(1).verifying_key()].into_iter().collect());
    let public = SigningKey::generate(Algorithm::ES256).unwrap();
    let publics = Switch::new([public.verifying_key()].into_iter().collect());
    let verifier = anyone()
        .key_source(secrets)
        .key_source(publics.clone())
        .build()
        .unwrap();
    let token = secret(1).encode(&claims("i")).unwrap();
    assert_eq!(kind(&verifier, &token), Some(RejectionKind::WrongAlgorithm));
    publics.off();
    assert_eq!(kind(&verifier, &token), Some(RejectionKind::Unavailable));
}

#[test]
fn keys_without_a_kid_do_not_use_the_tries_of_the_named_key() {
    let nameless = (1..=8).map(|fill| secret(fill).verifying_key());
    let named = secret(9).with_kid("mine");
    let keys: KeySet = nameless.chain([named.verifying_key()]).collect();
    let verifier = anyone().key_set(keys).build().unwrap();
    assert_eq!(kind(&verifier, &named.encode(&claims("i")).unwrap()), None);
}

#[test]
fn a_bound_token_is_refused_by_the_verifier_alone_also_from_the_cache() {
    let verifier = anyone().key(secret(1).verifying_key()).build().unwrap();
    let mut bound = claims("i");
    bound["cnf"] = json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
    let token = secret(1).encode(&bound).unwrap();
    for _ in 0..4 {
        let refused = Some(RejectionKind::UnprovenBinding);
        assert_eq!(kind(&verifier, &token), refused);
        let begun = verifier.begin(&token).ready().unwrap();
        assert_eq!(begun.err().map(|rejection| rejection.kind()), refused);
    }
    let hits = verifier.token_cache_status().unwrap().hits;
    assert!(hits > 0, "the token came from the cache");

    bound["cnf"] = Value::Null;
    let token = secret(1).encode(&bound).unwrap();
    assert_eq!(
        kind(&verifier, &token),
        Some(RejectionKind::MalformedClaims)
    );
}
