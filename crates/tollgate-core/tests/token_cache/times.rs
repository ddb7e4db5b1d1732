//! Time that passes, or goes backwards, while a token is cached.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{RejectionKind as Kind, TokenCache, Verifier, VerifierBuilder};

use super::{
    Hand, NOW, Way, ask, hits, is_verified_anew, keep, refused, rules, signer, status, token,
    token_with,
};

fn build(rules: VerifierBuilder) -> Verifier {
    rules.key(signer().verifying_key()).build().unwrap()
}

#[test]
fn a_cached_token_expires_to_the_second() {
    for leeway in [0, 1, 10, 300] {
        let clock = Hand::new();
        let verifier = build(rules(&clock).leeway(Duration::from_secs(leeway)));
        let token = token_with(&signer(), &json!({ "exp": NOW + 20 }));
        keep(&verifier, &token);
        clock.set(NOW + 19);
        hits(&verifier, &token);
        clock.set((NOW + 19 + leeway).min(NOW + 299));
        hits(&verifier, &token);
        clock.set(NOW + 20 + leeway);
        refused(&verifier, &token, Kind::Expired);
        refused(&verifier, &token, Kind::Expired);
        // A refused token is not cached.
        assert_eq!(status(&verifier).tokens, 0, "leeway {leeway}");
    }
}

#[test]
fn an_expired_token_in_the_shared_level_is_refused() {
    let clock = Hand::new();
    let verifier = build(rules(&clock));
    let token = token(&signer());
    is_verified_anew(&verifier, &token);
    clock.set(NOW + 60);
    refused(&verifier, &token, Kind::Expired);
    assert_eq!(status(&verifier).tokens, 0);
    clock.set(NOW + 59);
    is_verified_anew(&verifier, &token);
}

#[test]
fn a_time_refusal_equals_that_without_a_cache() {
    let (with, without) = (Hand::new(), Hand::new());
    let rules = |clock: &Hand| {
        rules(clock)
            .max_age(Duration::from_secs(40))
            .key(signer().verifying_key())
    };
    let kept = rules(&with).build().unwrap();
    let cold = rules(&without).without_token_cache().build().unwrap();
    let token = token_with(
        &signer(),
        &json!({ "iat": NOW, "nbf": NOW, "exp": NOW + 50 }),
    );
    keep(&kept, &token);
    for now in [
        NOW + 39,
        NOW + 40,
        NOW + 41,
        NOW + 49,
        NOW + 50,
        NOW - 1,
        NOW,
    ] {
        with.set(now);
        without.set(now);
        let outcome = |verifier: &Verifier| {
            let outcome = verifier.verify(&token);
            outcome
                .map(|p| p.verified_at())
                .map_err(|r| (r.kind(), r.to_string(), r.status()))
        };
        assert_eq!(outcome(&kept), outcome(&cold), "at {now}");
    }
}

#[test]
fn a_clock_set_back_makes_a_token_not_yet_valid_again() {
    for claim in ["nbf", "iat"] {
        let clock = Hand::new();
        let verifier = build(rules(&clock));
        let token = token_with(&signer(), &json!({ claim: NOW - 5 }));
        keep(&verifier, &token);
        clock.set(NOW - 5);
        is_verified_anew(&verifier, &token);
        clock.set(NOW - 6);
        refused(&verifier, &token, Kind::NotYetValid);
        clock.set(NOW);
        assert!(verifier.verify(&token).is_ok());
    }
}

#[test]
fn a_cached_token_exceeds_the_maximum_age() {
    let clock = Hand::new();
    let verifier = build(rules(&clock).max_age(Duration::from_secs(30)));
    let token = token_with(&signer(), &json!({ "iat": NOW }));
    keep(&verifier, &token);
    clock.set(NOW + 30);
    hits(&verifier, &token);
    clock.set(NOW + 31);
    refused(&verifier, &token, Kind::TooOld);
}

/// The age of a future event is undefined.
#[test]
fn there_is_no_hit_before_the_time_of_verification() {
    let clock = Hand::new();
    let verifier = build(rules(&clock));
    let token = token(&signer());
    keep(&verifier, &token);
    clock.set(NOW - 1);
    let (outcome, way) = ask(&verifier, &token);
    assert_eq!((outcome.unwrap().verified_at(), way), (NOW - 1, Way::Anew));
    hits(&verifier, &token);
    clock.set(0);
    is_verified_anew(&verifier, &token);
}

#[test]
fn the_cache_lifetime_ends_to_the_second_and_hits_do_not_extend_it() {
    for lifetime in [1, 2, 300] {
        let clock = Hand::new();
        let settings = TokenCache::default().lifetime(Duration::from_secs(lifetime));
        let verifier = build(rules(&clock).token_cache(settings));
        let token = token_with(&signer(), &json!({ "exp": NOW + 100_000 }));
        keep(&verifier, &token);
        for second in 0..lifetime {
            clock.set(NOW + second);
            hits(&verifier, &token);
        }
        clock.set(NOW + lifetime);
        is_verified_anew(&verifier, &token);
        clock.set(NOW + 2 * lifetime - 1);
        hits(&verifier, &token);
        clock.set(NOW + 2 * lifetime);
        is_verified_anew(&verifier, &token);
    }
}

#[test]
fn a_hit_has_the_time_of_the_request() {
    let clock = Hand::new();
    let verifier = build(rules(&clock));
    let token = token(&signer());
    let first = verifier.verify(&token).unwrap();
    clock.set(NOW + 30);
    let (second, way) = ask(&verifier, &token);
    clock.set(NOW + 31);
    let (third, _) = ask(&verifier, &token);
    assert_eq!(way, Way::Hit);
    let (second, third) = (second.unwrap(), third.unwrap());
    assert_eq!(
        [
            first.verified_at(),
            second.verified_at(),
            third.verified_at()
        ],
        [NOW, NOW + 30, NOW + 31]
    );
    assert_eq!(second.expires_at(), first.expires_at());
}

/// A system clock before 1970 reads as the maximum time.
#[test]
fn at_the_maximum_time_every_token_has_expired() {
    let clock = Hand::new();
    let verifier = build(rules(&clock));
    let token = token_with(&signer(), &json!({ "exp": u64::from(u32::MAX) }));
    keep(&verifier, &token);
    clock.set(u64::MAX);
    refused(&verifier, &token, Kind::Expired);
}

#[test]
fn a_token_without_exp_is_bound_by_the_cache_lifetime() {
    let clock = Hand::new();
    let verifier = build(rules(&clock).dangerous_allow_missing_exp());
    let token = signer()
        .encode(&json!({ "iss": super::ISSUER, "aud": "api" }))
        .unwrap();
    keep(&verifier, &token);
    clock.set(NOW + 299);
    hits(&verifier, &token);
    clock.set(NOW + 300);
    is_verified_anew(&verifier, &token);
}
