//! PEM and DER in every encoding of openssl (see `keys/generate.sh`), valid and damaged.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use tollgate_core::Algorithm::{self, *};
use tollgate_core::KeyErrorKind::{self, *};
use tollgate_core::{Key, SigningKey};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("keys/", $name, ".pem"))
    };
}

/// Returns the DER of the last block of a PEM.
fn der(pem: &str) -> Vec<u8> {
    let body = pem
        .rsplit_once("-----BEGIN")
        .unwrap()
        .1
        .split_once('\n')
        .unwrap()
        .1;
    let body: String = body
        .lines()
        .take_while(|line| !line.starts_with("-----"))
        .collect();
    base64_simd::STANDARD.decode_to_vec(body).unwrap()
}

fn in_pem(label: &str, der: &[u8]) -> String {
    let body = base64_simd::STANDARD.encode_to_string(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn key_error(algorithm: Algorithm, pem: &str) -> KeyErrorKind {
    Key::from_pem(algorithm, pem)
        .map(|key| panic!("{key:?}"))
        .unwrap_err()
        .kind()
}

fn signing_error(algorithm: Algorithm, pem: &str) -> KeyErrorKind {
    SigningKey::from_pem(algorithm, pem)
        .map(|key| panic!("{key:?}"))
        .unwrap_err()
        .kind()
}

/// Returns each private key with every encoding of its public half.
fn pairs() -> Vec<(Algorithm, Vec<&'static str>, Vec<&'static str>)> {
    vec![
        (
            RS256,
            vec![pem!("rsa"), pem!("rsa-pkcs1")],
            vec![
                pem!("rsa-public"),
                pem!("rsa-public-pkcs1"),
                pem!("rsa-certificate"),
            ],
        ),
        (
            PS512,
            vec![pem!("rsa"), pem!("rsa-pkcs1")],
            vec![
                pem!("rsa-public"),
                pem!("rsa-public-pkcs1"),
                pem!("rsa-certificate"),
            ],
        ),
        (
            ES256,
            vec![pem!("p256"), pem!("p256-sec1")],
            vec![pem!("p256-public"), pem!("p256-certificate")],
        ),
        (ES384, vec![pem!("p384")], vec![pem!("p384-public")]),
        (ES512, vec![pem!("p521")], vec![pem!("p521-public")]),
        (
            EdDSA,
            vec![pem!("ed25519")],
            vec![pem!("ed25519-public"), pem!("ed25519-certificate")],
        ),
        (
            Ed25519,
            vec![pem!("ed25519")],
            vec![pem!("ed25519-public"), pem!("ed25519-certificate")],
        ),
    ]
}

#[test]
fn every_encoding_is_accepted() {
    for (algorithm, private, public) in pairs() {
        let expected = SigningKey::from_pem(algorithm, private[0])
            .unwrap()
            .public_jwk();
        for pem in private {
            for key in [
                SigningKey::from_pem(algorithm, pem),
                SigningKey::from_der(algorithm, der(pem)),
            ] {
                let key = key.unwrap();
                assert_eq!((key.algorithm(), key.kid()), (algorithm, None));
                assert_eq!(key.public_jwk(), expected);
            }
        }
        for pem in public {
            for key in [
                Key::from_pem(algorithm, pem),
                Key::from_der(algorithm, der(pem)),
            ] {
                assert_eq!(key.unwrap().algorithms()[0], algorithm);
            }
        }
    }
}

#[test]
fn a_key_must_match_the_algorithm() {
    for (own, private, public) in pairs() {
        for algorithm in Algorithm::ALL.iter().copied().filter(|other| {
            other.family() != own.family() || matches!(own, ES256 | ES384 | ES512) && *other != own
        }) {
            for pem in &public {
                assert_eq!(
                    key_error(algorithm, pem),
                    AlgorithmMismatch,
                    "{own} as {algorithm}"
                );
                assert_eq!(
                    Key::from_der(algorithm, der(pem)).unwrap_err().kind(),
                    AlgorithmMismatch
                );
            }
            for pem in &private {
                assert_eq!(
                    signing_error(algorithm, pem),
                    AlgorithmMismatch,
                    "{own} as {algorithm}"
                );
                assert_eq!(
                    SigningKey::from_der(algorithm, der(pem))
                        .unwrap_err()
                        .kind(),
                    AlgorithmMismatch
                );
            }
        }
    }
}

#[test]
fn a_private_key_is_not_a_public_key() {
    for (algorithm, private, public) in pairs() {
        for pem in private {
            assert_eq!(key_error(algorithm, pem), PrivateKey);
            assert_eq!(
                Key::from_der(algorithm, der(pem)).unwrap_err().kind(),
                PrivateKey
            );
            // Also with a public key before it.
            assert_eq!(
                key_error(algorithm, &format!("{}{pem}", public[0])),
                PrivateKey
            );
        }
        for pem in public {
            assert_eq!(signing_error(algorithm, pem), PublicKey);
            assert_eq!(
                SigningKey::from_der(algorithm, der(pem))
                    .unwrap_err()
                    .kind(),
                PublicKey
            );
        }
    }
}

#[test]
fn a_key_cannot_become_an_hmac_secret() {
    let mut keys: Vec<(&str, KeyErrorKind)> = Vec::new();
    for (_, private, public) in pairs() {
        keys.extend(private.into_iter().map(|pem| (pem, PrivateKey)));
        keys.extend(public.into_iter().map(|pem| (pem, PublicKey)));
    }
    keys.push((pem!("refused/p256-encrypted"), PrivateKey));
    keys.push((pem!("refused/secp256k1-public"), PublicKey));
    keys.push((pem!("refused/dh-public"), PublicKey));
    for (pem, kind) in keys {
        let der = der(pem);
        let hex: String = der
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect();
        let standard = base64_simd::STANDARD;
        let url = base64_simd::URL_SAFE_NO_PAD;
        let wrapped: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .flat_map(|line| [line, "\r\n"])
            .collect();
        let mut secrets: Vec<Vec<u8>> = vec![
            der.clone(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            standard.encode_to_string(&der).into_bytes(),
            url.encode_to_string(&der).into_bytes(),
        ];
        if !pem.contains("EC PARAMETERS") {
            secrets.push(wrapped.into_bytes());
        }
        for text in [
            pem.to_owned(),
            format!("\u{feff} \r\n{pem}"),
            pem.replace('\n', " "),
            pem.replace('\n', "\\n"),
        ] {
            let text = text.into_bytes();
            secrets.push(standard.encode_to_string(&text).into_bytes());
            secrets.push(text);
        }
        for secret in secrets {
            for algorithm in [HS256, HS384, HS512] {
                let as_text = standard.encode_to_string(&secret);
                for error in [
                    Key::from_base64_secret(algorithm, &as_text).unwrap_err(),
                    SigningKey::from_base64_secret(algorithm, &as_text).unwrap_err(),
                ] {
                    if error.kind() != SecretTooShort {
                        assert_eq!(error.kind(), kind);
                    }
                }
            }
            let error = Key::hs256(&secret).unwrap_err();
            assert!(
                error.kind() == kind || pem.contains("EC PARAMETERS"),
                "{error} {pem}"
            );
            assert!(Key::hs384(&secret).is_err());
            assert!(Key::hs512(&secret).is_err());
            assert!(SigningKey::hs256(&secret).is_err());
            let jwk = format!(
                "{{\"kty\":\"oct\",\"k\":\"{}\"}}",
                url.encode_to_string(&secret)
            );
            assert!(Key::from_jwk(&jwk).is_err());
            assert!(SigningKey::from_jwk(&jwk).is_err());
        }
        for algorithm in [HS256, HS384, HS512] {
            assert_eq!(key_error(algorithm, pem), AlgorithmMismatch);
            assert_eq!(
                Key::from_der(algorithm, &der).unwrap_err().kind(),
                AlgorithmMismatch
            );
            assert_eq!(signing_error(algorithm, pem), AlgorithmMismatch);
            assert_eq!(
                Key::from_base64_secret(algorithm, pem).unwrap_err().kind(),
                kind
            );
        }
    }
    // Formats other than PEM and DER.
    let jwk = SigningKey::from_pem(ES256, pem!("p256"))
        .unwrap()
        .public_jwk()
        .unwrap();
    let spki = der(pem!("p256-public"));
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea me@example";
    for secret in [
        jwk.to_string().as_bytes(),
        &spki[spki.len() - 65..],
        ssh.as_bytes(),
    ] {
        assert_eq!(Key::hs256(secret).unwrap_err().kind(), PublicKey);
    }
}

#[test]
fn secrets_that_only_resemble_keys_are_accepted() {
    for secret in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA",
        // the common prefix of RSA keys, without the rest
        "{\"not\": \"a key, but thirty-two bytes or more\"}",
        "BEGIN PUBLIC KEY, said the quick brown fox",
    ] {
        assert!(Key::hs256(secret).is_ok(), "{secret}");
    }
    let mut point = vec![4; 65];
    point[64] = 5;
    assert!(Key::hs256(point).is_ok(), "not on the curve");
}

#[test]
fn unusable_keys_are_refused_with_the_reason() {
    for (algorithm, public, kind) in [
        (RS256, pem!("refused/rsa-1024-public"), RsaModulus),
        (RS256, pem!("refused/rsa-e3-public"), RsaExponent),
        (PS256, pem!("refused/rsa-pss-public"), UnsupportedKeyType),
        (ES256, pem!("refused/secp256k1-public"), UnsupportedCurve),
        (EdDSA, pem!("refused/x25519-public"), UnsupportedCurve),
        (EdDSA, pem!("refused/ed448-public"), UnsupportedCurve),
        (RS256, pem!("refused/dh-public"), UnsupportedKeyType),
        (ES256, pem!("refused/p256-compressed-public"), InvalidPoint),
        (
            ES256,
            pem!("refused/p256-explicit-public"),
            UnsupportedCurve,
        ),
        (RS256, pem!("refused/dh-parameters"), UnsupportedKeyType),
    ] {
        assert_eq!(key_error(algorithm, public), kind);
    }
    for (algorithm, private, kind) in [
        (RS256, pem!("refused/rsa-1024"), RsaModulus),
        (RS256, pem!("refused/rsa-e3"), RsaExponent),
        (PS256, pem!("refused/rsa-pss"), UnsupportedKeyType),
        (ES256, pem!("refused/secp256k1"), UnsupportedCurve),
        (EdDSA, pem!("refused/x25519"), UnsupportedCurve),
        (EdDSA, pem!("refused/ed448"), UnsupportedCurve),
        (RS256, pem!("refused/dh"), UnsupportedKeyType),
        (ES256, pem!("refused/p256-encrypted"), Encrypted),
        (RS256, pem!("refused/rsa-encrypted-pkcs1"), Encrypted),
        (RS256, pem!("refused/dh-parameters"), PublicKey),
    ] {
        assert_eq!(signing_error(algorithm, private), kind);
        if kind != PublicKey {
            assert_eq!(key_error(algorithm, private), PrivateKey);
        }
    }
}

#[test]
fn the_pem_grammar_is_enforced() {
    let pem = pem!("p256-public");
    for good in [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\r"),
        format!("Subject: somebody\nunrelated text\n\n{pem}\nand more"),
        pem.replace('\n', "\n\n"),
        pem.trim_end().to_owned(),
        pem.replace('\n', "\n   "),
        in_pem("PUBLIC KEY", &der(pem)),
    ] {
        assert!(Key::from_pem(ES256, &good).is_ok(), "{good}");
    }
    for bad in [
        String::new(),
        "not a key".to_owned(),
        pem.replace("-----END PUBLIC KEY-----", ""),
        pem.replace("END PUBLIC KEY", "END CERTIFICATE"),
        pem.replace("BEGIN PUBLIC KEY", "BEGIN CERTIFICATE")
            .replace("END PUBLIC KEY", "END CERTIFICATE"),
        pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        pem.replace("-----BEGIN", "---- BEGIN"),
        pem.replacen('M', "*", 1),
        pem.replacen('\n', "\nVersion: 1\n\n", 1),
        format!("{pem}{pem}"),
        format!("{pem}{}", pem!("p256-certificate")),
        pem.replace("==", ""),
        pem.replace("==\n", "==AA\n"),
        in_pem("PUBLIC KEY", &[]),
        in_pem("PUBLIC KEY", &[0x30, 0]),
        in_pem("PUBLIC KEY", &[&der(pem)[..], &[0]].concat()),
    ] {
        assert_eq!(key_error(ES256, &bad), Malformed, "{bad}");
    }
    assert_eq!(
        key_error(ES256, &pem.replace("PUBLIC KEY", "DSA PARAMETERS")),
        UnsupportedKeyType
    );
    assert_eq!(key_error(ES256, &" ".repeat((1 << 20) + 1)), TooLarge);
    assert_eq!(
        key_error(
            RS256,
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n-----END OPENSSH PRIVATE KEY-----"
        ),
        PrivateKey
    );
}

/// The forms in which a PEM arrives from an environment variable.
fn in_environment(pem: &str) -> Vec<(&'static str, String)> {
    let base64 = |text: &str| base64_simd::STANDARD.encode_to_string(text);
    let url = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    let encoded = base64(pem);
    let lines: Vec<_> = encoded
        .as_bytes()
        .chunks(76)
        .map(std::str::from_utf8)
        .map(Result::unwrap)
        .collect();
    let wrapped = lines.join("\n");
    let quoted = |text: &str| format!("\"{text}\"");
    let escaped = pem.replace('\n', "\\n");
    vec![
        ("literal \\n", escaped.clone()),
        ("literal \\r\\n", pem.replace('\n', "\\r\\n")),
        ("literal \\\\n", pem.replace('\n', "\\\\n")),
        ("backslash and line end", pem.replace('\n', "\\\n")),
        ("escaped slashes", escaped.replace('/', "\\/")),
        ("one line with spaces", pem.replace('\n', " ")),
        ("one line without spaces", pem.replace('\n', "")),
        ("tabs", pem.replace('\n', "\t")),
        ("double quotes", quoted(pem)),
        ("double quotes, literal \\n", quoted(&escaped)),
        (
            "quotes in quotes",
            quoted(&quoted(&escaped)).replace("\"-", "\\\"-"),
        ),
        ("single quotes", format!("'{pem}'")),
        ("back quotes", format!("`{pem}`")),
        ("a byte order mark", format!("\u{feff}{pem}")),
        (
            "a byte order mark and quotes",
            format!("\u{feff}{}", quoted(&escaped)),
        ),
        ("the name of the variable", format!("PUBLIC_KEY={escaped}")),
        ("base64", base64(pem)),
        ("base64 without padding", url(pem)),
        ("base64 in lines", wrapped.clone()),
        ("base64 with literal \\n", wrapped.replace('\n', "\\n")),
        ("base64 in quotes", format!(" {}\n", quoted(&base64(pem)))),
        (
            "base64 after a byte order mark",
            format!("\u{feff}{}", base64(pem)),
        ),
        (
            "base64 of a byte order mark",
            base64(&format!("\u{feff}{pem}")),
        ),
        ("base64 of literal \\n", base64(&escaped)),
        ("base64 of CRLF", base64(&pem.replace('\n', "\r\n"))),
    ]
}

#[test]
fn a_pem_from_the_environment_is_accepted() {
    for (algorithm, private, public) in pairs() {
        let expected = SigningKey::from_pem(algorithm, private[0]).unwrap();
        for pem in private {
            for (form, text) in in_environment(pem) {
                let key = SigningKey::from_pem(algorithm, &text);
                let key = key.unwrap_or_else(|error| panic!("{form}: {error}"));
                assert_eq!(key.public_jwk(), expected.public_jwk(), "{form}");
                assert_eq!(key_error(algorithm, &text), PrivateKey, "{form}");
                assert!(Key::hs256(&text).is_err(), "{form}");
            }
        }
        for pem in public {
            for (form, text) in in_environment(pem) {
                let key = Key::from_pem(algorithm, &text);
                assert!(key.is_ok(), "{form}: {:?}", key.unwrap_err());
                assert_eq!(signing_error(algorithm, &text), PublicKey, "{form}");
                assert!(Key::hs256(&text).is_err(), "{form}");
            }
        }
    }
    for (form, text) in in_environment(pem!("refused/p256-encrypted")) {
        assert_eq!(signing_error(ES256, &text), Encrypted, "{form}");
    }
    for (form, text) in in_environment(pem!("refused/rsa-encrypted-pkcs1")) {
        assert_eq!(signing_error(RS256, &text), Encrypted, "{form}");
    }
}

#[test]
fn a_pem_that_cannot_be_read_names_the_cause() {
    let pem = pem!("p256-public");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let utf16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(pem.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let first_line = pem.lines().next().unwrap();
    for (text, cause) in [
        (utf16.as_slice(), "UTF-16"),
        (body.as_bytes(), "without the BEGIN and END lines"),
        (first_line.as_bytes(), "no END line"),
        (
            pem.trim_end().trim_end_matches('-').as_bytes(),
            "END line of the PEM has no end",
        ),
        (b"/run/secrets/key.pem", "not its name"),
        (b"", "no PEM block"),
        (b"$PUBLIC_KEY", "no PEM block"),
        (pem.replace("MF", "M\"F").as_bytes(), "not base64"),
    ] {
        let error = Key::from_pem(ES256, text).unwrap_err();
        assert_eq!(error.kind(), Malformed);
        assert!(error.to_string().contains(cause), "{error}");
        assert!(SigningKey::from_pem(ES256, text).is_err());
    }
}

#[test]
fn the_first_certificate_of_a_chain_is_used() {
    let chain = format!("{}{}", pem!("p256-certificate"), pem!("rsa-certificate"));
    assert!(Key::from_pem(ES256, &chain).is_ok());
    assert_eq!(key_error(RS256, &chain), AlgorithmMismatch);
}

#[test]
fn a_private_key_may_have_other_blocks_around_it() {
    let bundle = format!("{}{}", pem!("p256-certificate"), pem!("p256"));
    assert!(SigningKey::from_pem(ES256, &bundle).is_ok());
    assert_eq!(
        signing_error(ES256, &format!("{}{}", pem!("p256"), pem!("p384"))),
        Malformed
    );
    assert_eq!(signing_error(ES256, ""), Malformed);
    // The label must match the content.
    let mislabelled = pem!("p256").replace("PRIVATE KEY", "EC PRIVATE KEY");
    assert_eq!(signing_error(ES256, &mislabelled), Malformed);
}

/// A changed, missing or additional byte of the DER gives an error or another key, and never
/// panics.
#[test]
fn damaged_der_is_refused_or_another_key() {
    for (algorithm, private, public) in pairs() {
        for pem in public.iter().filter(|pem| !pem.contains("CERTIFICATE")) {
            let der = der(pem);
            for length in 0..der.len() {
                assert!(
                    Key::from_der(algorithm, &der[..length]).is_err(),
                    "{algorithm} {length}"
                );
            }
            assert!(Key::from_der(algorithm, [&der[..], &[0]].concat()).is_err());
            for i in 0..der.len() {
                for bit in [1, 0x80] {
                    let mut der = der.clone();
                    der[i] ^= bit;
                    drop(Key::from_der(algorithm, der));
                }
            }
        }
        for pem in private {
            let der = der(pem);
            for length in 0..der.len() {
                assert!(
                    SigningKey::from_der(algorithm, &der[..length]).is_err(),
                    "{algorithm} {length}"
                );
            }
            assert!(SigningKey::from_der(algorithm, [&der[..], &[0]].concat()).is_err());
        }
    }
    let certificate = der(pem!("p256-certificate"));
    for i in 0..certificate.len() {
        assert!(Key::from_der(ES256, &certificate[..i]).is_err());
        let mut certificate = certificate.clone();
        certificate[i] ^= 0x20;
        drop(Key::from_der(ES256, certificate));
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    for (algorithm, pem) in [
        (ES256, pem!("p256-public")),
        (ES384, pem!("p384-public")),
        (ES512, pem!("p521-public")),
    ] {
        let mut der = der(pem);
        *der.last_mut().unwrap() ^= 1;
        assert_eq!(
            Key::from_der(algorithm, &der).unwrap_err().kind(),
            InvalidPoint
        );
        let point = match algorithm {
            ES256 => 65,
            ES384 => 97,
            _ => 133,
        };
        let start = der.len() - point;
        assert_eq!(der[start], 4);
        for byte in &mut der[start + 1..] {
            *byte = 0;
        }
        assert_eq!(
            Key::from_der(algorithm, &der).unwrap_err().kind(),
            InvalidPoint
        );
        for form in [0, 2, 3, 5, 6, 7] {
            der[start] = form;
            assert_eq!(
                Key::from_der(algorithm, &der).unwrap_err().kind(),
                InvalidPoint
            );
        }
    }
}
