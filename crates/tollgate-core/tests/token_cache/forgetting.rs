//! All that was verified before is forgotten at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tollgate_core::{Key, KeyEpoch, KeySet, KeySource, SigningKey, Unavailable, Verifier};

use super::{Hand, Scripted, es256, hits, is_verified_anew, keep, rules, set, signer, status, token, usual};

#[test]
fn what_is_forgotten_is_verified_anew_and_kept_again() {
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
fn it_is_forgotten_on_every_thread() {
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

/// Has everything forgotten in the course of a call, once it is armed.
struct Forgetting {
    at: Call,
    keys: Arc<KeySet>,
    verifier: Arc<OnceLock<Verifier>>,
    armed: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// While a token is being verified, between the look into the cache and the signature.
    Keys,
    /// While a token is being recognised.
    Epoch,
}

impl Forgetting {
    /// A verifier with such a source that has this key, and what arms it.
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
fn a_verification_that_began_before_does_not_count_afterwards() {
    let key = es256("1");
    let (verifier, armed) = Forgetting::verifier(Call::Keys, &key);
    let built = verifier.get().unwrap();
    let token = token(&key);
    armed.store(true, Ordering::SeqCst);
    is_verified_anew(built, &token);
    // It was verified, with what was there before: that is not to be relied on.
    is_verified_anew(built, &token);
    hits(built, &token);
}

/// Has everything forgotten while the use of its key is told: after the claims were checked, before the token is kept.
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
fn not_even_one_that_was_all_but_done() {
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

/// In either level: that look had begun before, and the next one finds nothing.
#[test]
fn a_source_may_have_it_forgotten_while_it_is_asked_whether_it_holds() {
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
        assert!(!armed.load(Ordering::SeqCst), "it was asked");
        is_verified_anew(built, &token);
        hits(built, &token);
        built.forget_verified_tokens();
    }
}

#[test]
fn to_forget_is_no_work_however_much_there_is() {
    let verifier = usual(&Hand::new());
    for n in 0..2_000 {
        let token = super::token_with(&signer(), &serde_json::json!({ "jti": n.to_string() }));
        is_verified_anew(&verifier, token);
    }
    let before = status(&verifier);
    verifier.forget_verified_tokens();
    assert_eq!(status(&verifier), before);
}
