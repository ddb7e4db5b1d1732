//! Fuzzes a JWK Set, a map of certificates, a single JWK and PEM. Every key that is kept is usable,
//! and every member is accounted for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::{Algorithm, Key, KeySet, SigningKey};

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = KeySet::from_json(data) {
        assert_eq!(set.is_empty(), set.keys().is_empty());
        assert!(set.keys().iter().all(|key| !key.algorithms().is_empty()));
        let kinds: Vec<bool> = set
            .keys()
            .iter()
            .map(|key| key.family().is_symmetric())
            .collect();
        assert!(
            kinds.windows(2).all(|pair| pair[0] == pair[1]),
            "secrets beside public keys"
        );
        assert!(
            set.skipped()
                .iter()
                .all(|skipped| !skipped.error.to_string().is_empty())
        );
    }
    if let Ok(set) = KeySet::from_certificate_map(data) {
        assert!(set.keys().iter().all(|key| key.kid().is_some()));
        assert!(set.len() + set.skipped().len() <= KeySet::MAX_KEYS);
    }
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        if let Ok(key) = Key::from_pem(algorithm, data) {
            assert_eq!(key.algorithms()[0], algorithm);
            assert!(Key::hs256(data).is_err());
        }
        drop(SigningKey::from_pem(algorithm, data));
    }
    if let Ok(key) = Key::from_jwk(data) {
        assert!(!key.algorithms().is_empty());
        assert_eq!(key.algorithms()[0].family(), key.family());
    }
    if let Ok(key) = SigningKey::from_jwk(data) {
        assert_eq!(key.verifying_key().family(), key.algorithm().family());
    }
});
