//! Independent verifiers.

use serde_json::json;
use tollgate_core::{RejectionKind as Kind, TrustedIssuer, Verifier};

use super::{
    Hand, ISSUER, Scripted, es256, hits, is_verified_anew, keep, refused, rules, set, signer,
    status, stranger, token, token_with, usual,
};

#[test]
fn a_cached_token_is_not_accepted_by_a_verifier_of_another_audience() {
    let clock = Hand::new();
    let key = signer();
    let named = |audience: &str| {
        let builder = Verifier::builder().issuer(ISSUER).audience(audience);
        let builder = builder.key(key.verifying_key()).clock(clock.clone());
        builder.build().unwrap()
    };
    let (ours, theirs) = (named("api"), named("billing"));
    let token = token(&key);
    for _ in 0..3 {
        assert!(ours.verify(&token).is_ok());
        refused(&theirs, &token, Kind::WrongAudience);
    }
    let both = token_with(&key, &json!({ "aud": ["api", "billing"] }));
    keep(&ours, &both);
    is_verified_anew(&theirs, &both);
    assert_eq!(status(&theirs).hits, 0);
}

#[test]
fn a_cached_token_is_not_accepted_by_a_verifier_of_another_issuer() {
    let clock = Hand::new();
    let ours = usual(&clock);
    let builder = Verifier::builder()
        .issuer("https://other.example")
        .audience("api");
    let theirs = builder
        .key(signer().verifying_key())
        .clock(clock)
        .build()
        .unwrap();
    let token = token(&signer());
    keep(&ours, &token);
    refused(&theirs, &token, Kind::UntrustedIssuer);
    refused(&theirs, &token, Kind::UntrustedIssuer);
}

#[test]
fn a_cached_token_is_not_accepted_by_a_verifier_of_another_key() {
    let clock = Hand::new();
    let ours = usual(&clock);
    let theirs = rules(&clock)
        .key(stranger().verifying_key())
        .build()
        .unwrap();
    let token = token(&signer());
    keep(&ours, &token);
    refused(&theirs, &token, Kind::BadSignature);
    hits(&ours, &token);
    refused(&theirs, &token, Kind::BadSignature);
}

#[test]
fn verifiers_with_a_shared_source_have_separate_caches() {
    let clock = Hand::new();
    let key = es256("1");
    let source = Scripted::new(&set(&[&key]));
    let stricter = || rules(&clock).key_source(source.clone());
    let (loose, strict) = (
        stricter().build().unwrap(),
        stricter().require_claim("jti").build().unwrap(),
    );
    let token = token(&key);
    keep(&loose, &token);
    refused(&strict, &token, Kind::MissingClaim);
    refused(&strict, &token, Kind::MissingClaim);
}

#[test]
fn clones_share_one_cache() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    is_verified_anew(&verifier, &token);
    let clone = verifier.clone();
    hits(&clone, &token);
    assert_eq!(status(&clone), status(&verifier));
    clone.forget_verified_tokens();
    is_verified_anew(&verifier, &token);
    drop(verifier);
    hits(&clone, &token);
}

/// A verifier built at the address of a dropped one starts empty on every thread: the per-thread
/// table belongs to its verifier.
#[test]
fn a_verifier_at_the_address_of_a_dropped_one_starts_empty() {
    let clock = Hand::new();
    let token = token(&signer());
    for _ in 0..200 {
        let verifier = usual(&clock);
        keep(&verifier, &token);
        drop(verifier);
        let stranger = rules(&clock)
            .key(stranger().verifying_key())
            .build()
            .unwrap();
        refused(&stranger, &token, Kind::BadSignature);
        assert_eq!(status(&stranger).tokens, 0);
    }
}

#[test]
fn a_verifier_without_a_cache_never_hits() {
    let key = es256("1");
    let source = Scripted::new(&set(&[&key]));
    let verifier = rules(&Hand::new())
        .key_source(source.clone())
        .without_token_cache();
    let verifier = verifier.build().unwrap();
    let token = token(&key);
    for _ in 0..4 {
        assert!(verifier.verify(&token).is_ok());
    }
    verifier.forget_verified_tokens();
    assert_eq!(verifier.token_cache_status(), None);
    assert_eq!(
        source
            .0
            .asked_for_keys
            .load(std::sync::atomic::Ordering::SeqCst),
        4
    );
}

#[test]
fn each_issuer_of_a_list_keeps_its_rules_and_keys() {
    let clock = Hand::new();
    let (one, two) = (es256("1"), es256("1"));
    let (of_one, of_two) = (Scripted::new(&set(&[&one])), Scripted::new(&set(&[&two])));
    let trusted = |name: &str, source: &Scripted| {
        TrustedIssuer::new(name)
            .audience("api")
            .key_source(source.clone())
    };
    let builder = Verifier::builder()
        .clock(clock)
        .trust(trusted("https://one.example", &of_one));
    let verifier = builder
        .trust(trusted("https://two.example", &of_two))
        .build()
        .unwrap();
    let of = |key, name: &str| token_with(key, &json!({ "iss": name }));
    let (from_one, from_two) = (
        of(&one, "https://one.example"),
        of(&two, "https://two.example"),
    );
    keep(&verifier, &from_one);
    keep(&verifier, &from_two);
    refused(
        &verifier,
        of(&one, "https://two.example"),
        Kind::BadSignature,
    );
    // Only tokens of the issuer with changed keys are verified again.
    of_one.have(&set(&[&es256("1")]));
    hits(&verifier, &from_two);
    refused(&verifier, &from_one, Kind::BadSignature);
    of_two.go_down();
    refused(&verifier, &from_two, Kind::Unavailable);
    refused(&verifier, &from_one, Kind::BadSignature);
}

#[test]
fn debug_output_contains_no_token() {
    let key = es256("1");
    let source = Scripted::new(&set(&[&key]));
    let verifier = rules(&Hand::new()).key_source(source).build().unwrap();
    let token = token(&key);
    keep(&verifier, &token);
    let principal = verifier.verify(&token).unwrap();
    let gate = tollgate_core::Gate::from(verifier.clone());
    let shown = format!(
        "{verifier:?} {verifier:#?} {:?} {principal:?} {principal:#?} {gate:?} {:?}",
        status(&verifier),
        tollgate_core::TokenCache::default(),
    );
    for secret in token.split('.').chain([&token[..], "u-7"]) {
        assert!(!shown.contains(secret), "{secret} in {shown}");
        // Nor its bytes as numbers.
        let bytes = format!("{:?}", &secret.as_bytes()[..3]);
        assert!(!shown.contains(&bytes[1..bytes.len() - 1]), "{shown}");
    }
}
