use super::*;

#[test]
fn every_private_key_is_read_from_its_own_pem() {
    for &algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let pem = key.to_pkcs8_pem();
        if algorithm.family() == Family::Hmac {
            let error = pem.unwrap_err();
            assert_eq!(error.kind(), KeyErrorKind::AlgorithmMismatch);
            continue;
        }
        let pem = pem.unwrap();
        assert!(
            pem.starts_with("-----BEGIN PRIVATE KEY-----\n"),
            "{algorithm:?}"
        );
        assert!(
            pem.lines().all(|line| line.len() <= 64),
            "RFC 7468 section 2"
        );
        let same = SigningKey::from_pem(algorithm, pem.as_bytes()).unwrap();
        assert_eq!(same.public_jwk(), key.public_jwk());
    }
}

#[test]
fn different_keys_have_different_ids() {
    for algorithm in [Algorithm::HS256, Algorithm::ES256] {
        let [one, other] = [(); 2].map(|()| SigningKey::generate(algorithm).unwrap());
        assert_ne!(one.derived_kid(), other.derived_kid());
        assert!(one.derived_kid().is_some());
    }
}
