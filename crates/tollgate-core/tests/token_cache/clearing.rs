//! Clearing the cache takes effect immediately.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tollgate_core::{Key, KeyEpoch, KeySet, KeySource, SigningKey, Unavailable, Verifier};

use super::{
    Hand, Scripted, es256, hits, is_verified_anew, keep, rules, set, signer, status, token, usual,
};

#[test]
fn after_a_clear_tokens_are_verified_and_cached_again() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    keep(&verifier, &token);
    verifier.forget_verified_tokens();
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
    hits(&verifier, &token);
    verifier.forget_verified_tokens();
    verifier.forget_verified_tokens();
    is_verified_anew(&verifier, &token);
    assert_eq!(status(&verifier).tokens, 1);
}

#[test]
fn a_clear_applies_to_every_thread() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    let (told, tell) = std::sync::mpsc::channel::<()>();
    let (kept, keeps) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (verifier, token) = (&verifier, &token);
        scope.spawn(move || {
            keep(verifier, token);
            kept.send(()).unwrap();
            tell.recv().unwrap();
            is_verified_anew(verifier, token);
        });
        keeps.recv().unwrap();
        verifier.forget_verified_tokens();
        told.send(()).unwrap();
    });
}

/// A key source that clears the cache during a call, once armed.
struct Forgetting {
    at: Call,
    keys: Arc<KeySet>,
    verifier: Arc<OnceLock<Verifier>>,
    armed: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// During a verification, between cache lookup and signature check.
    Keys,
    /// During a cache lookup.
    Epoch,
}

impl Forgetting {
    /// Returns a verifier with such a source and this key, and the slot that arms it.
    fn verifier(at: Call, key: &SigningKey) -> (Arc<OnceLock<Verifier>>, Arc<AtomicBool>) {
        let (verifier, armed) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let source = Self {
            at,
            keys: set(&[key]),
            verifier: Arc::clone(&verifier),
            armed: Arc::clone(&armed),
        };
        let built = rules(&Hand::new()).key_source(source).build().unwrap();
        assert!(verifier.set(built).is_ok());
        (verifier, armed)
    }

    fn called(&self, call: Call) {
        if call == self.at && self.armed.swap(false, Ordering::SeqCst) {
            self.verifier.get().unwrap().forget_verified_tokens();
        }
    }
}

impl KeySource for Forgetting {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.called(Call::Keys);
        Ok(Arc::clone(&self.keys))
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        self.called(Call::Epoch);
        Ok(self.keys.epoch())
    }
}

#[test]
fn a_verification_that_began_before_a_clear_is_not_cached() {
    let key = es256("1");
    let (verifier, armed) = Forgetting::verifier(Call::Keys, &key);
    let built = verifier.get().unwrap();
    let token = token(&key);
    armed.store(true, Ordering::SeqCst);
    is_verified_anew(built, &token);
    // It was verified with the state before the clear.
    is_verified_anew(built, &token);
    hits(built, &token);
}

/// A source that clears the cache in the key-use callback: after the claims check, before the token
/// is cached.
struct ForgettingAtTheEnd(Scripted, Arc<OnceLock<Verifier>>);

impl KeySource for ForgettingAtTheEnd {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.0.keys()
    }

    fn used(&self, key: &Key, now: u64) {
        if self.0.used().is_empty() {
            self.1.get().unwrap().forget_verified_tokens();
        }
        KeySource::used(&self.0, key, now);
    }
}

#[test]
fn a_clear_just_before_caching_takes_effect() {
    let key = es256("1");
    let verifier = Arc::new(OnceLock::new());
    let source = ForgettingAtTheEnd(Scripted::new(&set(&[&key])), Arc::clone(&verifier));
    let built = rules(&Hand::new()).key_source(source).build().unwrap();
    let built = verifier.get_or_init(|| built);
    let token = token(&key);
    is_verified_anew(built, &token);
    is_verified_anew(built, &token);
    hits(built, &token);
}

/// In either level: the current lookup began before the clear, and the next one finds nothing.
#[test]
fn a_source_may_clear_the_cache_during_an_epoch_read() {
    let key = es256("1");
    let (verifier, armed) = Forgetting::verifier(Call::Epoch, &key);
    let built = verifier.get().unwrap();
    let token = token(&key);
    for looks_before in 0..3 {
        is_verified_anew(built, &token);
        for _ in 0..looks_before {
            hits(built, &token);
        }
        armed.store(true, Ordering::SeqCst);
        hits(built, &token);
        assert!(!armed.load(Ordering::SeqCst), "the source was called");
        is_verified_anew(built, &token);
        hits(built, &token);
        built.forget_verified_tokens();
    }
}

#[test]
fn a_clear_removes_entries_lazily() {
    let verifier = usual(&Hand::new());
    for n in 0..2_000 {
        let token = super::token_with(&signer(), &serde_json::json!({ "jti": n.to_string() }));
        is_verified_anew(&verifier, token);
    }
    let before = status(&verifier);
    verifier.forget_verified_tokens();
    assert_eq!(status(&verifier), before);
}
