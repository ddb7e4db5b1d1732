//! Tests of the conversions.

use jsonwebtoken::jwk::JwkSet;
use serde_json::json;

use super::*;
use crate::key::base64;

const MESSAGE: &[u8] = b"header.payload";

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    base64::decode_standard(body.as_bytes()).unwrap().to_vec()
}

#[test]
fn names_of_algorithms_agree() {
    for ours in Algorithm::ALL.iter().copied() {
        match jsonwebtoken::Algorithm::try_from(ours) {
            Ok(theirs) => {
                assert_eq!(format!("{theirs:?}"), ours.as_str());
                assert_eq!(Algorithm::try_from(theirs), Ok(ours));
            }
            Err(error) => {
                assert!(matches!(ours, Algorithm::ES512 | Algorithm::Ed25519));
                assert_eq!(error.kind(), KeyErrorKind::UnsupportedAlgorithm);
            }
        }
    }
}

#[test]
fn converted_keys_verify_and_sign() {
    let rsa = der(include_str!("../../../tests/keys/rsa-pkcs1.pem"));
    let rsa_public = der(include_str!("../../../tests/keys/rsa-public-pkcs1.pem"));
    let p384 = der(include_str!("../../../tests/keys/p384.pem"));
    let p384_public = der(include_str!("../../../tests/keys/p384-public.pem"));
    let ed = der(include_str!("../../../tests/keys/ed25519.pem"));
    let ed_public = der(include_str!("../../../tests/keys/ed25519-public.pem"));
    for (algorithm, signing, verifying) in [
        (
            Algorithm::HS256,
            EncodingKey::from_secret(&[7; 32]),
            vec![DecodingKey::from_secret(&[7; 32])],
        ),
        (
            Algorithm::PS256,
            EncodingKey::from_rsa_der(&rsa),
            vec![DecodingKey::from_rsa_der(&rsa_public)],
        ),
        (
            Algorithm::ES384,
            EncodingKey::from_ec_der(&p384),
            vec![
                DecodingKey::from_ec_der(&p384_public),
                DecodingKey::from_ec_der(&p384_public[p384_public.len() - 97..]),
            ],
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(&ed),
            vec![
                DecodingKey::from_ed_der(&ed_public),
                DecodingKey::from_ed_der(&ed_public[ed_public.len() - 32..]),
            ],
        ),
    ] {
        let key = SigningKey::from_encoding_key(algorithm, &signing).unwrap();
        let signature = key.sign(MESSAGE).unwrap();
        let mut keys: Vec<Key> = verifying
            .iter()
            .map(|key| Key::from_decoding_key(algorithm, key).unwrap())
            .collect();
        if let Some(jwk) = key.public_jwk() {
            let theirs: Jwk = serde_json::from_value(jwk).unwrap();
            keys.push(Key::try_from(&theirs).unwrap());
            let theirs = DecodingKey::from_jwk(&theirs).unwrap();
            keys.push(Key::from_decoding_key(algorithm, &theirs).unwrap());
        }
        for key in keys {
            assert!(key.verify(algorithm, MESSAGE, &signature), "{algorithm}");
        }
        for other in Algorithm::ALL
            .iter()
            .copied()
            .filter(|other| other.family() != algorithm.family())
        {
            assert!(Key::from_decoding_key(other, &verifying[0]).is_err());
            assert!(SigningKey::from_encoding_key(other, &signing).is_err());
        }
    }
}

#[test]
fn converted_keys_are_checked() {
    let error =
        |algorithm, key: &DecodingKey| Key::from_decoding_key(algorithm, key).unwrap_err().kind();
    assert_eq!(
        error(Algorithm::HS256, &DecodingKey::from_secret(b"short")),
        KeyErrorKind::SecretTooShort
    );
    let pem = include_bytes!("../../../tests/keys/rsa-public.pem");
    assert_eq!(
        error(Algorithm::HS256, &DecodingKey::from_secret(pem)),
        KeyErrorKind::PublicKey
    );
    let weak = DecodingKey::from_rsa_raw_components(&[0xff; 128], &[1, 0, 1]);
    assert_eq!(error(Algorithm::RS256, &weak), KeyErrorKind::RsaModulus);
    let point = DecodingKey::from_ec_der(&[&[4][..], &[7; 64]].concat());
    assert_eq!(error(Algorithm::ES256, &point), KeyErrorKind::InvalidPoint);
    assert_eq!(
        error(Algorithm::ES384, &point),
        KeyErrorKind::AlgorithmMismatch
    );
    assert_eq!(
        error(Algorithm::EdDSA, &DecodingKey::from_ed_der(&[0; 32])),
        KeyErrorKind::InvalidPoint
    );
    assert_eq!(
        error(Algorithm::EdDSA, &DecodingKey::from_ed_der(&[0; 31])),
        KeyErrorKind::Malformed
    );
    let private = DecodingKey::from_ec_der(&der(include_str!("../../../tests/keys/p256.pem")));
    assert_eq!(error(Algorithm::ES256, &private), KeyErrorKind::PrivateKey);

    let set: JwkSet = serde_json::from_value(json!({"keys": [
        {"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "short"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "good"},
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "use": "enc"},
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
    ]}))
    .unwrap();
    let set = KeySet::from_jsonwebtoken(&set).unwrap();
    assert_eq!(
        set.keys().iter().map(Key::kid).collect::<Vec<_>>(),
        [Some("good")]
    );
    let kinds: Vec<_> = set
        .skipped()
        .iter()
        .map(|skipped| skipped.error.kind())
        .collect();
    assert_eq!(
        kinds,
        [
            KeyErrorKind::SecretTooShort,
            KeyErrorKind::WrongUse,
            KeyErrorKind::UnsupportedKeyType
        ]
    );
}
