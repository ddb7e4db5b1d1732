//! Sources that verify tokens themselves while they are asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use tollgate_core::{
    IssuerSource, Key, KeyEpoch, KeySet, KeySource, PreparedIssuer, TokenCache, TrustedIssuer, Unavailable,
    Verifier,
};

use super::{Hand, es256, hs256, keep, rules, set, status, token_with};

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
            if next % 5 == 0 {
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
    let (verifier, verified) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
    let others: Vec<_> = (0..40)
        .map(|n| token_with(&key, &json!({ "jti": n.to_string() })))
        .collect();
    let source = Curious {
        keys: set(&[&key]),
        others: others.clone(),
        verifier: Arc::clone(&verifier),
        depth: AtomicUsize::new(0),
        verified: Arc::clone(&verified),
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
    assert!(verified.load(Ordering::SeqCst) > 200);
    assert!(status(built).hits > 0);
}

const LISTED: &str = "https://listed.example";

/// Verifies a token when it is dropped, and panics if the test wants that.
struct Parting {
    keys: Arc<KeySet>,
    verifier: Arc<OnceLock<Verifier>>,
    gone: Arc<AtomicUsize>,
    panics: bool,
}

impl KeySource for Parting {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(Arc::clone(&self.keys))
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        let gone = self.gone.fetch_add(1, Ordering::SeqCst);
        if self.panics && !std::thread::panicking() {
            panic!("as the test wants it");
        }
        if let Some(verifier) = self.verifier.get() {
            // Each is another one, so that none is answered without a look at the shared level; its issuer is listed.
            let claims = json!({ "iss": LISTED, "jti": format!("gone {gone}") });
            verifier.verify(token_with(&hs256(), &claims)).unwrap();
        }
    }
}

/// Makes an issuer for each question.
struct Lavish {
    keys: Arc<KeySet>,
    verifier: Arc<OnceLock<Verifier>>,
    gone: Arc<AtomicUsize>,
    panics: bool,
}

impl IssuerSource for Lavish {
    fn issuer(&self, name: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        let source = Parting {
            keys: Arc::clone(&self.keys),
            verifier: Arc::clone(&self.verifier),
            gone: Arc::clone(&self.gone),
            panics: self.panics,
        };
        let issuer = TrustedIssuer::new(name).audience("api").key_source(source);
        Ok(Some(issuer.prepare().unwrap()))
    }
}

/// A verifier that holds on to things that verify tokens when they are let go.
fn lavish(panics: bool) -> (Verifier, Arc<AtomicUsize>, Arc<OnceLock<Verifier>>) {
    let key = hs256();
    let (cell, gone) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
    let lavish = Lavish {
        keys: set(&[&key]),
        verifier: Arc::clone(&cell),
        gone: Arc::clone(&gone),
        panics,
    };
    let builder = Verifier::builder().clock(Hand::new()).issuer_source(lavish);
    let builder = builder.trust(TrustedIssuer::new(LISTED).audience("api").key(key.verifying_key()));
    let cache = TokenCache::default().max_bytes(64 * 1024).max_token_bytes(8 * 1024);
    (builder.token_cache(cache).build().unwrap(), gone, cell)
}

fn numbered(n: usize, padding: usize) -> String {
    token_with(&hs256(), &json!({ "jti": n.to_string(), "x": "x".repeat(padding) }))
}

/// One long token pushes out many short ones at once, and with them what they rested on: none of it is dropped under a lock.
#[test]
fn what_is_pushed_out_may_verify_tokens_in_turn() {
    let (verifier, gone, cell) = lavish(false);
    let verifier = cell.get_or_init(|| verifier);
    for round in 0..20 {
        for n in 0..60 {
            verifier.verify(numbered(round * 100 + n, 0)).unwrap();
        }
        verifier.verify(numbered(round * 100 + 99, 3_000)).unwrap();
    }
    assert!(gone.load(Ordering::SeqCst) > 500);
}

/// Nor does a panic in it leave a lock that nobody can take any more.
#[test]
fn what_is_pushed_out_may_panic_and_the_cache_goes_on() {
    let (verifier, _, _cell) = lavish(true);
    let mut panicked = 0;
    for round in 0..20 {
        for n in 0..60 {
            let token = numbered(round * 100 + n, if n == 59 { 3_000 } else { 0 });
            let verify = std::panic::AssertUnwindSafe(|| verifier.verify(&token));
            panicked += usize::from(std::panic::catch_unwind(verify).is_err());
        }
    }
    assert!(panicked > 0);
    let listed = token_with(&hs256(), &json!({ "iss": LISTED }));
    keep(&verifier, listed);
    std::mem::forget(verifier); // its other issuers would panic one after the other
}
