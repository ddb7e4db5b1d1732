//! The time goes on while a token is kept, and sometimes back.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{RejectionKind as Kind, TokenCache, Verifier, VerifierBuilder};

use super::{
    Hand, NOW, Way, ask, hits, is_verified_anew, keep, refused, rules, signer, status, token, token_with,
};

fn build(rules: VerifierBuilder) -> Verifier {
    rules.key(signer().verifying_key()).build().unwrap()
}

#[test]
fn a_token_expires_while_it_is_kept_to_the_second() {
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
        // What is refused is not kept.
        assert_eq!(status(&verifier).tokens, 0, "leeway {leeway}");
    }
}

#[test]
fn what_has_expired_while_only_the_far_level_had_it_is_refused() {
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
fn a_refusal_for_the_time_says_what_it_says_without_a_cache() {
    let (with, without) = (Hand::new(), Hand::new());
    let rules = |clock: &Hand| {
        rules(clock)
            .max_age(Duration::from_secs(40))
            .key(signer().verifying_key())
    };
    let kept = rules(&with).build().unwrap();
    let cold = rules(&without).without_token_cache().build().unwrap();
    let token = token_with(&signer(), &json!({ "iat": NOW, "nbf": NOW, "exp": NOW + 50 }));
    keep(&kept, &token);
    for now in [NOW + 39, NOW + 40, NOW + 41, NOW + 49, NOW + 50, NOW - 1, NOW] {
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
fn a_clock_that_is_put_back_makes_a_token_not_yet_valid_again() {
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
fn a_token_gets_too_old_while_it_is_kept() {
    let clock = Hand::new();
    let verifier = build(rules(&clock).max_age(Duration::from_secs(30)));
    let token = token_with(&signer(), &json!({ "iat": NOW }));
    keep(&verifier, &token);
    clock.set(NOW + 30);
    hits(&verifier, &token);
    clock.set(NOW + 31);
    refused(&verifier, &token, Kind::TooOld);
}

/// Of how long ago something was that is yet to come, nothing can be said.
#[test]
fn before_the_verification_nothing_is_recognised() {
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
fn the_lifetime_ends_to_the_second_and_no_hit_prolongs_it() {
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
fn a_hit_is_verified_at_the_time_of_the_request() {
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
        [first.verified_at(), second.verified_at(), third.verified_at()],
        [NOW, NOW + 30, NOW + 31]
    );
    assert_eq!(second.expires_at(), first.expires_at());
}

/// A system clock before 1970 reads as the end of time.
#[test]
fn at_the_end_of_time_everything_has_expired() {
    let clock = Hand::new();
    let verifier = build(rules(&clock));
    let token = token_with(&signer(), &json!({ "exp": u64::from(u32::MAX) }));
    keep(&verifier, &token);
    clock.set(u64::MAX);
    refused(&verifier, &token, Kind::Expired);
}

#[test]
fn a_token_without_end_is_held_to_the_lifetime_all_the_same() {
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
