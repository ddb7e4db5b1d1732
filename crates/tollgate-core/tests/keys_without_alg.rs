//! JWKs without `alg`: the verifier's `algorithms` choose what they serve.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_core::Algorithm::{self, *};
use tollgate_core::{
    ConfigErrorKind, KeySet, KeySource, RejectionKind, SigningKey, Unavailable, Verifier,
    VerifierBuilder,
};

const RSA: [Algorithm; 6] = [RS256, RS384, RS512, PS256, PS384, PS512];

struct Fixed(Arc<KeySet>);

impl KeySource for Fixed {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(Arc::clone(&self.0))
    }
}

fn rules() -> VerifierBuilder {
    Verifier::builder()
        .dangerous_any_issuer()
        .dangerous_any_audience()
}

/// Returns the key as a JWK without `alg`.
fn without_alg(key: &SigningKey) -> Value {
    let mut jwk = key.public_jwk().unwrap();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk
}

fn set(keys: &[Value]) -> KeySet {
    let set = KeySet::from_json(json!({"keys": keys}).to_string()).unwrap();
    assert_eq!(set.len(), keys.len());
    set
}

fn rsa(algorithm: Algorithm) -> SigningKey {
    let key = SigningKey::from_pem(algorithm, include_str!("keys/rsa.pem")).unwrap();
    key.with_kid("r1")
}

fn token(key: &SigningKey) -> String {
    key.encode(&json!({"exp": 4_000_000_000_u64})).unwrap()
}

/// Returns the refusal of the token, by fixed keys and by a source.
fn refused(keys: &KeySet, algorithms: Option<&[Algorithm]>, token: &str) -> Option<String> {
    let with = |builder: VerifierBuilder| {
        let builder = match algorithms {
            Some(algorithms) => builder.algorithms(algorithms.iter().copied()),
            None => builder,
        };
        let refusal = builder.build().unwrap().verify(token).err();
        refusal.map(|refusal| refusal.to_string())
    };
    let outcome = with(rules().key_set(keys.clone()));
    if keys.keys().iter().all(|key| !key.family().is_symmetric()) {
        let source = Fixed(Arc::new(keys.clone()));
        assert_eq!(with(rules().key_source(source)), outcome);
    }
    outcome
}

#[test]
fn the_algorithms_of_the_verifier_apply() {
    let keys = set(&[without_alg(&rsa(RS256))]);
    for algorithm in RSA {
        let token = token(&rsa(algorithm));
        for other in RSA {
            let refused = refused(&keys, Some(&[other]), &token);
            assert_eq!(refused.is_none(), other == algorithm, "{algorithm} {other}");
        }
        assert_eq!(refused(&keys, Some(&RSA), &token), None);
        assert_eq!(refused(&keys, None, &token).is_none(), algorithm == RS256);
    }
    // Also for a key and a token without `kid`.
    for (jwk_kid, token_kid) in [(false, true), (true, false), (false, false)] {
        let mut jwk = without_alg(&rsa(RS256));
        if !jwk_kid {
            jwk.as_object_mut().unwrap().remove("kid");
        }
        let mut key = SigningKey::from_pem(PS256, include_str!("keys/rsa.pem")).unwrap();
        if token_kid {
            key = key.with_kid("r1");
        }
        assert_eq!(refused(&set(&[jwk]), Some(&[PS256]), &token(&key)), None);
    }
}

#[test]
fn a_declared_algorithm_is_final() {
    let keys = set(&[rsa(RS256).public_jwk().unwrap()]);
    let token = token(&rsa(PS256));
    assert!(refused(&keys, Some(&RSA), &token).is_some());
    let build = |set: KeySet| rules().key_set(set).algorithms([PS256]).build();
    let error = build(keys).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NoUsableKey);
    let serving = set(&[without_alg(&rsa(RS256))]).keys()[0].clone();
    let serving: KeySet = [serving.serving([RS512]).unwrap()].into_iter().collect();
    assert!(!serving.keys()[0].can_serve(PS256));
    assert!(build(serving).is_err());
}

#[test]
fn only_algorithms_of_the_type_apply() {
    let ec = SigningKey::generate(ES256).unwrap();
    let ed = SigningKey::generate(EdDSA).unwrap();
    for (jwk, own) in [
        (without_alg(&ec), &[ES256][..]),
        (without_alg(&ed), &[EdDSA, Ed25519]),
        (without_alg(&rsa(RS256)), &RSA),
        (json!({"kty": "oct", "k": "A".repeat(64)}), &[HS256, HS384]),
        (
            json!({"kty": "oct", "k": "A".repeat(86)}),
            &[HS256, HS384, HS512],
        ),
    ] {
        let keys = set(&[jwk]);
        for algorithm in Algorithm::ALL {
            let fits = own.contains(algorithm);
            assert_eq!(keys.keys()[0].can_serve(*algorithm), fits, "{algorithm}");
            let built = rules()
                .key_set(keys.clone())
                .algorithms([*algorithm])
                .build();
            assert_eq!(built.is_ok(), fits, "{algorithm}");
        }
    }
    let secret = SigningKey::hs384([0; 48]).unwrap();
    let keys = set(&[json!({"kty": "oct", "k": "A".repeat(64)})]);
    assert_eq!(refused(&keys, Some(&[HS384]), &token(&secret)), None);
    assert!(refused(&keys, None, &token(&secret)).is_some());
    // A public key never becomes a secret.
    let public = set(&[without_alg(&rsa(RS256))]);
    let source = rules().key_source(Fixed(Arc::new(public)));
    let verifier = source.algorithms([HS256, HS384]).build().unwrap();
    assert!(verifier.verify(token(&secret)).is_err());
}

#[test]
fn no_message_calls_a_present_key_missing() {
    let mut other = SigningKey::generate(PS256).unwrap().public_jwk().unwrap();
    other["kid"] = "r2".into();
    let token = token(&rsa(PS256));
    let undeclared = "WrongAlgorithm: the key for a token with `kid` \"r1\" declares no `alg`: to \
                      accept PS256, add it to `algorithms`";
    for keys in [
        set(&[without_alg(&rsa(RS256))]),
        set(&[without_alg(&rsa(RS256)), other.clone()]),
    ] {
        assert_eq!(refused(&keys, None, &token).as_deref(), Some(undeclared));
    }
    let declared = rsa(RS256).public_jwk().unwrap();
    let text = "the key of a token with `kid` \"r1\" serves [RS256], not PS256";
    let alone = set(std::slice::from_ref(&declared));
    assert_eq!(
        refused(&alone, None, &token),
        Some(format!("WrongAlgorithm: {text}"))
    );
    let both = set(&[declared, other.clone()]);
    assert_eq!(
        refused(&both, None, &token),
        Some(format!("UnknownKey: {text}"))
    );
    // Here it is missing.
    let text = "UnknownKey: no key fits a token with `kid` \"r1\" and `alg` PS256";
    assert_eq!(refused(&set(&[other]), None, &token).as_deref(), Some(text));
    // A secret beside a public set is there, but not used.
    let secret = SigningKey::hs256([7; 32]).unwrap();
    let mixed: KeySet = [secret.verifying_key(), rsa(RS256).verifying_key()]
        .into_iter()
        .collect();
    let verifier = rules().key_source(Fixed(Arc::new(mixed))).build().unwrap();
    let refusal = verifier.verify(self::token(&secret)).unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::WrongAlgorithm);
    assert!(
        refusal.to_string().contains("not used beside public keys"),
        "{refusal}"
    );
}
