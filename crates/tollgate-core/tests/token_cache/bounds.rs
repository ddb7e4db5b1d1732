//! Bounds of the cache, and eviction.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::json;
use tollgate_core::{
    IssuerSource, KeySet, KeySource, PreparedIssuer, TokenCache, TrustedIssuer, Unavailable,
    Verifier,
};

use super::{
    Hand, Way, ask, hits, is_verified_anew, rules, set, signer, status, token, token_with,
};

fn with(cache: TokenCache) -> Verifier {
    let builder = rules(&Hand::new()).token_cache(cache);
    builder.key(signer().verifying_key()).build().unwrap()
}

fn numbered(n: usize, padding: usize) -> String {
    token_with(
        &signer(),
        &json!({ "jti": n.to_string(), "x": "x".repeat(padding) }),
    )
}

#[test]
fn the_longest_cached_token_has_the_documented_length() {
    let exactly = token(&signer());
    for (most, ways) in [
        (exactly.len(), [Way::Anew, Way::Hit, Way::Hit]),
        (exactly.len() + 1, [Way::Anew, Way::Hit, Way::Hit]),
        (exactly.len() - 1, [Way::Refused; 3]), // too long for the cache
    ] {
        let verifier = with(TokenCache::default().max_token_bytes(most));
        for way in ways {
            let (outcome, got) = ask(&verifier, &exactly);
            assert!(outcome.is_ok());
            assert_eq!(got, way);
        }
    }
}

#[test]
fn memory_stays_within_the_limit() {
    for (most, longest) in [(64 * 1024, 8 * 1024), (1 << 20, 4096), (1 << 20, 1000)] {
        let cache = TokenCache::default()
            .max_bytes(most)
            .max_token_bytes(longest);
        let verifier = with(cache);
        let mut kept = 0;
        for n in 0..3_000 {
            let token = numbered(n, n * 37 % 3_000);
            assert!(verifier.verify(&token).is_ok());
            let status = status(&verifier);
            assert!(status.bytes <= most as u64, "{} of {most}", status.bytes);
            kept = kept.max(status.tokens);
        }
        assert!(kept > 5, "{kept} tokens in {most} bytes");
    }
}

/// Concurrent insertions are bounded too.
#[test]
fn memory_stays_within_the_limit_under_concurrent_insertions() {
    let most: usize = 1 << 20;
    let verifier = with(TokenCache::default().max_bytes(most));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let verifier = &verifier;
            scope.spawn(move || {
                for n in 0..1_500 {
                    let token = numbered(thread * 10_000 + n, n * 31 % 1_500);
                    assert!(verifier.verify(&token).is_ok());
                    assert!(verifier.verify(&token).is_ok());
                    assert!(status(verifier).bytes <= most as u64);
                }
            });
        }
    });
}

/// 100 000 tokens that arrive once, while fifty arrive repeatedly.
#[test]
fn a_flood_does_not_evict_tokens_in_use() {
    let verifier = with(TokenCache::default().max_bytes(1 << 20));
    let working_set: Vec<_> = (0..50).map(|n| numbered(1_000_000 + n, 20)).collect();
    for _ in 0..3 {
        for token in &working_set {
            assert!(verifier.verify(token).is_ok());
        }
    }
    let mut missed = 0;
    for n in 0..100_000 {
        let token = numbered(n, n * 7 % 40);
        is_verified_anew(&verifier, &token);
        if n % 20 == 0 {
            let (outcome, way) = ask(&verifier, &working_set[n / 20 % 50]);
            assert!(outcome.is_ok());
            missed += usize::from(way != Way::Hit);
        }
    }
    let status = status(&verifier);
    assert!(
        status.tokens < 2_000,
        "the flood must exceed the cache: {status:?}"
    );
    assert_eq!(missed, 0);
}

/// The same for threads that have not seen the working set: the shared level has kept it.
#[test]
fn after_a_flood_other_threads_find_the_tokens_in_use() {
    let clock = Hand::new();
    let builder = rules(&clock).token_cache(TokenCache::default().max_bytes(1 << 20));
    let verifier = builder.key(signer().verifying_key()).build().unwrap();
    let working_set: Vec<_> = (0..50).map(|n| numbered(1_000_000 + n, 20)).collect();
    for (second, now) in (super::NOW..).take(40).enumerate() {
        clock.set(now);
        for n in 0..250 {
            is_verified_anew(&verifier, numbered(second * 250 + n, 20));
        }
        for token in &working_set {
            assert!(verifier.verify(token).is_ok());
        }
    }
    let found = std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let ways = working_set.iter().map(|token| ask(&verifier, token).1);
            ways.filter(|way| *way == Way::Hit).count()
        });
        others.join().unwrap()
    });
    assert!(found >= 45, "{found} of 50");
}

/// A key source with a marker that shows when it is dropped.
struct Marked(Arc<KeySet>, #[allow(dead_code)] Arc<()>);

impl KeySource for Marked {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(Arc::clone(&self.0))
    }
}

/// An issuer source that accepts every name. Each issuer has a marker that shows when it is
/// dropped.
struct Issuers(Arc<KeySet>, Arc<Mutex<Vec<Weak<()>>>>);

impl IssuerSource for Issuers {
    fn issuer(&self, name: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        let mark = Arc::new(());
        self.1.lock().unwrap().push(Arc::downgrade(&mark));
        let source = Marked(Arc::clone(&self.0), mark);
        let issuer = TrustedIssuer::new(name).audience("api").key_source(source);
        Ok(Some(issuer.prepare().unwrap()))
    }
}

/// A kept issuer would keep its key fetches alive, although it may not be trusted any more.
#[test]
fn the_cache_keeps_no_issuer_alive() {
    let marks = Arc::new(Mutex::new(Vec::new()));
    let issuers = Issuers(set(&[&signer()]), Arc::clone(&marks));
    let builder = Verifier::builder()
        .clock(Hand::new())
        .issuer_source(issuers);
    let verifier = builder.build().unwrap();
    for n in 0..50 {
        is_verified_anew(&verifier, numbered(n, 0));
        is_verified_anew(&verifier, numbered(n, 0));
    }
    let marks = marks.lock().unwrap();
    assert_eq!(
        marks.len(),
        150,
        "one for each verification and one for each cache lookup"
    );
    assert!(marks.iter().all(|mark| mark.upgrade().is_none()));
}

#[test]
fn an_expired_token_is_removed_on_lookup() {
    let clock = Hand::new();
    let settings = TokenCache::default().lifetime(Duration::from_secs(5));
    let verifier = rules(&clock)
        .token_cache(settings)
        .key(signer().verifying_key())
        .build()
        .unwrap();
    let tokens: Vec<_> = (0..100).map(|n| numbered(n, 0)).collect();
    for token in &tokens {
        is_verified_anew(&verifier, token);
        hits(&verifier, token);
    }
    clock.set(super::NOW + 60);
    for token in &tokens {
        assert!(verifier.verify(token).is_err());
    }
    assert_eq!((status(&verifier).tokens, status(&verifier).bytes), (0, 0));
}
