//! Keys that are withdrawn, replaced, unavailable, and available again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tollgate_core::{
    KeyEpoch, KeySet, KeySource, RejectionKind as Kind, SigningKey, Unavailable, Verifier,
};

use super::{
    Hand, Scripted, Way, ask, es256, hits, hs256, is_verified_anew, keep, refused, rules, set,
    signer, token, usual,
};

fn trusting(clock: &Hand, sources: &[&Scripted]) -> Verifier {
    let add = |builder: tollgate_core::VerifierBuilder, source: &&Scripted| {
        builder.key_source(Scripted::clone(source))
    };
    sources.iter().fold(rules(clock), add).build().unwrap()
}

#[test]
fn a_withdrawn_key_is_refused_immediately() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Scripted::new(&set(&[&old, &new]));
    let verifier = trusting(&Hand::new(), &[&source]);
    let (by_old, by_new) = (token(&old), token(&new));
    keep(&verifier, &by_old);
    keep(&verifier, &by_new);
    source.have(&set(&[&new]));
    refused(&verifier, &by_old, Kind::UnknownKey);
    // The other token is valid and was verified again.
    is_verified_anew(&verifier, &by_new);
    hits(&verifier, &by_new);
    refused(&verifier, &by_old, Kind::UnknownKey);
}

#[test]
fn a_withdrawn_key_is_refused_in_the_shared_level_too() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Scripted::new(&set(&[&old]));
    let verifier = trusting(&Hand::new(), &[&source]);
    let token = token(&old);
    is_verified_anew(&verifier, &token);
    source.have(&set(&[&new]));
    refused(&verifier, &token, Kind::UnknownKey);
}

#[test]
fn a_key_replaced_under_its_kid_is_refused() {
    let (old, new) = (es256("1"), es256("1"));
    let source = Scripted::new(&set(&[&old]));
    let verifier = trusting(&Hand::new(), &[&source]);
    let token = token(&old);
    keep(&verifier, &token);
    source.have(&set(&[&new]));
    refused(&verifier, &token, Kind::BadSignature);
}

#[test]
fn the_same_set_returned_again_keeps_its_cached_tokens() {
    let key = es256("1");
    let keys = set(&[&key]);
    let source = Scripted::new(&keys);
    let verifier = trusting(&Hand::new(), &[&source]);
    let token = token(&key);
    keep(&verifier, &token);
    // A clone of a set at another address has the same epoch.
    source.have(&Arc::new(KeySet::clone(&keys)));
    hits(&verifier, &token);
    // The same keys in another set have another epoch.
    source.have(&set(&[&key]));
    is_verified_anew(&verifier, &token);
}

#[test]
fn an_unavailable_source_is_never_a_success() {
    let key = es256("1");
    let keys = set(&[&key]);
    let source = Scripted::new(&keys);
    let verifier = trusting(&Hand::new(), &[&source]);
    let token = token(&key);
    keep(&verifier, &token);
    source.go_down();
    for _ in 0..3 {
        let rejection = verifier.verify(&token).unwrap_err();
        assert_eq!(
            (rejection.status(), rejection.kind()),
            (503, Kind::Unavailable)
        );
    }
    source.have(&keys);
    assert!(verifier.verify(&token).is_ok());
    hits(&verifier, &token);
}

#[test]
fn a_restored_set_validates_only_its_own_tokens() {
    let (one, two) = (es256("1"), es256("1"));
    let (first, second) = (set(&[&one]), set(&[&two]));
    let source = Scripted::new(&first);
    let verifier = trusting(&Hand::new(), &[&source]);
    let (by_one, by_two) = (token(&one), token(&two));
    keep(&verifier, &by_one);
    for _ in 0..3 {
        source.have(&second);
        refused(&verifier, &by_one, Kind::BadSignature);
        assert!(verifier.verify(&by_two).is_ok());
        source.have(&first);
        refused(&verifier, &by_two, Kind::BadSignature);
        assert!(verifier.verify(&by_one).is_ok());
    }
    // No lookup happened during the other set, so tokens verified with the first set are still
    // cached.
    hits(&verifier, &by_one);
    source.have(&second);
    source.have(&first);
    hits(&verifier, &by_one);
}

#[test]
fn each_of_two_sources_is_checked() {
    let (ours, theirs) = (es256("ours"), es256("theirs"));
    let (our_keys, their_keys) = (set(&[&ours]), set(&[&theirs]));
    let (first, second) = (Scripted::new(&our_keys), Scripted::new(&their_keys));
    let verifier = trusting(&Hand::new(), &[&first, &second]);
    let token = token(&ours);
    keep(&verifier, &token);
    // The source without the key becomes unavailable: the token is accepted, because its key is
    // present.
    second.go_down();
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
    second.have(&their_keys);
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
    first.go_down();
    refused(&verifier, &token, Kind::Unavailable);
    second.go_down();
    refused(&verifier, &token, Kind::Unavailable);
    first.have(&our_keys);
    assert!(verifier.verify(&token).is_ok());
    // The key moves to the other source.
    first.have(&their_keys);
    second.have(&our_keys);
    is_verified_anew(&verifier, &token);
    second.have(&their_keys);
    refused(&verifier, &token, Kind::UnknownKey);
}

/// A secret beside public keys is never used, so a new public key invalidates tokens verified with
/// the secret.
#[test]
fn a_new_public_key_bars_a_secret_immediately() {
    let (secret, public) = (hs256(), es256("1"));
    let (first, second) = (Scripted::new(&set(&[&secret])), Scripted::new(&set(&[])));
    let verifier = trusting(&Hand::new(), &[&first, &second]);
    let token = token(&secret);
    // HMAC verification is cheap, so the token is cached on its second arrival.
    is_verified_anew(&verifier, &token);
    keep(&verifier, &token);
    second.have(&set(&[&public]));
    refused(&verifier, &token, Kind::WrongAlgorithm);
    second.have(&set(&[]));
    assert!(verifier.verify(&token).is_ok());
    second.go_down();
    refused(&verifier, &token, Kind::Unavailable);
}

/// A source that returns a new set for each call.
struct Restless(SigningKey);

impl KeySource for Restless {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(set(&[&self.0]))
    }
}

#[test]
fn a_source_with_a_new_set_per_call_never_hits_and_stays_correct() {
    let key = es256("1");
    let verifier = rules(&Hand::new())
        .key_source(Restless(key.clone()))
        .build()
        .unwrap();
    let token = token(&key);
    for _ in 0..5 {
        is_verified_anew(&verifier, &token);
    }
    assert_eq!(super::status(&verifier).tokens, 1);
}

/// A source that swaps its set during a verification, right after returning the old one.
struct Swapping {
    scripted: Scripted,
    next: Arc<KeySet>,
}

impl KeySource for Swapping {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        let keys = self.scripted.keys();
        self.scripted.have(&self.next);
        keys
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        self.scripted.epoch()
    }
}

#[test]
fn a_verification_with_a_set_withdrawn_meanwhile_is_not_cached() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Swapping {
        scripted: Scripted::new(&set(&[&old])),
        next: set(&[&new]),
    };
    let verifier = rules(&Hand::new()).key_source(source).build().unwrap();
    let token = token(&old);
    // Verified before the swap.
    is_verified_anew(&verifier, &token);
    refused(&verifier, &token, Kind::UnknownKey);
}

/// A source that has keys but cannot return an epoch.
struct Shy(Scripted);

impl KeySource for Shy {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        self.0.keys()
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        Err(Unavailable::new(Duration::from_secs(1)))
    }
}

#[test]
fn an_unavailable_epoch_prevents_caching() {
    let key = es256("1");
    let source = Scripted::new(&set(&[&key]));
    let verifier = rules(&Hand::new())
        .key_source(Shy(source.clone()))
        .build()
        .unwrap();
    let token = token(&key);
    is_verified_anew(&verifier, &token);
    is_verified_anew(&verifier, &token);
    assert_eq!(source.0.asked_for_keys.load(Ordering::SeqCst), 2);
}

#[test]
fn static_keys_need_no_epoch() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    assert_eq!(ask(&verifier, &token).1, Way::Anew);
    assert_eq!(ask(&verifier, &token).1, Way::Hit);
}
