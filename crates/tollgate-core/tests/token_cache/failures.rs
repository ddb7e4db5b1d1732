//! Refused tokens are not cached.

use serde_json::json;
use tollgate_core::{RejectionKind as Kind, TrustedIssuer, Verifier};

use super::{
    Hand, ISSUER, NOW, Scripted, Way, ask, es256, hits, hs256, is_verified_anew, refused, rules,
    set, signer, status, stranger, token, token_with, usual,
};

#[test]
fn a_refused_token_is_not_cached() {
    let verifier = usual(&Hand::new());
    let key = signer();
    let good = token(&key);
    let cut = good.rsplit_once('.').unwrap().0;
    for (token, kind) in [
        (token(&stranger()), Kind::BadSignature),
        (cut.to_owned(), Kind::MalformedToken),
        (
            token_with(&key, &json!({ "aud": "x" })),
            Kind::WrongAudience,
        ),
        (
            token_with(&key, &json!({ "iss": "x" })),
            Kind::UntrustedIssuer,
        ),
        (token_with(&key, &json!({ "exp": NOW })), Kind::Expired),
        (
            token_with(&key, &json!({ "nbf": NOW + 1 })),
            Kind::NotYetValid,
        ),
        (
            token_with(&key, &json!({ "sub": 7 })),
            Kind::MalformedClaims,
        ),
        (String::new(), Kind::MalformedToken),
    ] {
        for _ in 0..3 {
            let (outcome, way) = ask(&verifier, &token);
            assert_eq!((outcome.unwrap_err(), way), (kind, Way::Refused));
        }
    }
    assert_eq!((status(&verifier).tokens, status(&verifier).bytes), (0, 0));
}

#[test]
fn a_token_that_was_not_yet_valid_passes_when_its_time_comes() {
    let clock = Hand::new();
    let verifier = usual(&clock);
    let token = token_with(&signer(), &json!({ "nbf": NOW + 10 }));
    refused(&verifier, &token, Kind::NotYetValid);
    clock.set(NOW + 9);
    refused(&verifier, &token, Kind::NotYetValid);
    clock.set(NOW + 10);
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
}

#[test]
fn a_token_with_an_unknown_key_passes_when_the_key_arrives() {
    let (old, new) = (es256("old"), es256("new"));
    let source = Scripted::new(&set(&[&old]));
    let verifier = rules(&Hand::new())
        .key_source(source.clone())
        .build()
        .unwrap();
    let token = token(&new);
    refused(&verifier, &token, Kind::UnknownKey);
    source.go_down();
    refused(&verifier, &token, Kind::Unavailable);
    source.have(&set(&[&old, &new]));
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
}

#[test]
fn a_flood_of_refusals_evicts_nothing() {
    let verifier = usual(&Hand::new());
    let token = token(&signer());
    is_verified_anew(&verifier, &token);
    let (head, _) = token.rsplit_once('.').unwrap();
    for n in 0..20_000 {
        let forged = format!("{head}.{n:A>86}");
        assert!(verifier.verify(forged).is_err());
    }
    assert_eq!(status(&verifier).tokens, 1);
    hits(&verifier, &token);
}

/// An HMAC token is cached on its second arrival, regardless of the tokens in between, and is then
/// treated like any other.
#[test]
fn a_cheap_token_is_cached_on_its_second_arrival() {
    let clock = Hand::new();
    let verifier = rules(&clock).key(hs256().verifying_key()).build().unwrap();
    let token = token(&hs256());
    let (head, signature) = token.rsplit_once('.').unwrap();
    is_verified_anew(&verifier, &token);
    assert_eq!(status(&verifier).tokens, 0);
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    for _ in 0..3 {
        // A second arrival does not help a refused token.
        refused(
            &verifier,
            format!("{head}.{other}{}", &signature[1..]),
            Kind::BadSignature,
        );
    }
    is_verified_anew(&verifier, &token);
    hits(&verifier, &token);
    clock.set(NOW + 60);
    refused(&verifier, &token, Kind::Expired);
}

/// A token that one issuer of a list refuses is not accepted for another because of a cached token.
#[test]
fn a_token_with_another_issuer_claim_is_another_token() {
    let builder = Verifier::builder().clock(Hand::new());
    let (one, two) = (signer(), stranger());
    let trusted = |name: &str, key: &tollgate_core::SigningKey| {
        TrustedIssuer::new(name)
            .audience("api")
            .key(key.verifying_key())
    };
    let builder = builder
        .trust(trusted(ISSUER, &one))
        .trust(trusted("https://b.example", &two));
    let verifier = builder.build().unwrap();
    is_verified_anew(&verifier, token(&one));
    refused(
        &verifier,
        token_with(&one, &json!({ "iss": "https://b.example" })),
        Kind::BadSignature,
    );
    refused(&verifier, token(&two), Kind::BadSignature);
    hits(&verifier, token(&one));
}
