//! Tests of the cache with tokens of equal hashes, which a test cannot produce from outside.

use std::sync::{Arc, LazyLock};

use super::near::Near;
use super::*;
use crate::key::{Key, SigningKey};
use crate::verifier::Verifier;
use crate::verifier::evidence::Evidence;
use crate::verifier::verified::Verified;

const NOW: u64 = 1_700_000_000;

fn verifier() -> &'static Verifier {
    static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
        let builder = Verifier::builder()
            .dangerous_any_issuer()
            .dangerous_any_audience()
            .without_token_cache();
        builder.key(Key::hs256([7; 32]).unwrap()).build().unwrap()
    });
    &VERIFIER
}

/// Returns the verification result of a token with this subject.
fn verified(subject: &str, padding: usize) -> Arc<Verified> {
    let claims =
        serde_json::json!({ "sub": subject, "exp": 4_000_000_000_u64, "x": "x".repeat(padding) });
    let token = SigningKey::hs256([7; 32]).unwrap().encode(&claims).unwrap();
    let Held::Together(held) = verifier().verify(token).unwrap().held().clone() else {
        panic!("the token is not cached")
    };
    held
}

fn subject(known: Held<Verified>) -> String {
    let principal = crate::Principal::new(known, None, NOW);
    principal.subject().unwrap().to_owned()
}

/// Starts a look-up with a hash of the test's choice.
fn seek<'c, 't>(
    cache: &'c VerifiedTokens<Verified>,
    hash: u64,
    token: &'t [u8],
) -> Sought<'c, 't, Verified> {
    Sought {
        hashed: Hashed { hash, token },
        ..cache.seek(token).unwrap()
    }
}

fn find(cache: &VerifiedTokens<Verified>, hash: u64, token: &[u8]) -> Option<String> {
    let known = seek(cache, hash, token).find(NOW, &verifier().0.issuers)?;
    Some(subject(known.held))
}

/// Keeps a token. An HMAC needs two uses.
fn keep(cache: &VerifiedTokens<Verified>, hash: u64, token: &[u8], verified: &Arc<Verified>) {
    for _ in 0..2 {
        seek(cache, hash, token).keep(NOW, verified, Evidence::none());
    }
}

#[test]
fn equal_hashes_do_not_confuse_tokens() {
    let cache = VerifiedTokens::<Verified>::new(TokenCache::default());
    let (one, two) = (verified("one", 0), verified("two", 0));
    for hash in [0, 1, 7, u64::MAX, 1 << 63] {
        keep(&cache, hash, b"one", &one);
        for _ in 0..3 {
            // First in the far level, then in the near one.
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
        // It does not evict another token.
        seek(&cache, hash, b"two").forget();
        assert_eq!(find(&cache, hash, b"two"), None);
        assert_eq!(find(&cache, hash, b"one").as_deref(), Some("one"));
    }
}

#[test]
fn the_same_token_under_another_hash_is_not_found() {
    let cache = VerifiedTokens::<Verified>::new(TokenCache::default());
    keep(&cache, 7, b"one", &verified("one", 0));
    for hash in [6, 8, 7 << 32, 7 | 1 << 63] {
        assert_eq!(find(&cache, hash, b"one"), None);
    }
}

/// If all hashes were equal, the cache would be slow, but correct and bounded.
#[test]
fn a_cache_with_only_collisions_is_correct() {
    let settings = TokenCache::default()
        .max_bytes(64 * 1024)
        .max_token_bytes(1000);
    let cache = VerifiedTokens::<Verified>::new(settings);
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

/// Two caches hash the same token differently, so measurements of one do not help against another.
#[test]
fn each_cache_has_its_own_hash_key() {
    let hash =
        |cache: &VerifiedTokens<Verified>, token: &[u8]| cache.seek(token).unwrap().hashed.hash;
    let (one, two) = (
        VerifiedTokens::<Verified>::new(TokenCache::default()),
        VerifiedTokens::<Verified>::new(TokenCache::default()),
    );
    for token in [&b""[..], b"a", b"a.b.c", &[b'x'; 900]] {
        assert_eq!(hash(&one, token), hash(&one, token));
        assert_ne!(hash(&one, token), hash(&two, token));
    }
}

/// Changes of single bits, of the length, and at any place of the token change the hash.
#[test]
fn the_hash_covers_the_whole_token() {
    let cache = VerifiedTokens::<Verified>::new(TokenCache::default());
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

fn entry(hash: u64, verified: &Arc<Verified>) -> Arc<Entry<Verified>> {
    let token = hash.to_string().into_bytes();
    Arc::new(Entry {
        hash,
        noted: AtomicU64::new(0),
        bytes: Entry::measure(&token, &**verified, &Evidence::none()),
        token: Zeroizing::new(token.into()),
        value: Arc::clone(verified),
        evidence: Evidence::none(),
        generation: 0,
        since: NOW,
    })
}

#[test]
fn the_table_of_a_thread_is_bounded() {
    const MOST: usize = 24 * 1024;
    let mut near = Near::<Verified>::new(MOST);
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
        // A token that does not fit is not kept, and evicts nothing.
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

/// A thread has its own handle, so its use does not change the counters of other threads.
#[test]
fn near_handles_are_counted_by_their_thread() {
    let verified = verified("u-7", 0);
    let mut near = Near::<Verified>::new(64 * 1024);
    let entry = entry(7, &verified);
    near.keep(&entry, NOW).unwrap();
    let counts = || (Arc::strong_count(&verified), Arc::strong_count(&entry));
    let before = counts();
    let sought = Hashed {
        hash: 7,
        token: &entry.token,
    };
    let held = [(); 3].map(|()| near.find(&sought).unwrap().held());
    assert_eq!(counts(), before);
    assert!(held.into_iter().all(|held| subject(held) == "u-7"));
}

/// If a thread uses more tokens in turn than fit, some of them stay.
#[test]
fn an_overloaded_thread_keeps_some_tokens() {
    let verified = verified("u-7", 0);
    let entries: Vec<_> = (0..200_u64)
        .map(|n| entry(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), &verified))
        .collect();
    let mut near = Near::<Verified>::new(128 * 1024);
    let mut found = 0;
    for round in 0..100 {
        for entry in &entries {
            let (hash, token) = (entry.hash, &entry.token);
            if let Some(slot) = near.find(&Hashed { hash, token }) {
                slot.is_due(NOW + round);
                found += 1;
            } else if near.has_room_for(entry, NOW + round) {
                near.keep(entry, NOW + round).unwrap();
            }
        }
    }
    // A fourth of them fits. Evicting the oldest each time would lead to no hits at all.
    assert!((2_000..10_000).contains(&found), "{found}");
}

/// A flood of valid tokens, each used often enough to reach the near level, replaces unused tokens
/// and hardly any used ones.
#[test]
fn a_flood_does_not_evict_tokens_in_use() {
    let verified = verified("u-7", 0);
    let entries: Vec<_> = (0..30_u64)
        .map(|n| entry(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), &verified))
        .collect();
    let mut near = Near::<Verified>::new(128 * 1024);
    for entry in &entries {
        near.keep(entry, NOW).unwrap();
    }
    let mut found = 0;
    for n in 0..10_000_u64 {
        let now = NOW + n / 1_000;
        let flood = entry((n + 30).wrapping_mul(0x9E37_79B9_7F4A_7C15), &verified);
        if near.has_room_for(&flood, now) {
            near.keep(&flood, now).unwrap();
        }
        let used = &entries[usize::try_from(n).unwrap() % entries.len()];
        let (hash, token) = (used.hash, &used.token);
        if let Some(slot) = near.find(&Hashed { hash, token }) {
            slot.is_due(now);
            found += 1;
        } else if near.has_room_for(used, now) {
            near.keep(used, now).unwrap();
        }
    }
    assert!(found > 5_000, "{found}");
}

/// Tokens that are no longer used make room for used ones.
#[test]
fn unused_tokens_make_room() {
    let verified = verified("u-7", 0);
    let mut near = Near::<Verified>::new(128 * 1024);
    for n in 0..200_u64 {
        near.keep(
            &entry(n.wrapping_mul(0x9E37_79B9_7F4A_7C15), &verified),
            NOW,
        );
    }
    let full = near.bytes();
    let new = entry(u64::MAX / 3, &verified);
    let tries =
        |near: &mut Near<Verified>, now| (0..64).filter(|_| near.has_room_for(&new, now)).count();
    assert_eq!(tries(&mut near, NOW), 64 / 16); // no token is rejected for ever
    assert_eq!(tries(&mut near, NOW + 1), 64 / 16);
    for later in [NOW + 2, NOW + 500, NOW - 1] {
        assert_eq!(tries(&mut near, later), 64);
    }
    assert_eq!(near.bytes(), full, "a look-up changes nothing");
}
