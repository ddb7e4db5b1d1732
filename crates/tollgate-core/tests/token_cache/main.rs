//! Tests of the token cache: every change applies to the next request.

#![allow(clippy::unwrap_used)]

mod bounds;
mod clearing;
mod equality;
#[path = "../example/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the doc examples")]
mod example;
mod failures;
mod gate;
mod issuers;
mod key_use;
mod keys;
mod reentrant;
mod similar_tokens;
mod thread_exit;
mod threads;
mod times;
mod verifiers;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{
    Algorithm, Clock, Key, KeySet, KeySource, Principal, RejectionKind, SigningKey,
    TokenCacheStatus, Unavailable, Verifier, VerifierBuilder,
};

const NOW: u64 = 1_700_000_000;
const ISSUER: &str = "https://id.example.com";

/// A clock that the test sets.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW)))
    }

    fn set(&self, now: u64) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A scripted key source that records its calls.
#[derive(Clone)]
struct Scripted(Arc<Script>);

struct Script {
    keys: Mutex<Result<Arc<KeySet>, Unavailable>>,
    asked_for_keys: AtomicUsize,
    used: Mutex<Vec<u64>>,
}

impl Scripted {
    fn new(keys: &Arc<KeySet>) -> Self {
        Self(Arc::new(Script {
            keys: Mutex::new(Ok(Arc::clone(keys))),
            asked_for_keys: AtomicUsize::new(0),
            used: Mutex::default(),
        }))
    }

    fn have(&self, keys: &Arc<KeySet>) {
        *self.0.keys.lock().unwrap() = Ok(Arc::clone(keys));
    }

    fn go_down(&self) {
        *self.0.keys.lock().unwrap() = Err(Unavailable::new(Duration::from_secs(7)));
    }

    fn used(&self) -> Vec<u64> {
        self.0.used.lock().unwrap().clone()
    }
}

impl KeySource for Scripted {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.0.asked_for_keys.fetch_add(1, Ordering::SeqCst);
        self.0.keys.lock().unwrap().clone()
    }

    fn used(&self, _: &Key, now: u64) {
        self.0.used.lock().unwrap().push(now);
    }
}

fn set(keys: &[&SigningKey]) -> Arc<KeySet> {
    Arc::new(keys.iter().map(|key| key.verifying_key()).collect())
}

fn es256(kid: &str) -> SigningKey {
    SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .with_kid(kid)
}

/// The default key, with deterministic signatures.
fn signer() -> SigningKey {
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate(Algorithm::Ed25519).unwrap());
    KEY.clone()
}

/// An untrusted key of the same type.
fn stranger() -> SigningKey {
    static KEY: LazyLock<SigningKey> =
        LazyLock::new(|| SigningKey::generate(Algorithm::Ed25519).unwrap());
    KEY.clone()
}

/// A key whose tokens are cached on their second arrival.
fn hs256() -> SigningKey {
    SigningKey::hs256([7; 32]).unwrap()
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "api", "sub": "u-7", "exp": NOW + 60 })
}

/// Returns the default claims, overridden by these.
fn claims_with(more: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn token(key: &SigningKey) -> String {
    key.encode(&claims()).unwrap()
}

fn token_with(key: &SigningKey, more: &Value) -> String {
    key.encode(&claims_with(more)).unwrap()
}

fn rules(clock: &Hand) -> VerifierBuilder {
    let builder = Verifier::builder().issuer(ISSUER).audience("api");
    builder.clock(clock.clone()).leeway(Duration::ZERO)
}

/// Creates a verifier with the key of [`signer`].
fn usual(clock: &Hand) -> Verifier {
    rules(clock).key(signer().verifying_key()).build().unwrap()
}

fn status(verifier: &Verifier) -> TokenCacheStatus {
    verifier.token_cache_status().unwrap()
}

/// The path that led to an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A cache hit.
    Hit,
    /// A verification, whose token is now cached.
    Anew,
    /// A refusal, without effect on the cache.
    Refused,
}

/// Verifies a token and returns the outcome and its path.
fn ask(verifier: &Verifier, token: impl AsRef<[u8]>) -> (Result<Principal, RejectionKind>, Way) {
    let before = status(verifier);
    let outcome = verifier.verify(token).map_err(|rejection| rejection.kind());
    let after = status(verifier);
    let way = match (after.hits - before.hits, after.misses - before.misses) {
        (1, 0) => Way::Hit,
        (0, 1) => Way::Anew,
        (0, 0) => Way::Refused,
        other => panic!("one token must count once: {other:?}"),
    };
    (outcome, way)
}

#[track_caller]
fn hits(verifier: &Verifier, token: impl AsRef<[u8]>) {
    let (outcome, way) = ask(verifier, token);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(way, Way::Hit);
}

#[track_caller]
fn is_verified_anew(verifier: &Verifier, token: impl AsRef<[u8]>) {
    let (outcome, way) = ask(verifier, token);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(way, Way::Anew);
}

/// Verifies a token until both levels have it.
#[track_caller]
fn keep(verifier: &Verifier, token: impl AsRef<[u8]>) {
    is_verified_anew(verifier, &token);
    hits(verifier, &token);
    hits(verifier, &token);
}

#[track_caller]
fn refused(verifier: &Verifier, token: impl AsRef<[u8]>, kind: RejectionKind) {
    assert_eq!(ask(verifier, token).0.unwrap_err(), kind);
}
