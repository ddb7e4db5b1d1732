//! JWK Sets: published by providers, and invalid ones.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate_core::KeyErrorKind::{self, *};
use tollgate_core::{Algorithm, Key, KeySet, SigningKey};

const ED: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const OCT: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;

/// Returns the number of kept keys and the error of each skipped key, for files with skipped keys.
fn odd_ones(file: &str) -> Option<(usize, &'static [(usize, KeyErrorKind)])> {
    Some(match file {
        "generated-odd-mix" => (
            6,
            &[
                (0, UnsupportedAlgorithm), // ES256K
                (2, UnsupportedCurve),     // Ed448
                (3, WrongUse),             // X25519 for encryption
                (8, UnsupportedKeyType),   // AKP
                (9, UnsupportedKeyType),
                (11, RsaModulus), // 1024 bits
                (12, MixedSet),
            ],
        ),
        "keycloak" => (1, &[(1, WrongUse)]),
        "paypal" => (14, &[(7, UnsupportedCurve)]),
        "yahoo" => (1, &[(0, RsaModulus), (2, RsaModulus), (3, RsaModulus)]),
        "msal-JsonWebKeySet" | "msal-JsonWebKeySetUnrecognizedKty" => {
            (0, &[(0, WrongUse), (1, UnsupportedAlgorithm)])
        }
        "msal-JsonWebKeySetBadRsaDataMissingComponent" => {
            (0, &[(0, MissingMember), (1, WrongUse), (2, MissingMember)])
        }
        // SPIFFE defines its own values of `use`.
        "spiffe-spiffebundle_missing_kid"
        | "spiffe-spiffebundle_multiple_x509"
        | "spiffe-spiffebundle_valid_1" => (0, &[(0, WrongUse), (1, WrongUse)]),
        "spiffe-spiffebundle_valid_with_wit" => (
            0,
            &[
                (0, WrongUse),
                (1, WrongUse),
                (2, WrongUse),
                (3, WrongUse),
                (4, WrongUse),
            ],
        ),
        "spiffe-spiffebundle_valid_2" => (
            0,
            &[
                (0, WrongUse),
                (1, WrongUse),
                (2, WrongUse),
                (3, WrongUse),
                (4, WrongUse),
                (5, WrongUse),
                (6, WrongUse),
            ],
        ),
        _ => return None,
    })
}

#[test]
fn published_sets_are_read() {
    let Some(folder) = std::env::var_os("TOLLGATE_VECTORS") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must set TOLLGATE_VECTORS"
        );
        println!("TOLLGATE_VECTORS is not set: skipping the sets of providers");
        return;
    };
    let mut sets = 0;
    for entry in std::fs::read_dir(PathBuf::from(folder).join("jwks")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".jwks.json") else {
            continue;
        };
        sets += 1;
        let text = std::fs::read(&path).unwrap();
        let set = KeySet::from_json(&text);
        match name {
            "msal-JsonWebKeySetEnd2EndEC" => {
                assert_eq!(set.unwrap_err().kind(), Malformed, "a byte order mark");
                let set = KeySet::from_json(&text[3..]).unwrap();
                assert_eq!(
                    (set.len(), set.skipped()[0].error.kind()),
                    (2, UnsupportedAlgorithm)
                ); // ES521
            }
            "spiffe-spiffebundle_no_keys" => assert_eq!(set.unwrap_err().kind(), MissingMember),
            _ => {
                let set = set.unwrap();
                // `n` in padded base64 of the standard alphabet, and invalid certificates.
                let tolerated = match name {
                    "msal-JsonWebKeySetBadBase64Data" | "msal-JsonWebKeySetBadX509Data" => 3,
                    "msal-JsonWebKeySetEnd2End" => 2,
                    _ => set.tolerated().len(),
                };
                assert_eq!(set.tolerated().len(), tolerated, "{name}");
                let skipped: Vec<_> = set
                    .skipped()
                    .iter()
                    .map(|skipped| (skipped.index, skipped.error.kind()))
                    .collect();
                if let Some((kept, expected)) = odd_ones(name) {
                    assert_eq!((set.len(), &skipped[..]), (kept, expected), "{name}");
                } else {
                    let members: Value = serde_json::from_slice(&text).unwrap();
                    assert_eq!(
                        (set.len(), skipped),
                        (members["keys"].as_array().unwrap().len(), vec![]),
                        "{name}"
                    );
                }
            }
        }
    }
    assert_eq!(sets, 45);
}

fn error(text: impl AsRef<[u8]>) -> KeyErrorKind {
    KeySet::from_json(text).unwrap_err().kind()
}

#[test]
fn an_invalid_set_is_refused_as_a_whole() {
    for text in [
        "",
        "null",
        "[]",
        "\"keys\"",
        "{",
        "{\"keys\":[]",
        "{\"keys\":[]} {}",
        "{\"keys\":[],}",
        "{keys:[]}",
    ] {
        assert_eq!(error(text), Malformed, "{text}");
    }
    for keys in ["{}", "null", "1", "\"[]\"", "true"] {
        assert_eq!(error(format!("{{\"keys\":{keys}}}")), Malformed, "{keys}");
    }
    assert_eq!(error("{}"), MissingMember);
    assert_eq!(error("{\"Keys\":[]}"), MissingMember);
    assert_eq!(error("\u{feff}{\"keys\":[]}"), Malformed);
    assert_eq!(error(b"{\"keys\":[],\"x\":\"\xff\"}"), Malformed);
    // A single JWK is not a set.
    assert_eq!(error(ED), MissingMember);
}

#[test]
fn duplicate_members_of_the_set_are_refused() {
    assert_eq!(error("{\"keys\":[],\"keys\":[]}"), DuplicateMember);
    assert_eq!(error("{\"keys\":[],\"k\\u0065ys\":[]}"), DuplicateMember);
    assert_eq!(error("{\"a\":1,\"keys\":[],\"a\":2}"), DuplicateMember);
    let set = KeySet::from_json(format!("{{\"a\":[{{}}],\"keys\":[{ED}],\"b\":1e999}}")).unwrap();
    assert_eq!(set.len(), 1);
    // For members that are not keys, only the grammar is checked.
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    let other = format!("\"a\":{{\"b\":1,\"b\":1}},\"c\":{deep}");
    let set = KeySet::from_json(format!("{{{other},\"keys\":[{ED}]}}")).unwrap();
    assert_eq!(set.len(), 1);
    let broken = format!("{{\"a\":[{{\"b\":}}],\"keys\":[{ED}]}}");
    assert_eq!(error(broken), Malformed);
    assert_eq!(
        error(format!("{{\"keys\":[{ED},{{\"kty\":}}]}}")),
        Malformed
    );
    assert_eq!(error(format!("{{\"keys\":[{ED},]}}")), Malformed);
}

#[test]
fn an_invalid_key_does_not_affect_the_others() {
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    for bad in [
        "null",
        "1",
        "1e999",
        "\"key\"",
        "[]",
        "{}",
        &format!("[{ED}]"),
        "{\"kty\":1}",
        "{\"kty\":null,\"kid\":[]}",
        "{\"kty\":1e999}",
        "{\"kty\":\"OKP\",\"crv\":{\"a\":{}},\"x\":[[]]}",
        "{\"kty\":\"oct\",\"ext\":{\"a\":1,\"a\":1}}",
        &format!("{{\"kty\":{deep}}}"),
        &format!("{{\"unknown\":{deep}}}"),
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\\ud800\"}",
    ] {
        let set = KeySet::from_json(format!("{{\"keys\":[{ED},{bad},{ED}]}}")).unwrap();
        assert_eq!(set.len(), 2, "{bad:.60}");
        assert_eq!(set.skipped()[0].index, 1);
    }
}

#[test]
fn skipped_keys_are_reported_by_kid_if_possible() {
    let set = KeySet::from_json(
        r#"{"keys":[{"kid":"a"},{"kid":1},{"kid":"b","kid":"c"},{"kid":"d","kty":"EC","crv":"P-256","x":"","y":""}]}"#,
    )
    .unwrap();
    let kids: Vec<_> = set
        .skipped()
        .iter()
        .map(|skipped| skipped.kid.as_deref())
        .collect();
    assert_eq!(kids, [Some("a"), None, Some("b"), Some("d")]);
    let errors: Vec<_> = set
        .skipped()
        .iter()
        .map(|skipped| skipped.error.kind())
        .collect();
    assert_eq!(
        errors,
        [MissingMember, MissingMember, DuplicateMember, InvalidPoint]
    );
}

#[test]
fn a_set_is_public_or_secret() {
    let kinds = |text: String| -> (usize, Vec<KeyErrorKind>) {
        let set = KeySet::from_json(text).unwrap();
        (
            set.len(),
            set.skipped()
                .iter()
                .map(|skipped| skipped.error.kind())
                .collect(),
        )
    };
    assert_eq!(kinds(format!("{{\"keys\":[{OCT},{OCT}]}}")), (2, vec![]));
    assert_eq!(
        kinds(format!("{{\"keys\":[{OCT},{ED}]}}")),
        (1, vec![MixedSet])
    );
    assert_eq!(
        kinds(format!("{{\"keys\":[{ED},{OCT}]}}")),
        (1, vec![MixedSet])
    );
    // An unusable public key still makes the set public.
    assert_eq!(
        kinds(format!("{{\"keys\":[{{\"kty\":\"RSA\"}},{OCT}]}}")),
        (0, vec![MissingMember, MixedSet])
    );
    assert_eq!(
        kinds(format!("{{\"keys\":[{{\"kty\":7}},{OCT}]}}")),
        (1, vec![Malformed])
    );
}

/// Members of fetched sets: each is usable, or skipped with a reason without affecting the others.
#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn each_unusable_member_is_skipped_with_a_reason() {
    let rsa = |bytes: usize| {
        // Odd and with the top bit set: a well-formed modulus.
        json!({"kty": "RSA", "n": encode(&vec![0xff; bytes]), "e": "AQAB"})
    };
    let ec = SigningKey::generate(Algorithm::ES256).unwrap();
    let ec = ec.public_jwk().unwrap();
    let ed: Value = serde_json::from_str(ED).unwrap();
    let certificate: String = include_str!("keys/rsa-certificate.pem")
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let point = encode(&[7; 32]);
    let table = [
        ("no `alg`", ed.clone(), None),
        (
            "`x5c` only",
            json!({"kty": "RSA", "x5c": [certificate]}),
            None,
        ),
        (
            "an invalid `x5c`",
            json!({"kty": "RSA", "x5c": ["AAAA"]}),
            Some(Malformed),
        ),
        (
            "`x5t` only",
            json!({"kty": "RSA", "x5t": "AAAA"}),
            Some(MissingMember),
        ),
        (
            "for encryption",
            with(&ec, json!({"use": "enc"})),
            Some(WrongUse),
        ),
        (
            "for wrapping",
            with(&ec, json!({"key_ops": ["wrapKey"]})),
            Some(WrongUse),
        ),
        (
            "an unknown type",
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}),
            Some(UnsupportedKeyType),
        ),
        (
            "no type",
            json!({"n": "AAAA", "e": "AQAB"}),
            Some(MissingMember),
        ),
        (
            "an unknown algorithm",
            with(&ed, json!({"alg": "HS1"})),
            Some(UnsupportedAlgorithm),
        ),
        (
            "`none`",
            with(&ed, json!({"alg": "none"})),
            Some(UnsupportedAlgorithm),
        ),
        (
            "an encryption algorithm",
            json!({"kty": "RSA", "alg": "RSA-OAEP", "n": "AAAA", "e": "AQAB"}),
            Some(UnsupportedAlgorithm),
        ),
        (
            "an algorithm of another key type",
            with(&ed, json!({"alg": "ES256"})),
            Some(AlgorithmMismatch),
        ),
        ("a `kid`", with(&ed, json!({"kid": "twice"})), None),
        (
            "a duplicate `kid`",
            with(&ec, json!({"kid": "twice", "alg": "ES256"})),
            None,
        ),
        (
            "secp256k1",
            json!({"kty": "EC", "crv": "secp256k1", "alg": "ES256K", "x": point, "y": point}),
            Some(UnsupportedAlgorithm),
        ),
        (
            "secp256k1 without `alg`",
            json!({"kty": "EC", "crv": "secp256k1", "x": point, "y": point}),
            Some(UnsupportedCurve),
        ),
        (
            "Ed448",
            json!({"kty": "OKP", "crv": "Ed448", "x": encode(&[7; 57])}),
            Some(UnsupportedCurve),
        ),
        (
            "X25519",
            json!({"kty": "OKP", "crv": "X25519", "x": point}),
            Some(UnsupportedCurve),
        ),
        ("RSA of 1024 bits", rsa(128), Some(RsaModulus)),
        ("RSA of 16384 bits", rsa(2048), Some(RsaModulus)),
        (
            "RSA with the exponent 3",
            with(&rsa(256), json!({"e": "Aw"})),
            Some(RsaExponent),
        ),
        (
            "a secret",
            serde_json::from_str(OCT).unwrap(),
            Some(PublishedSecret),
        ),
        (
            "a short secret",
            json!({"kty": "oct", "k": "AAAA"}),
            Some(SecretTooShort),
        ),
        (
            "a private key",
            with(&ec, json!({"d": point})),
            Some(PrivateKey),
        ),
        (
            "a numeric `kid`",
            with(&ed, json!({"kid": 7})),
            Some(Malformed),
        ),
        ("no key at all", json!([1, 2]), Some(Malformed)),
    ];
    let members: Vec<_> = table.iter().map(|(_, member, _)| member).collect();
    let set = KeySet::from_public_json(json!({"keys": members}).to_string()).unwrap();
    let mut skipped = set.skipped().iter();
    for (index, (name, _, expected)) in table.iter().enumerate() {
        if let Some(expected) = expected {
            let found = skipped.next().unwrap();
            assert_eq!(
                (found.index, found.error.kind()),
                (index, *expected),
                "{name}"
            );
        }
    }
    assert!(skipped.next().is_none());
    assert_eq!(set.len(), 4);
    let shown = format!("{set:?}");
    assert!(!shown.contains("AyM1"), "{shown}");
}

#[test]
fn published_secrets_are_always_skipped() {
    for others in [String::new(), format!(",{ED}"), format!(",{OCT}")] {
        let text = format!("{{\"keys\":[{OCT}{others}]}}");
        let set = KeySet::from_public_json(text).unwrap();
        assert!(set.keys().iter().all(|key| !key.family().is_symmetric()));
        assert_eq!(set.skipped()[0].error.kind(), PublishedSecret);
    }
    // Other rules are the same as for any set.
    assert_eq!(
        KeySet::from_public_json("{}").unwrap_err().kind(),
        MissingMember
    );
    assert!(
        KeySet::from_public_json("{\"keys\":[]}")
            .unwrap()
            .is_empty()
    );
}

fn encode(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

#[allow(clippy::needless_pass_by_value, reason = "given as `json!`")]
fn with(jwk: &Value, members: Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in members.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

#[test]
fn private_keys_in_a_set_are_reported() {
    let mut jwk = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .public_jwk()
        .unwrap();
    jwk["d"] = "AAAA".into();
    let set = KeySet::from_json(json!({"keys": [jwk]}).to_string()).unwrap();
    assert_eq!(set.skipped()[0].error.kind(), PrivateKey);
}

#[test]
fn size_is_bounded() {
    let of = |n: usize| format!("{{\"keys\":[{}]}}", vec![ED; n].join(","));
    assert_eq!(KeySet::from_json(of(KeySet::MAX_KEYS)).unwrap().len(), 128);
    assert_eq!(error(of(KeySet::MAX_KEYS + 1)), TooLarge);
    // Skipped members count too.
    assert_eq!(
        error(format!("{{\"keys\":[{}]}}", vec!["0"; 129].join(","))),
        TooLarge
    );

    let mut text = of(1);
    text.push_str(&" ".repeat(KeySet::MAX_BYTES - text.len()));
    assert_eq!(KeySet::from_json(&text).unwrap().len(), 1);
    text.push(' ');
    assert_eq!(error(&text), TooLarge);
    // Half a million members in one key.
    let many = (0..60_000)
        .map(|i| format!("\"m{i}\":0"))
        .collect::<Vec<_>>()
        .join(",");
    let set = KeySet::from_json(format!("{{\"keys\":[{{{many}}},{ED}]}}")).unwrap();
    assert_eq!((set.len(), set.skipped()[0].error.kind()), (1, TooLarge));
}

/// The memory of a set from a third party is bounded, regardless of its size: a service may have a
/// thousand sets.
#[test]
fn texts_of_published_keys_are_bounded() {
    let key = |member: &str, length: usize| {
        let mut jwk: Value = serde_json::from_str(ED).unwrap();
        jwk[member] = "k".repeat(length).into();
        json!({"keys": [jwk]}).to_string()
    };
    for member in ["kid", "issuer"] {
        let set = KeySet::from_public_json(key(member, 512)).unwrap();
        assert_eq!((set.len(), set.skipped().len()), (1, 0), "{member}");
        let set = KeySet::from_public_json(key(member, 513)).unwrap();
        assert_eq!(
            (set.len(), set.skipped()[0].error.kind()),
            (0, TooLarge),
            "{member}"
        );
        assert_eq!(set.skipped()[0].kid, None);
        assert!(set.skipped()[0].to_string().contains(member));
        // The limit does not apply to the service's own file.
        assert_eq!(KeySet::from_json(key(member, 5_000)).unwrap().len(), 1);
    }
    // The text of a skipped key is not kept either.
    let set = json!({"keys": [{"kty": "AKP", "kid": "k".repeat(513)}]}).to_string();
    assert_eq!(
        KeySet::from_public_json(set).unwrap().skipped()[0].kid,
        None
    );
}

#[test]
fn keys_keep_their_order_and_may_share_a_kid() {
    let keys: Vec<Key> = ["a", "b", "a"]
        .into_iter()
        .map(|kid| Key::from_jwk(ED).unwrap().with_kid(kid))
        .collect();
    let set: KeySet = keys.into_iter().collect();
    assert_eq!(
        set.keys()
            .iter()
            .map(|key| key.kid().unwrap())
            .collect::<String>(),
        "aba"
    );
    assert!(set.skipped().is_empty());
    assert!(!set.is_empty());
}

#[test]
fn a_certificate_map_is_read() {
    let rsa = include_str!("keys/rsa-certificate.pem");
    let p256 = include_str!("keys/p256-certificate.pem");
    let public = include_str!("keys/ed25519-public.pem");
    let long = "k".repeat(513);
    let map = json!({
        "k1": rsa,
        "k2": p256,
        "k3": public,
        "": rsa,
        "chain": format!("{p256}{rsa}"),
        "one line": rsa.replace('\n', " "),
        "private": include_str!("keys/rsa.pem"),
        "short": include_str!("keys/refused/rsa-1024-certificate.pem"),
        "damaged": rsa.replacen("MII", "AAA", 1),
        "no PEM": "AAAA",
        "null": null,
        "array": [rsa],
        &long: rsa,
    });
    let set = KeySet::from_certificate_map(map.to_string()).unwrap();
    let keys: std::collections::BTreeMap<_, _> = set
        .keys()
        .iter()
        .map(|key| (key.kid().unwrap(), key.algorithms()[0]))
        .collect();
    let expected = [
        ("", Algorithm::RS256),
        ("chain", Algorithm::ES256),
        ("k1", Algorithm::RS256),
        ("k2", Algorithm::ES256),
        ("k3", Algorithm::EdDSA),
        ("one line", Algorithm::RS256),
    ];
    assert_eq!(keys, expected.into());
    let skipped: std::collections::BTreeMap<_, _> = set
        .skipped()
        .iter()
        .map(|skipped| (skipped.kid.as_deref(), skipped.error.kind()))
        .collect();
    let expected = [
        (None, TooLarge),
        (Some("array"), Malformed),
        (Some("damaged"), Malformed),
        (Some("no PEM"), Malformed),
        (Some("null"), Malformed),
        (Some("private"), PrivateKey),
        (Some("short"), RsaModulus),
    ];
    assert_eq!(skipped, expected.into());
    // A certificate declares no algorithm.
    let only = KeySet::from_certificate_map(json!({"k1": rsa}).to_string()).unwrap();
    assert!(only.keys()[0].can_serve(Algorithm::PS256));

    let error = |text: &str| KeySet::from_certificate_map(text).unwrap_err().kind();
    for text in ["", "[]", "null", "{", "\u{feff}{}", "{\"a\":}"] {
        assert_eq!(error(text), Malformed, "{text}");
    }
    assert_eq!(error(r#"{"a":"","\u0061":""}"#), DuplicateMember);
    let many = |count: usize| {
        let members = (0..count).map(|i| format!("\"{i}\":\"\""));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    assert_eq!(error(&many(129)), TooLarge);
    let set = KeySet::from_certificate_map(many(128)).unwrap();
    assert_eq!((set.len(), set.skipped().len()), (0, 128));
    assert_eq!(
        error(&format!("{{{}}}", " ".repeat(KeySet::MAX_BYTES))),
        TooLarge
    );
    assert!(KeySet::from_certificate_map("{}").unwrap().is_empty());
}

#[test]
fn debug_contains_no_secret() {
    let set = KeySet::from_json(format!(
        "{{\"keys\":[{OCT},{{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}}]}}"
    ))
    .unwrap();
    let shown = format!("{set:?}");
    for secret in ["AyM1", "secret\"", "c2VjcmV0", "3, 35, 53"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("HS256"));
}
