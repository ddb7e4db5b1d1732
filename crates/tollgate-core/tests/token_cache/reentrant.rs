//! Key sources that verify tokens within their callbacks.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::json;
use tollgate_core::{Claims, Key, KeyEpoch, KeySet, KeySource, TokenCache, Unavailable, Verifier};

use super::{Hand, es256, keep, rules, set, signer, status, token, token_with, usual};

/// A source that verifies other tokens in each callback, on the same thread with the same verifier.
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
fn a_source_may_verify_tokens_in_every_callback() {
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

/// Claims that are cached with their token, and call a function when dropped.
#[derive(Deserialize)]
struct Parting {
    jti: String,
}

impl Claims for Parting {}

/// The function to call, on the thread of one test.
type LastWords = Box<dyn Fn(&str)>;

thread_local! {
    static LAST_WORDS: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

impl Drop for Parting {
    fn drop(&mut self) {
        let _ = LAST_WORDS.try_with(|words| {
            if let Some(words) = words.borrow().as_ref() {
                words(&self.jti);
            }
        });
    }
}

/// Creates a cache with room for a few tokens, or for one long token instead of many short ones.
fn small() -> Verifier {
    let cache = TokenCache::default()
        .max_bytes(64 * 1024)
        .max_token_bytes(8 * 1024);
    let builder = rules(&Hand::new()).token_cache(cache);
    builder.key(signer().verifying_key()).build().unwrap()
}

/// Verifies many short tokens with cached claims, then one that evicts many of them at once.
fn fill(verifier: &Verifier, round: usize, each: impl Fn(&dyn Fn())) {
    for n in 0..60 {
        let padding = "x".repeat(if n == 59 { 2_500 } else { 0 });
        let token = token_with(
            &signer(),
            &json!({ "jti": format!("{round}-{n}"), "x": padding }),
        );
        each(&|| {
            let principal = verifier.verify(&token).unwrap();
            principal.shared_claims::<Parting>().unwrap();
        });
    }
}

/// Evicted values are not dropped under a lock.
#[test]
fn evicted_claims_may_verify_tokens_on_drop() {
    let (verifier, gone) = (small(), Arc::new(AtomicUsize::new(0)));
    let (asking, count) = (verifier.clone(), Arc::clone(&gone));
    LAST_WORDS.set(Some(Box::new(move |jti| {
        count.fetch_add(1, Ordering::SeqCst);
        // All distinct, so that each lookup reaches the shared level.
        let last = token_with(&signer(), &json!({ "jti": format!("last of {jti}") }));
        asking.verify(last).unwrap();
    })));
    for round in 0..20 {
        fill(&verifier, round, |verify| verify());
    }
    assert!(gone.load(Ordering::SeqCst) > 500);
    LAST_WORDS.set(None);
}

/// A panic on drop does not poison a lock either.
#[test]
fn evicted_claims_may_panic_and_the_cache_continues() {
    let (verifier, panicked) = (small(), AtomicUsize::new(0));
    LAST_WORDS.set(Some(Box::new(|_| {
        assert!(std::thread::panicking(), "expected by the test");
    })));
    for round in 0..10 {
        fill(&verifier, round, |verify| {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(verify));
            panicked.fetch_add(usize::from(caught.is_err()), Ordering::SeqCst);
        });
    }
    LAST_WORDS.set(None);
    assert!(panicked.load(Ordering::SeqCst) > 0);
    keep(&verifier, token(&signer()));
}

/// Cached values are dropped with the verifier, whichever threads have copies.
#[test]
fn a_dropped_verifier_leaves_nothing() {
    let verifier = usual(&Hand::new());
    let token = token_with(&signer(), &json!({ "jti": "t-1" }));
    let claims = |verifier: &Verifier| {
        let principal = verifier.verify(&token).unwrap();
        Arc::downgrade(&principal.shared_claims::<Parting>().unwrap())
    };
    let mut kept: Vec<_> = (0..3).map(|_| claims(&verifier)).collect();
    let (seen, see) = std::sync::mpsc::channel();
    let (done, end) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (clone, claims) = (verifier.clone(), &claims);
        scope.spawn(move || {
            let mine: Vec<_> = (0..3).map(|_| claims(&clone)).collect();
            drop(clone);
            seen.send(mine).unwrap();
            end.recv().unwrap();
        });
        kept.extend(see.recv().unwrap());
        let alive = || {
            kept.iter()
                .filter(|claims| claims.upgrade().is_some())
                .count()
        };
        assert_eq!(alive(), 6);
        drop(verifier);
        // The other thread is still running.
        assert_eq!(alive(), 0);
        done.send(()).unwrap();
    });
}
