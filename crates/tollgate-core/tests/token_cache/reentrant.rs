//! Sources that verify tokens themselves while they are asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use tollgate_core::{Key, KeyEpoch, KeySet, KeySource, Unavailable, Verifier};

use super::{Hand, es256, rules, set, status, token_with};

/// Verifies other tokens whenever it is asked or told anything, on the same thread and with the same verifier.
struct Curious {
    keys: Arc<KeySet>,
    others: Vec<String>,
    verifier: Arc<OnceLock<Verifier>>,
    depth: AtomicUsize,
    verified: Arc<AtomicUsize>,
}

impl Curious {
    fn verify(&self) {
        if self.depth.fetch_add(1, Ordering::SeqCst) < 2
            && let Some(verifier) = self.verifier.get()
        {
            let next = self.verified.fetch_add(1, Ordering::SeqCst) % self.others.len();
            verifier.verify(&self.others[next]).unwrap();
            if next.is_multiple_of(5) {
                verifier.forget_verified_tokens();
            }
        }
        self.depth.fetch_sub(1, Ordering::SeqCst);
    }
}

impl KeySource for Curious {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.verify();
        Ok(Arc::clone(&self.keys))
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        self.verify();
        Ok(self.keys.epoch())
    }

    fn used(&self, _: &Key, _: u64) {
        self.verify();
    }
}

#[test]
fn a_source_may_verify_tokens_whenever_it_is_asked() {
    let key = es256("1");
    let (verifier, count) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
    let others: Vec<_> = (0..40)
        .map(|n| token_with(&key, &json!({ "jti": n.to_string() })))
        .collect();
    let source = Curious {
        keys: set(&[&key]),
        others: others.clone(),
        verifier: Arc::clone(&verifier),
        depth: AtomicUsize::new(0),
        verified: Arc::clone(&count),
    };
    let clock = Hand::new();
    let built = rules(&clock).key_source(source).build().unwrap();
    let built = verifier.get_or_init(|| built);
    for round in 0..6 {
        clock.set(super::NOW + round);
        for token in others.iter().rev().take(10) {
            for _ in 0..3 {
                built.verify(token).unwrap();
            }
        }
    }
    assert!(count.load(Ordering::SeqCst) > 200);
    assert!(status(built).hits > 0);
}
