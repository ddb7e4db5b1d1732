//! Shared secrets beside public keys: two lists of one issuer, and the end of the secrets.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "example/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the doc examples")]
mod example;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use example::Request;
use serde_json::{Value, json};
use tollgate_core::{
    Algorithm, ConfigErrorKind, Gate, IssuerSource, Key, KeyEpoch, KeySet, KeySource, MissingKey,
    PreparedIssuer, RejectionKind, SigningKey, Step, TrustedIssuer, Unavailable, Verifier,
    VerifierBuilder,
};

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://id.example.com";

fn secret(fill: u8) -> SigningKey {
    SigningKey::hs256([fill; 32]).unwrap()
}

fn pem(algorithm: Algorithm) -> SigningKey {
    let pem = match algorithm {
        Algorithm::RS256 => include_str!("keys/rsa.pem"),
        _ => include_str!("keys/p256.pem"),
    };
    SigningKey::from_pem(algorithm, pem).unwrap()
}

fn rules() -> VerifierBuilder {
    let clock = || NOW;
    Verifier::builder()
        .issuer(ISSUER)
        .audience("api")
        .clock(clock)
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "api", "sub": "u-7", "exp": NOW + 3600})
}

fn token(key: &SigningKey) -> String {
    key.encode(&claims()).unwrap()
}

#[track_caller]
fn kind(verifier: &Verifier, token: &str) -> Option<RejectionKind> {
    // A second and a third time, from the cache.
    let outcomes = [(); 3].map(|()| verifier.verify(token).err().map(|error| error.kind()));
    assert_eq!(outcomes, [outcomes[0]; 3]);
    outcomes[0]
}

/// A source that counts its calls.
#[derive(Clone, Default)]
struct Counting {
    keys: Arc<Mutex<Option<Arc<KeySet>>>>,
    reads: Arc<AtomicUsize>,
    refreshes: Arc<AtomicUsize>,
}

impl Counting {
    fn with(keys: impl IntoIterator<Item = Key>) -> Self {
        let source = Self::default();
        source.set(keys);
        source
    }

    fn set(&self, keys: impl IntoIterator<Item = Key>) {
        *self.keys.lock().unwrap() = Some(Arc::new(keys.into_iter().collect()));
    }

    fn counts(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (of(&self.reads), of(&self.refreshes))
    }
}

impl KeySource for Counting {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let down = Unavailable::new(Duration::from_secs(5));
        self.keys.lock().unwrap().clone().ok_or(down)
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        self.keys().map(|set| set.epoch())
    }

    fn refresh(&self, _: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        self.refreshes.fetch_add(1, Ordering::Relaxed);
        Step::Ready(Ok(()))
    }
}

#[test]
fn configurations_without_effect_are_refused() {
    use ConfigErrorKind as Kind;
    let public = || pem(Algorithm::ES256).verifying_key();
    let hmac = || secret(1).verifying_key();
    let named = "add it by `shared_secret`";
    for (builder, wanted, message) in [
        (rules().key(public()).key(hmac()), Kind::MixedKeys, named),
        (
            rules().key(hmac()).key_source(Counting::default()),
            Kind::MixedKeys,
            named,
        ),
        (
            rules().key(hmac()).shared_secret(hmac()),
            Kind::MixedKeys,
            named,
        ),
        (
            rules().key(public()).shared_secret(public()),
            Kind::MixedKeys,
            "add it by `key`",
        ),
        (
            rules().shared_secret(public()),
            Kind::MixedKeys,
            "add it by `key`",
        ),
        (
            rules().key(public()).shared_secrets_until(NOW),
            Kind::Contradiction,
            "requires",
        ),
        (
            rules()
                .shared_secret(hmac())
                .shared_secrets_until(NOW * 1000),
            Kind::OutOfRange,
            "its unit is seconds",
        ),
        (
            rules()
                .key(public())
                .algorithms([Algorithm::ES256, Algorithm::HS256]),
            Kind::MixedKeys,
            "`shared_secret`",
        ),
        (
            rules()
                .key(public())
                .shared_secret(hmac())
                .algorithms([Algorithm::ES256]),
            Kind::NoUsableKey,
            "no `shared_secret`",
        ),
        (
            rules()
                .key(public())
                .shared_secret(hmac())
                .algorithms([Algorithm::HS256]),
            Kind::NoUsableKey,
            "no key",
        ),
        (
            rules()
                .key_source(Counting::default())
                .shared_secret(hmac())
                .algorithms([Algorithm::HS256]),
            Kind::NoUsableKey,
            "no key",
        ),
        (
            rules()
                .key(public())
                .shared_secret(hmac())
                .algorithms([Algorithm::ES256, Algorithm::HS384]),
            Kind::NoUsableKey,
            "no `shared_secret`",
        ),
        (
            rules().shared_secret(hmac()).algorithms([]),
            Kind::NoUsableKey,
            "no `shared_secret`",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), wanted, "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
    for builder in [
        rules().shared_secret(hmac()),
        rules()
            .shared_secret(hmac())
            .shared_secret(secret(2).verifying_key()),
        rules().shared_secret(hmac()).shared_secrets_until(0),
        rules()
            .key_source(Counting::default())
            .shared_secret(hmac())
            .algorithms([Algorithm::HS256, Algorithm::RS256]),
    ] {
        assert!(builder.build().is_ok());
    }
}

#[test]
fn each_list_verifies_its_own_family() {
    let (rsa, old, older) = (pem(Algorithm::RS256), secret(1), secret(2));
    let source = Counting::with([pem(Algorithm::ES256).verifying_key()]);
    let verifier = rules()
        .key(rsa.verifying_key())
        .key_source(source)
        .shared_secret(old.verifying_key().with_kid("old"))
        .shared_secret(older.verifying_key())
        .build()
        .unwrap();
    for key in [&rsa, &pem(Algorithm::ES256), &old, &older] {
        assert_eq!(kind(&verifier, &token(key)), None);
    }
    let principal = verifier.verify(token(&old)).unwrap();
    assert_eq!(principal.algorithm(), Algorithm::HS256);
    assert_eq!(principal.key().kid(), Some("old"));
    let principal = verifier
        .verify(token(&older.clone().with_kid("any")))
        .unwrap();
    assert_eq!(
        (principal.kid(), principal.key().kid()),
        (Some("any"), None)
    );
    assert_eq!(
        kind(&verifier, &token(&secret(3))),
        Some(RejectionKind::BadSignature)
    );
}

#[test]
fn a_public_key_never_verifies_an_hmac() {
    let (rsa, ec) = (pem(Algorithm::RS256), pem(Algorithm::ES256));
    let verifier = rules()
        .key(rsa.verifying_key())
        .key_source(Counting::with([ec.verifying_key()]))
        .shared_secret(secret(1).verifying_key())
        .build()
        .unwrap();
    for (key, public) in [
        (&rsa, include_str!("keys/rsa-public.pem")),
        (&ec, include_str!("keys/p256-public.pem")),
    ] {
        let jwk = key.public_jwk().unwrap();
        let member = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
        let base64: String = public
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        let texts = [
            public.to_owned(),
            public.trim_end().to_owned(),
            base64,
            jwk.to_string(),
            json!({"keys": [jwk]}).to_string(),
            member("n"),
            member("x"),
        ];
        let claims = claims();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            // `SigningKey::hs256` refuses most of these, so the HMAC is made by hand.
            let input = format!(
                "{}.{}",
                base64url(json!({"alg": "HS256", "typ": "JWT"}).to_string()),
                base64url(claims.to_string())
            );
            let mac = hmac_sha256(text.as_bytes(), input.as_bytes());
            let forged = format!("{input}.{}", base64url(mac));
            assert_eq!(
                kind(&verifier, &forged),
                Some(RejectionKind::BadSignature),
                "{text}"
            );
        }
    }
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}

#[test]
fn an_hmac_neither_reads_nor_queries_a_source() {
    let source = Counting::default();
    let verifier = rules()
        .key_source(source.clone())
        .shared_secret(secret(1).verifying_key().with_kid("old"))
        .build()
        .unwrap();
    let of = |kid: &str| token(&secret(1).with_kid(kid));
    assert_eq!(kind(&verifier, &of("old")), None);
    assert_eq!(kind(&verifier, &of("new")), Some(RejectionKind::UnknownKey));
    assert_eq!(
        kind(&verifier, &token(&secret(2))),
        Some(RejectionKind::BadSignature)
    );
    let hs512 = SigningKey::hs512([1; 64]).unwrap();
    assert_eq!(
        kind(&verifier, &token(&hs512)),
        Some(RejectionKind::WrongAlgorithm)
    );
    assert_eq!(source.counts(), (0, 0));
    let ec = token(&pem(Algorithm::ES256));
    assert_eq!(kind(&verifier, &ec), Some(RejectionKind::Unavailable));
    assert_eq!(source.counts().1, 3);
}

#[test]
fn the_secrets_of_a_source_are_not_used() {
    let (known, fetched) = (secret(1), secret(2));
    let source = Counting::with([fetched.verifying_key()]);
    let verifier = rules()
        .key_source(source)
        .shared_secret(known.verifying_key())
        .build()
        .unwrap();
    assert_eq!(kind(&verifier, &token(&known)), None);
    assert_eq!(
        kind(&verifier, &token(&fetched)),
        Some(RejectionKind::BadSignature)
    );
}

#[test]
fn a_change_of_keys_affects_only_their_list() {
    let (ec, old) = (pem(Algorithm::ES256), secret(1));
    let source = Counting::with([ec.verifying_key()]);
    let verifier = rules()
        .key_source(source.clone())
        .shared_secret(old.verifying_key())
        .build()
        .unwrap();
    let (by_ec, by_old) = (token(&ec), token(&old));
    assert_eq!(
        (kind(&verifier, &by_ec), kind(&verifier, &by_old)),
        (None, None)
    );
    source.set([pem(Algorithm::RS256).verifying_key()]);
    let hits = || verifier.token_cache_status().unwrap().hits;
    let before = hits();
    assert_eq!(kind(&verifier, &by_old), None);
    assert_eq!(hits(), before + 3);
    assert!(kind(&verifier, &by_ec).is_some());
}

#[test]
fn the_end_is_exact_for_cached_tokens() {
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let (ec, old) = (pem(Algorithm::ES256), secret(1));
    let verifier = rules()
        .key(ec.verifying_key())
        .shared_secret(old.verifying_key())
        .shared_secrets_until(NOW + 10)
        .leeway(Duration::from_secs(300))
        .clock(move || clock.load(Ordering::Relaxed))
        .build()
        .unwrap();
    let (by_ec, by_old, fresh) = (token(&ec), token(&old), token(&old.clone().with_kid("f")));
    now.store(NOW + 9, Ordering::Relaxed);
    assert_eq!(
        (kind(&verifier, &by_ec), kind(&verifier, &by_old)),
        (None, None)
    );
    let other_thread = {
        let (verifier, token) = (verifier.clone(), by_old.clone());
        std::thread::spawn(move || verifier.verify(token).is_ok())
    };
    assert!(other_thread.join().unwrap());

    now.store(NOW + 10, Ordering::Relaxed);
    for token in [&by_old, &fresh] {
        let rejection = verifier.verify(token).unwrap_err();
        assert_eq!(rejection.kind(), RejectionKind::WrongAlgorithm);
        let end = format!("`shared_secrets_until` is {}; it is {}", NOW + 10, NOW + 10);
        assert!(rejection.to_string().contains(&end), "{rejection}");
        assert_eq!(kind(&verifier, token), Some(RejectionKind::WrongAlgorithm));
    }
    assert_eq!(kind(&verifier, &by_ec), None);
    // A token with a wrong signature gets the same answer: no secret is tried.
    let forged = token(&secret(2));
    assert_eq!(
        kind(&verifier, &forged),
        Some(RejectionKind::WrongAlgorithm)
    );
}

#[test]
fn issuers_from_a_source_have_shared_secrets() {
    #[derive(Clone)]
    struct Tenants(Arc<Mutex<PreparedIssuer>>, Key);

    impl Tenants {
        fn rules(secret: &Key) -> TrustedIssuer {
            TrustedIssuer::new(ISSUER)
                .audience("api")
                .shared_secret(secret.clone())
                .shared_secrets_until(NOW + 10)
        }
    }

    impl IssuerSource for Tenants {
        fn issuer(&self, _: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
            let prepared = self.0.lock().unwrap().clone();
            assert!(prepared.is_of(&Self::rules(&self.1)));
            Ok(Some(prepared))
        }
    }

    let (old, ec) = (secret(1), pem(Algorithm::ES256));
    let key = old.verifying_key();
    let source = Counting::with([ec.verifying_key()]);
    let prepared = Tenants::rules(&key).key_source(source).prepare().unwrap();
    // Other bytes, the same bytes as another key, a further key, and another end.
    for other in [
        Tenants::rules(&secret(2).verifying_key()),
        Tenants::rules(&old.verifying_key().with_kid("other")),
        Tenants::rules(&key).shared_secret(key.clone()),
        Tenants::rules(&key).shared_secrets_until(NOW + 11),
        TrustedIssuer::new(ISSUER).audience("api"),
    ] {
        assert!(!prepared.is_of(&other));
    }
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let verifier = Verifier::builder()
        .issuer_source(Tenants(Arc::new(Mutex::new(prepared)), key))
        .clock(move || clock.load(Ordering::Relaxed))
        .build()
        .unwrap();
    for key in [&old, &ec] {
        assert_eq!(kind(&verifier, &token(key)), None);
    }
    assert_eq!(
        kind(&verifier, &token(&secret(2))),
        Some(RejectionKind::BadSignature)
    );
    assert!(verifier.token_cache_status().unwrap().hits > 0);
    now.store(NOW + 10, Ordering::Relaxed);
    assert_eq!(
        kind(&verifier, &token(&old)),
        Some(RejectionKind::WrongAlgorithm)
    );
    assert_eq!(kind(&verifier, &token(&ec)), None);
}

#[test]
fn a_long_response_of_a_secret_ends_with_the_list() {
    let (old, new) = (secret(7), pem(Algorithm::ES256));
    let verifier = rules()
        .key(new.verifying_key())
        .shared_secret(old.verifying_key())
        .shared_secrets_until(NOW + 60)
        .build()
        .unwrap();
    let gate = Gate::from(verifier);
    let left = |key: &SigningKey| {
        let request = Request::new("GET").with("authorization", format!("Bearer {}", token(key)));
        gate.decide(&request).unwrap().expires_in().unwrap()
    };
    assert_eq!(left(&old), Duration::from_secs(60));
    assert!(left(&new) >= Duration::from_secs(3600));
}
