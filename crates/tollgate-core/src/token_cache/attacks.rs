//! What cannot be brought about from outside: tokens whose hashes are the same.

use std::sync::Arc;

use super::near::{Counters, Near};
use super::*;
use crate::key::{Key, SigningKey};
use crate::verifier::Verifier;

const NOW: u64 = 1_700_000_000;

/// What a token of this subject verifies to.
fn verified(subject: &str, padding: usize) -> Arc<Verified> {
    let verifier = Verifier::builder().any_issuer().any_audience();
    let verifier = verifier.key(Key::hs256([7; 32]).unwrap()).build().unwrap();
    let claims = serde_json::json!({ "sub": subject, "exp": 4_000_000_000_u64, "x": "x".repeat(padding) });
    let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
    Arc::clone(verifier.verify(token).unwrap().verified())
}

fn subject(known: &Verified) -> String {
    let principal = crate::Principal::known(Arc::new(known.clone()), NOW);
    principal.subject().unwrap().to_owned()
}

/// A search by a hash of the test's choosing.
fn seek<'c, 't>(cache: &'c VerifiedTokens, hash: u64, token: &'t [u8]) -> Sought<'c, 't> {
    Sought {
        hashed: Hashed { hash, token },
        ..cache.seek(token).unwrap()
    }
}

fn find(cache: &VerifiedTokens, hash: u64, token: &[u8]) -> Option<String> {
    let known = seek(cache, hash, token).find(NOW, |_| true)?;
    Some(subject(&known.verified))
}

/// Keeps it for good, which takes two times for an HMAC.
fn keep(cache: &VerifiedTokens, hash: u64, token: &[u8], verified: &Arc<Verified>) {
    for _ in 0..2 {
        seek(cache, hash, token).keep(NOW, verified, Grounds::none());
    }
}

#[test]
fn a_token_of_the_same_hash_is_another_token() {
    let cache = VerifiedTokens::new(TokenCache::default());
    let (one, two) = (verified("one", 0), verified("two", 0));
    for hash in [0, 1, 7, u64::MAX, 1 << 63] {
        keep(&cache, hash, b"one", &one);
        for _ in 0..3 {
            // In the far level, then in the near one.
            for forged in [&b"two"[..], b"on", b"onee", b"", b"One", b"one\0"] {
                assert_eq!(find(&cache, hash, forged), None);
            }
            assert_eq!(find(&cache, hash, b"one").as_deref(), Some("one"));
        }
        keep(&cache, hash, b"two", &two);
        for _ in 0..3 {
            assert_eq!(find(&cache, hash, b"two").as_deref(), Some("two"));
            assert_eq!(find(&cache, hash, b"one").as_deref(), Some("one"));
            assert_eq!(find(&cache, hash, b"tw0"), None);
        }
        // Another one is not thrown out for it.
        seek(&cache, hash, b"two").forget();
        assert_eq!(find(&cache, hash, b"two"), None);
        assert_eq!(find(&cache, hash, b"one").as_deref(), Some("one"));
    }
}

#[test]
fn the_same_token_under_another_hash_is_not_found() {
    let cache = VerifiedTokens::new(TokenCache::default());
    keep(&cache, 7, b"one", &verified("one", 0));
    for hash in [6, 8, 7 << 32, 7 | 1 << 63] {
        assert_eq!(find(&cache, hash, b"one"), None);
    }
}

/// Were all hashes the same, the cache would be slow and right, and as small as ever.
#[test]
fn a_cache_whose_tokens_all_meet_in_one_place_is_still_right() {
    let settings = TokenCache::default().max_bytes(64 * 1024).max_token_bytes(1000);
    let cache = VerifiedTokens::new(settings);
    let mut found = 0;
    for n in 0..300 {
        let (name, verified) = (format!("u-{n}"), verified(&format!("u-{n}"), 0));
        keep(&cache, 42, name.as_bytes(), &verified);
        for older in 0..=n {
            if let Some(subject) = find(&cache, 42, format!("u-{older}").as_bytes()) {
                assert_eq!(subject, format!("u-{older}"));
                found += 1;
            }
        }
        assert!(cache.status().bytes <= 64 * 1024);
    }
    assert!(found > 300, "{found}");
}

/// Two caches do not put the same token under the same hash: nobody who has measured one knows the other.
#[test]
fn each_cache_hashes_in_its_own_way() {
    let hash = |cache: &VerifiedTokens, token: &[u8]| cache.seek(token).unwrap().hashed.hash;
    let (one, two) = (
        VerifiedTokens::new(TokenCache::default()),
        VerifiedTokens::new(TokenCache::default()),
    );
    for token in [&b""[..], b"a", b"a.b.c", &[b'x'; 900]] {
        assert_eq!(hash(&one, token), hash(&one, token));
        assert_ne!(hash(&one, token), hash(&two, token));
    }
}

/// Single bits, lengths and places anywhere in a token make another hash.
#[test]
fn the_hash_is_of_the_whole_token() {
    let cache = VerifiedTokens::new(TokenCache::default());
    let hash = |token: &[u8]| cache.seek(token).unwrap().hashed.hash;
    let token = [b'x'; 1000];
    let mut seen = std::collections::HashSet::from([hash(&token)]);
    for place in 0..token.len() {
        let mut other = token;
        other[place] ^= 1;
        assert!(seen.insert(hash(&other)), "byte {place}");
        assert!(seen.insert(hash(&token[..place])), "length {place}");
    }
}

fn entry(hash: u64, verified: &Arc<Verified>) -> Arc<Entry> {
    let token = hash.to_string().into_bytes();
    Arc::new(Entry {
        hash,
        bytes: Entry::measure(&token, verified),
        token: Zeroizing::new(token.into()),
        verified: Arc::clone(verified),
        grounds: Grounds::none(),
        generation: 0,
        since: NOW,
    })
}

#[test]
fn the_table_of_a_thread_is_bounded() {
    const MOST: usize = 32 * 1024;
    let mut near = Near::new(MOST, Arc::<Counters>::default());
    let kinds = [0, 100, 1_000, 2_500, 4_500, 5_500].map(|padding| verified("u-7", padding));
    let mut kept = 0;
    let kinds = kinds.iter().cycle();
    for (n, verified) in (0..5_000_u64).zip(kinds) {
        let hash = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let entry = entry(hash, verified);
        let copy = near.keep(&entry, NOW + n / 100);
        let sought = Hashed {
            hash,
            token: &entry.token,
        };
        // What does not fit at all is not kept, and pushes out nothing.
        assert_eq!(near.find(&sought).is_some(), copy.is_some());
        kept += usize::from(copy.is_some());
        assert_eq!(near.measured(), near.bytes());
        assert!(near.bytes() <= MOST);
        if n % 3 == 0 {
            near.remove(&sought);
            assert!(near.find(&sought).is_none());
        }
    }
    assert!((3_000..5_000).contains(&kept), "{kept}");
}

/// The copy is the thread's own: it is not what other threads count their references in.
#[test]
fn what_is_near_is_a_copy() {
    let verified = verified("u-7", 0);
    let mut near = Near::new(64 * 1024, Arc::<Counters>::default());
    let copy = near.keep(&entry(7, &verified), NOW).unwrap();
    assert!(!Arc::ptr_eq(&copy, &verified));
    assert_eq!(subject(&copy), "u-7");
}
