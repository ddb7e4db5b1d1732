//! Signatures that must be refused, for every algorithm, and the creation of tokens.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::error::KeyErrorKind;
use super::{Key, KeySet, SigningKey, base64};
use crate::algorithm::{Algorithm, Family};

const MESSAGE: &[u8] = b"header.payload";

/// One key for each algorithm; all RSA algorithms share a key, to save time.
fn signing_keys() -> Vec<SigningKey> {
    Algorithm::ALL
        .iter()
        .map(|algorithm| match algorithm.family() {
            Family::Rsa => {
                SigningKey::from_pem(*algorithm, include_str!("../../tests/keys/rsa.pem")).unwrap()
            }
            _ => SigningKey::generate(*algorithm).unwrap(),
        })
        .collect()
}

/// A key that serves every algorithm of its type.
fn serving_all(key: &SigningKey) -> Key {
    let key = key.verifying_key();
    let all = Algorithm::ALL.iter().copied();
    key.clone()
        .serving(all.filter(|algorithm| key.clone().serving([*algorithm]).is_ok()))
        .unwrap()
}

#[test]
fn a_signature_fits_one_message_key_and_algorithm() {
    let keys = signing_keys();
    for key in &keys {
        let algorithm = key.algorithm();
        let verifier = key.verifying_key();
        let signature = key.sign(MESSAGE).unwrap();
        assert!(verifier.serves(algorithm));
        assert!(
            verifier.verify(algorithm, MESSAGE, &signature),
            "{algorithm}"
        );
        assert!(!verifier.verify(algorithm, b"header.payloae", &signature));
        assert!(!verifier.verify(algorithm, b"", &signature));
        for other in Algorithm::ALL {
            let same = *other == algorithm
                || (algorithm.family() == Family::Ed && other.family() == Family::Ed);
            assert_eq!(verifier.serves(*other), same);
            assert_eq!(
                verifier.verify(*other, MESSAGE, &signature),
                same,
                "{algorithm} as {other}"
            );
            // not even by a key that serves both
            let all = serving_all(key);
            assert_eq!(
                all.verify(*other, MESSAGE, &signature),
                same,
                "{algorithm} as {other}"
            );
        }
        for other in &keys {
            let same = other.algorithm() == algorithm;
            if other.algorithm().family() == algorithm.family() {
                let verifier = other.verifying_key();
                assert_eq!(
                    verifier.verify(algorithm, MESSAGE, &signature),
                    same,
                    "{algorithm}"
                );
            }
        }
    }
}

#[test]
fn a_changed_bit_invalidates_a_signature() {
    for key in signing_keys() {
        let (algorithm, verifier) = (key.algorithm(), key.verifying_key());
        let mut signature = key.sign(MESSAGE).unwrap();
        let step = if algorithm.family() == Family::Rsa {
            7
        } else {
            1
        };
        for bit in (0..signature.len() * 8).step_by(step) {
            signature[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !verifier.verify(algorithm, MESSAGE, &signature),
                "{algorithm}: bit {bit}"
            );
            signature[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn the_length_of_a_signature_is_fixed() {
    for key in signing_keys() {
        let (algorithm, verifier) = (key.algorithm(), key.verifying_key());
        let signature = key.sign(MESSAGE).unwrap();
        for length in 0..signature.len() {
            assert!(
                !verifier.verify(algorithm, MESSAGE, &signature[..length]),
                "{algorithm} {length}"
            );
            assert!(!verifier.verify(algorithm, MESSAGE, &signature[signature.len() - length..]));
        }
        for extra in [1, 2, signature.len(), 1000] {
            let zeros = vec![0; extra];
            assert!(!verifier.verify(algorithm, MESSAGE, &[&zeros[..], &signature].concat()));
            assert!(!verifier.verify(algorithm, MESSAGE, &[&signature[..], &zeros].concat()));
        }
        for byte in [0, 1, 0x7f, 0xff] {
            assert!(
                !verifier.verify(algorithm, MESSAGE, &vec![byte; signature.len()]),
                "{algorithm}"
            );
        }
    }
}

#[test]
fn ecdsa_values_out_of_range_are_refused() {
    // the order of P-256 (SEC 2 section 2.4.2)
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let verifier = key.verifying_key();
    let signature = key.sign(MESSAGE).unwrap();
    let (r, s) = signature.split_at(32);
    for (r, s) in [
        (&[0; 32][..], s),
        (r, &[0; 32]),
        (&ORDER, s),
        (r, &ORDER),
        (&ORDER, &ORDER),
        (s, r),
    ] {
        assert!(!verifier.verify(Algorithm::ES256, MESSAGE, &[r, s].concat()));
    }

    let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
        .unwrap()
        .to_pkcs8v1()
        .unwrap();
    let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let verifier = SigningKey::from_der(Algorithm::ES256, pkcs8.as_ref())
        .unwrap()
        .verifying_key();
    let rng = aws_lc_rs::rand::SystemRandom::new();
    for _ in 0..64 {
        let signature = der.sign(&rng, MESSAGE).unwrap();
        assert!(!verifier.verify(Algorithm::ES256, MESSAGE, signature.as_ref()));
    }
}

#[test]
fn ed25519_accepts_only_a_reduced_s() {
    // the order of the base point, least byte first (RFC 8032 section 5.1)
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
    let mut signature = key.sign(MESSAGE).unwrap();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert!(
        !key.verifying_key()
            .verify(Algorithm::EdDSA, MESSAGE, &signature)
    );
}

#[test]
fn public_jwks_round_trip() {
    for key in signing_keys() {
        let key = key.with_kid("k1");
        let Some(jwk) = key.public_jwk() else {
            assert_eq!(key.algorithm().family(), Family::Hmac);
            continue;
        };
        assert_eq!((&jwk["kid"], &jwk["use"]), (&json!("k1"), &json!("sig")));
        assert!(
            ["d", "p", "q", "dp", "dq", "qi", "k"]
                .iter()
                .all(|private| jwk.get(private).is_none())
        );
        let set = KeySet::from_json(json!({"keys": [jwk]}).to_string()).unwrap();
        let verifier = &set.keys()[0];
        assert_eq!(verifier.kid(), Some("k1"));
        assert!(verifier.verify(key.algorithm(), MESSAGE, &key.sign(MESSAGE).unwrap()));
    }
}

fn private_jwk(alg: &str) -> Value {
    match alg {
        // RFC 7515 appendix A.3.1
        "ES256" => json!({"kty": "EC", "crv": "P-256", "kid": "k",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}),
        // RFC 8037 appendix A.1
        "EdDSA" => json!({"kty": "OKP", "crv": "Ed25519", "kid": "k",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        // RFC 7515 appendix A.1.1
        "HS256" => json!({"kty": "oct", "kid": "k",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}),
        // RFC 7515 appendix A.2.1
        _ => json!({"kty": "RSA", "kid": "k", "e": "AQAB",
            "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "d": "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
            "p": "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
            "q": "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
            "dp": "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
            "dq": "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
            "qi": "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"}),
    }
}

/// Verifies the signatures of the RFCs, and reproduces the deterministic ones.
#[test]
fn rfc_examples_are_verified_and_reproduced() {
    // the payload of RFC 7515 appendix A.1 to A.3 and A.5
    const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let es512 = json!({"kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
        "d": "AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"});
    for (jwk, message, signature, made_again) in [
        (
            private_jwk("HS256"), // RFC 7515 appendix A.1
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}"),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            true,
        ),
        (
            private_jwk("RS256"), // appendix A.2
            format!("eyJhbGciOiJSUzI1NiJ9.{JOE}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            true,
        ),
        (
            private_jwk("ES256"), // appendix A.3
            format!("eyJhbGciOiJFUzI1NiJ9.{JOE}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            false,
        ),
        (
            es512, // appendix A.4
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA".to_owned(),
            "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
            false,
        ),
        (
            private_jwk("EdDSA"), // RFC 8037 appendix A.4
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
            true,
        ),
    ] {
        let key = SigningKey::from_jwk(jwk.to_string()).unwrap();
        let bytes = base64::decode_url(signature).unwrap();
        assert!(
            key.verifying_key()
                .verify(key.algorithm(), message.as_bytes(), &bytes),
            "{message}"
        );
        if made_again {
            assert_eq!(
                base64::encode_url(key.sign(message.as_bytes()).unwrap()),
                signature
            );
        }
        // RFC 7515 appendix A.5: there is no key for `none`, and no key accepts an empty signature
        let unsecured = format!("eyJhbGciOiJub25lIn0.{JOE}");
        assert!(
            !key.verifying_key()
                .verify(key.algorithm(), unsecured.as_bytes(), b"")
        );
    }
}

#[test]
fn the_halves_of_a_private_jwk_must_match() {
    let error = |jwk: &Value| SigningKey::from_jwk(jwk.to_string()).unwrap_err().kind();
    let other_ec = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .public_jwk()
        .unwrap();
    let mut ec = private_jwk("ES256");
    assert_eq!(
        SigningKey::from_jwk(ec.to_string()).unwrap().kid(),
        Some("k")
    );
    for name in ["x", "y"] {
        ec[name] = other_ec[name].clone();
    }
    assert_eq!(error(&ec), KeyErrorKind::Inconsistent);
    ec["x"] = ec["y"].clone();
    assert_eq!(error(&ec), KeyErrorKind::InvalidPoint);
    for d in [vec![0; 32], vec![0xff; 32]] {
        let mut ec = private_jwk("ES256");
        ec["d"] = base64::encode_url(d).into();
        assert_eq!(error(&ec), KeyErrorKind::Inconsistent);
    }
    let mut ed = private_jwk("EdDSA");
    ed["x"] = SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .public_jwk()
        .unwrap()["x"]
        .clone();
    assert_eq!(error(&ed), KeyErrorKind::Inconsistent);

    let other_rsa =
        SigningKey::from_pem(Algorithm::RS256, include_str!("../../tests/keys/rsa.pem")).unwrap();
    let mut rsa = private_jwk("RS256");
    rsa["n"] = other_rsa.public_jwk().unwrap()["n"].clone();
    assert_eq!(error(&rsa), KeyErrorKind::Inconsistent);
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        let mut rsa = private_jwk("RS256");
        let mut number = base64::decode_url(rsa[name].as_str().unwrap()).unwrap();
        number[60] ^= 4;
        rsa[name] = base64::encode_url(&number).into();
        assert_eq!(error(&rsa), KeyErrorKind::Inconsistent, "{name}");
        rsa.as_object_mut().unwrap().remove(name);
        let missing = if name == "d" {
            KeyErrorKind::PublicKey
        } else {
            KeyErrorKind::MissingMember
        };
        assert_eq!(error(&rsa), missing, "{name}");
        for (bad, kind) in [
            ("", KeyErrorKind::Malformed),
            ("AAAA", KeyErrorKind::Malformed),
            ("AAEC", KeyErrorKind::Inconsistent),
        ] {
            rsa[name] = bad.into();
            assert_eq!(error(&rsa), kind, "{name}");
        }
    }
    let mut rsa = private_jwk("RS256");
    rsa["oth"] = json!([{"r": "AQ", "d": "AQ", "t": "AQ"}]);
    assert_eq!(error(&rsa), KeyErrorKind::UnsupportedKeyType);
}

#[test]
fn private_keys_are_read_in_near_encodings() {
    for alg in ["RS256", "ES256", "EdDSA"] {
        let jwk = private_jwk(alg);
        let expected = SigningKey::from_jwk(jwk.to_string()).unwrap().public_jwk();
        for name in ["n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi"] {
            let Some(text) = jwk[name].as_str() else {
                continue;
            };
            let bytes = base64::decode_url(text).unwrap();
            let mut near = vec![
                format!("{text}="),
                base64_simd::STANDARD.encode_to_string(&*bytes),
            ];
            if alg != "EdDSA" {
                near.push(base64::encode_url([&[0, 0], &bytes[..]].concat()));
            }
            for text in near {
                let mut jwk = jwk.clone();
                jwk[name] = text.into();
                let key = SigningKey::from_jwk(jwk.to_string()).unwrap();
                assert_eq!(key.public_jwk(), expected, "{name}");
            }
        }
    }
}

#[test]
fn private_jwk_members_are_checked() {
    let with = |jwk: &str, name: &str, value: Value| {
        let mut jwk = private_jwk(jwk);
        jwk[name] = value;
        SigningKey::from_jwk(jwk.to_string())
            .map(|key| key.algorithm())
            .map_err(|error| error.kind())
    };
    assert_eq!(
        with("ES256", "key_ops", json!(["sign"])),
        Ok(Algorithm::ES256)
    );
    assert_eq!(
        with("ES256", "key_ops", json!(["verify"])),
        Err(KeyErrorKind::WrongUse)
    );
    assert_eq!(
        with("HS256", "key_ops", json!(["sign"])),
        Ok(Algorithm::HS256)
    );
    assert_eq!(
        with("HS256", "use", json!("enc")),
        Err(KeyErrorKind::WrongUse)
    );
    assert_eq!(with("HS256", "alg", json!("HS512")), Ok(Algorithm::HS512));
    assert_eq!(
        with("HS256", "alg", json!("ES256")),
        Err(KeyErrorKind::AlgorithmMismatch)
    );
    assert_eq!(with("RS256", "alg", json!("PS384")), Ok(Algorithm::PS384));
    assert_eq!(
        with("EdDSA", "alg", json!("Ed25519")),
        Ok(Algorithm::Ed25519)
    );
    assert_eq!(
        with("EdDSA", "alg", json!("ES256")),
        Err(KeyErrorKind::AlgorithmMismatch)
    );
    assert_eq!(
        with("ES256", "alg", json!("ECDH-ES")),
        Err(KeyErrorKind::UnsupportedAlgorithm)
    );
    for d in ["", "AAAA", "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LIA"] {
        let zero = d == "AAAA"; // a number, but not one of the public half
        let kind = if zero {
            KeyErrorKind::Inconsistent
        } else {
            KeyErrorKind::Malformed
        };
        assert_eq!(with("ES256", "d", json!(d)), Err(kind), "{d}");
        assert_eq!(
            with("EdDSA", "d", json!(d)),
            Err(KeyErrorKind::Malformed),
            "{d}"
        );
    }
    let public = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .public_jwk()
        .unwrap();
    assert_eq!(
        SigningKey::from_jwk(public.to_string()).unwrap_err().kind(),
        KeyErrorKind::PublicKey
    );
}

#[test]
fn the_header_contains_the_data_of_the_key() {
    let decode = |part: &str| -> Value {
        serde_json::from_slice(&base64::decode_url(part).unwrap()).unwrap()
    };
    for key in signing_keys() {
        let name = key.algorithm().as_str();
        let claims = json!({"sub": "alice", "n": 1});
        for (token, header) in [
            (key.encode(&claims), json!({"alg": name, "typ": "JWT"})),
            (
                key.clone().with_kid("k\"1").encode(&claims),
                json!({"alg": name, "typ": "JWT", "kid": "k\"1"}),
            ),
            (
                key.encode_with("at+jwt", &claims),
                json!({"alg": name, "typ": "at+jwt"}),
            ),
            (
                key.clone()
                    .with_kid("k")
                    .encode_header(&json!({"alg": name, "crit": ["x"]}), &claims),
                json!({"alg": name, "crit": ["x"]}),
            ),
        ] {
            let token = token.unwrap();
            let (message, signature) = token.rsplit_once('.').unwrap();
            let (first, second) = message.split_once('.').unwrap();
            assert_eq!((decode(first), decode(second)), (header, claims.clone()));
            let signature = base64::decode_url(signature).unwrap();
            assert!(
                key.verifying_key()
                    .verify(key.algorithm(), message.as_bytes(), &signature)
            );
        }
    }
}

#[test]
fn invalid_headers_and_claims_are_refused() {
    use std::collections::BTreeMap;

    let key = SigningKey::hs256([7; 32]).unwrap();
    let message = |result: Result<String, super::SignError>| result.unwrap_err().to_string();
    for claims in [json!(null), json!([]), json!("a"), json!(1)] {
        assert_eq!(
            message(key.encode(&claims)),
            "the claims are not a JSON object"
        );
    }
    let unserializable = BTreeMap::from([(vec![1], 2)]);
    assert_eq!(
        message(key.encode(&unserializable)),
        "the claims do not serialize to JSON"
    );
    assert_eq!(
        message(key.encode_header(&unserializable, &json!({}))),
        "the header does not serialize to JSON"
    );
    for header in [
        json!({}),
        json!(["HS256"]),
        json!({"alg": 1}),
        json!({"Alg": "HS256"}),
        json!(null),
    ] {
        assert_eq!(
            message(key.encode_header(&header, &json!({}))),
            "the header is not a JSON object with one `alg`"
        );
    }
    for alg in ["none", "HS512", "hs256", "RS256", ""] {
        assert_eq!(
            message(key.encode_header(&json!({"alg": alg}), &json!({}))),
            "the header's `alg` is not the algorithm of the key"
        );
    }
}

#[test]
fn generated_keys_differ_and_debug_hides_them() {
    for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::EdDSA] {
        let (one, other) = (
            SigningKey::generate(algorithm).unwrap(),
            SigningKey::generate(algorithm).unwrap(),
        );
        let signature = one.sign(MESSAGE).unwrap();
        assert!(one.verifying_key().verify(algorithm, MESSAGE, &signature));
        assert!(!other.verifying_key().verify(algorithm, MESSAGE, &signature));
    }
    let key = SigningKey::hs256("correct horse battery staple, said I")
        .unwrap()
        .with_kid("k");
    assert_eq!(
        format!("{key:?}"),
        r#"SigningKey { kid: Some("k"), algorithm: HS256, .. }"#
    );
    let key = SigningKey::generate(Algorithm::RS256).unwrap();
    assert_eq!(
        format!("{key:?}"),
        "SigningKey { kid: None, algorithm: RS256, .. }"
    );
    assert_eq!(key.sign(MESSAGE).unwrap().len(), 256);
}

#[test]
fn keys_cross_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let key = SigningKey::generate(Algorithm::PS256).unwrap();
    shared(&key);
    shared(&KeySet::default());
    let verifier = key.verifying_key();
    let signature = key.sign(MESSAGE).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(verifier.verify(Algorithm::PS256, MESSAGE, &signature));
                }
            });
        }
    });
}

/// Only `use` marks a key as one of a trust bundle.
#[test]
fn keys_for_jwt_svids_are_read_from_trust_bundles_alone() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let read = |changes: Value| {
        let mut jwk = key.clone().with_kid("k1").public_jwk().unwrap();
        let members = jwk.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        let set = json!({ "keys": [jwk] }).to_string();
        let bundle = KeySet::from_spiffe_bundle(&set).unwrap();
        (bundle.len(), KeySet::from_json(&set).unwrap().len())
    };
    assert_eq!(read(json!({ "use": "jwt-svid" })), (1, 0));
    for changes in [
        json!({ "use": "x509-svid" }),
        json!({ "use": "enc" }),
        json!({ "use": "JWT-SVID" }),
        json!({ "use": ["jwt-svid"] }),
        json!({ "use": ["sig", "jwt-svid"] }),
        json!({ "use": "jwt-svid", "d": "AAAA" }),
        json!({ "use": "jwt-svid", "key_ops": ["encrypt"] }),
    ] {
        assert_eq!(read(changes.clone()), (0, 0), "{changes}");
    }
    assert_eq!(read(json!({ "use": "sig" })), (0, 1));
    assert_eq!(read(json!({ "use": null })), (0, 1));
    assert_eq!(read(json!({ "use": "jwt-svid", "kid": null })), (0, 0));
}
