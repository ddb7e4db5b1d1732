//! Single JWKs, with each rule violated.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_core::KeyErrorKind::{self, *};
use tollgate_core::{Algorithm, Family, Key, KeySet, SigningKey, Verifier};

static RSA: LazyLock<Value> = LazyLock::new(|| public(Algorithm::RS256));
static EC: LazyLock<Value> = LazyLock::new(|| public(Algorithm::ES256));

fn public(algorithm: Algorithm) -> Value {
    let mut jwk = SigningKey::generate(algorithm)
        .unwrap()
        .public_jwk()
        .unwrap();
    for member in ["alg", "use"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    jwk
}

fn ed() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn oct(length: usize) -> Value {
    json!({"kty": "oct", "k": encode(&vec![7; length])})
}

fn encode(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn decode(text: &Value) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(text.as_str().unwrap())
        .unwrap()
}

/// Returns the JWK with these members set, or removed where they are null.
fn with(jwk: &Value, members: Value) -> Value {
    let mut jwk = jwk.clone();
    let Value::Object(members) = members else {
        unreachable!()
    };
    for (name, value) in members {
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(&name);
        } else {
            jwk[name] = value;
        }
    }
    jwk
}

fn error(jwk: &Value) -> KeyErrorKind {
    match Key::from_jwk(jwk.to_string()) {
        Err(error) => error.kind(),
        Ok(key) => panic!("{key:?} from {jwk}"),
    }
}

fn algorithms(jwk: &Value) -> Vec<Algorithm> {
    Key::from_jwk(jwk.to_string())
        .unwrap_or_else(|error| panic!("{error}: {jwk}"))
        .algorithms()
        .to_vec()
}

#[test]
fn a_key_serves_the_algorithms_of_its_type() {
    use Algorithm::*;
    assert_eq!(algorithms(&RSA), [RS256]);
    assert_eq!(algorithms(&EC), [ES256]);
    assert_eq!(algorithms(&public(ES384)), [ES384]);
    assert_eq!(algorithms(&public(ES512)), [ES512]);
    assert_eq!(algorithms(&ed()), [EdDSA, Ed25519]);
    assert_eq!(
        algorithms(&with(&ed(), json!({"alg": "EdDSA"}))),
        [EdDSA, Ed25519]
    );
    assert_eq!(
        algorithms(&with(&ed(), json!({"alg": "Ed25519"}))),
        [Ed25519, EdDSA]
    );
    assert_eq!(algorithms(&oct(64)), [HS256]);
    for alg in [RS256, RS384, RS512, PS256, PS384, PS512] {
        assert_eq!(algorithms(&with(&RSA, json!({"alg": alg.as_str()}))), [alg]);
    }
    for alg in [HS256, HS384, HS512] {
        assert_eq!(
            algorithms(&with(&oct(64), json!({"alg": alg.as_str()}))),
            [alg]
        );
    }
    let key = Key::from_jwk(with(&RSA, json!({"kid": "k", "use": "sig"})).to_string()).unwrap();
    assert_eq!((key.kid(), key.family()), (Some("k"), Family::Rsa));
}

#[test]
fn serving_accepts_only_algorithms_of_the_key_type() {
    use Algorithm::*;
    let rsa = Key::from_jwk(RSA.to_string()).unwrap().with_kid("k");
    let both = rsa.clone().serving([PS256, RS512, PS256]).unwrap();
    assert_eq!(
        (both.algorithms(), both.kid()),
        (&[PS256, RS512][..], Some("k"))
    );
    for bad in [HS256, ES256, EdDSA] {
        assert_eq!(
            rsa.clone().serving([RS256, bad]).unwrap_err().kind(),
            AlgorithmMismatch
        );
    }
    assert_eq!(rsa.serving([]).unwrap_err().kind(), AlgorithmMismatch);
    let ec = Key::from_jwk(EC.to_string()).unwrap();
    assert_eq!(ec.serving([ES384]).unwrap_err().kind(), AlgorithmMismatch);
    let ed = Key::from_jwk(ed().to_string()).unwrap();
    assert_eq!(ed.serving([Ed25519]).unwrap().algorithms(), [Ed25519]);
    let oct = Key::from_jwk(oct(48).to_string()).unwrap();
    assert_eq!(oct.clone().serving([HS384]).unwrap().algorithms(), [HS384]);
    assert_eq!(
        oct.clone().serving([HS512]).unwrap_err().kind(),
        SecretTooShort
    );
    assert_eq!(oct.serving([RS256]).unwrap_err().kind(), AlgorithmMismatch);
}

#[test]
fn the_text_must_be_one_json_object() {
    for text in [
        "",
        "null",
        "[]",
        "\"a\"",
        "1",
        "{",
        "{} {}",
        "{\"kty\":}",
        "\u{feff}{}",
        "{'kty':'oct'}",
    ] {
        assert_eq!(Key::from_jwk(text).unwrap_err().kind(), Malformed, "{text}");
    }
    assert_eq!(
        Key::from_jwk(b"{\"kty\":\"\xff\"}").unwrap_err().kind(),
        Malformed
    );
    let long = with(&ed(), json!({"pad": " ".repeat(1 << 20)}));
    assert_eq!(error(&long), TooLarge);
    let deep = format!(
        "{{\"kty\":\"oct\",\"x\":{}{}}}",
        "[".repeat(200),
        "]".repeat(200)
    );
    assert_eq!(Key::from_jwk(&deep).unwrap_err().kind(), Malformed);
    let many: Value = (0..65)
        .map(|i| (i.to_string(), json!(0)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(error(&many), TooLarge);
}

#[test]
fn duplicate_members_are_refused() {
    let ed = ed().to_string();
    for twice in [
        "\"kty\":\"OKP\"",
        "\"x\":\"AAAA\"",
        "\"foo\":1,\"foo\":1",
        "\"kt\\u0079\":\"OKP\"",
        "\"ext\":[{\"a\":{\"b\":1,\"b\":1}}]",
    ] {
        let text = format!("{{{twice},{}", &ed[1..]);
        assert_eq!(
            Key::from_jwk(&text).unwrap_err().kind(),
            DuplicateMember,
            "{text}"
        );
    }
}

#[test]
fn unsupported_types_and_curves_are_refused() {
    for kty in ["rsa", "AKP", "", "EC ", "ocT"] {
        assert_eq!(
            error(&with(&EC, json!({"kty": kty}))),
            UnsupportedKeyType,
            "{kty}"
        );
    }
    assert_eq!(error(&with(&EC, json!({"kty": null}))), MissingMember);
    assert_eq!(error(&with(&EC, json!({"kty": ["EC"]}))), Malformed);
    for crv in ["secp256k1", "P-192", "p-256", "Ed25519", ""] {
        assert_eq!(
            error(&with(&EC, json!({"crv": crv}))),
            UnsupportedCurve,
            "{crv}"
        );
    }
    for crv in ["X25519", "Ed448", "X448", "P-256", "ed25519"] {
        assert_eq!(
            error(&with(&ed(), json!({"crv": crv}))),
            UnsupportedCurve,
            "{crv}"
        );
    }
    assert_eq!(error(&with(&EC, json!({"crv": null}))), MissingMember);
    assert_eq!(error(&with(&ed(), json!({"crv": null}))), MissingMember);
    assert_eq!(error(&with(&EC, json!({"crv": 256}))), Malformed);
    // The numbers of another type.
    assert_eq!(error(&with(&EC, json!({"kty": "RSA"}))), MissingMember);
    assert_eq!(error(&with(&EC, json!({"kty": "oct"}))), MissingMember);
    assert_eq!(error(&with(&EC, json!({"kty": "OKP"}))), UnsupportedCurve);
    assert_eq!(error(&with(&RSA, json!({"kty": "EC"}))), MissingMember);
}

#[test]
fn alg_restricts_the_key() {
    let mismatches = [
        (&*RSA, ["HS256", "ES256", "EdDSA"]),
        (&*EC, ["ES384", "ES512", "RS256"]),
        (&ed(), ["ES256", "HS256", "PS256"]),
        (&oct(64), ["RS256", "ES256", "Ed25519"]),
    ];
    for (jwk, algs) in mismatches {
        for alg in algs {
            assert_eq!(
                error(&with(jwk, json!({"alg": alg}))),
                AlgorithmMismatch,
                "{alg}"
            );
        }
    }
    for alg in [
        "none",
        "",
        "rs256",
        "RS1",
        "RSA-OAEP",
        "RSA1_5",
        "RSA-OAEP-256",
        "SHA256",
        "PS256 ",
    ] {
        assert_eq!(
            error(&with(&RSA, json!({"alg": alg}))),
            UnsupportedAlgorithm,
            "{alg}"
        );
    }
    for alg in ["ECDH-ES", "ECDH-ES+A128KW", "ES521", "ES256K", "es256"] {
        assert_eq!(
            error(&with(&EC, json!({"alg": alg}))),
            UnsupportedAlgorithm,
            "{alg}"
        );
    }
    for alg in ["A128GCM", "A256KW", "dir", "PBES2-HS256+A128KW", "Ed448"] {
        assert_eq!(
            error(&with(&oct(64), json!({"alg": alg}))),
            UnsupportedAlgorithm,
            "{alg}"
        );
    }
    for alg in [json!(1), json!(["RS256"]), json!({}), json!(true)] {
        assert_eq!(error(&with(&RSA, json!({"alg": alg}))), Malformed);
    }
}

#[test]
fn use_and_key_ops_restrict_the_key() {
    for usage in ["enc", "", "SIG", "sig ", "jwt-svid"] {
        assert_eq!(
            error(&with(&EC, json!({"use": usage}))),
            WrongUse,
            "{usage}"
        );
    }
    assert_eq!(error(&with(&EC, json!({"use": ["sig"]}))), Malformed);

    for good in [
        json!(["verify"]),
        json!(["sign", "verify"]),
        json!(["verify", "encrypt"]),
        json!(["verify", "x"]),
    ] {
        assert_eq!(
            algorithms(&with(&EC, json!({"key_ops": good}))),
            [Algorithm::ES256]
        );
    }
    for bad in [
        json!(["sign"]),
        json!(["encrypt"]),
        json!(["Verify"]),
        json!(["deriveKey", "sign"]),
    ] {
        assert_eq!(
            error(&with(&EC, json!({"key_ops": bad}))),
            WrongUse,
            "{bad}"
        );
    }
    for bad in [
        json!("verify"),
        json!([1]),
        json!(["verify", 1]),
        json!({"verify": true}),
        json!(["verify", null]),
    ] {
        assert_eq!(
            error(&with(&EC, json!({"key_ops": bad}))),
            Malformed,
            "{bad}"
        );
    }
    assert_eq!(
        error(&with(&EC, json!({"key_ops": ["verify", "verify"]}))),
        Malformed
    );
    // Both, with contradictory values.
    assert_eq!(
        error(&with(
            &EC,
            json!({"use": "sig", "key_ops": ["verify", "encrypt"]})
        )),
        WrongUse
    );
    assert_eq!(
        algorithms(&with(&EC, json!({"use": "sig", "key_ops": ["verify"]}))),
        [Algorithm::ES256]
    );
}

#[test]
fn kid_must_be_a_string() {
    for kid in [json!(1), json!(["a"]), json!({})] {
        assert_eq!(error(&with(&EC, json!({"kid": kid}))), Malformed);
    }
    let odd = "../../etc/passwd' OR 1=1 --\r\n\u{0}";
    assert_eq!(
        Key::from_jwk(with(&EC, json!({"kid": odd})).to_string())
            .unwrap()
            .kid(),
        Some(odd)
    );
}

#[test]
fn invalid_rsa_numbers_are_refused() {
    let n = decode(&RSA["n"]);
    let cases: [(&str, Value, KeyErrorKind); 20] = [
        ("no n", json!({"n": null}), MissingMember),
        ("no e", json!({"e": null}), MissingMember),
        ("empty n", json!({"n": ""}), Malformed),
        ("empty e", json!({"e": ""}), Malformed),
        ("e = 0", json!({"e": "AA"}), Malformed),
        ("e = 1", json!({"e": "AQ"}), RsaExponent),
        ("e = 3", json!({"e": "Aw"}), RsaExponent),
        ("e = 17", json!({"e": "EQ"}), RsaExponent),
        ("e = 65535", json!({"e": "__8"}), RsaExponent),
        ("e = 65536", json!({"e": "AQAA"}), RsaExponent),
        ("e = 65538", json!({"e": "AQAC"}), RsaExponent),
        (
            "e of 34 bits",
            json!({"e": encode(&[2, 0, 0, 0, 1])}),
            RsaExponent,
        ),
        (
            "e of 48 bits",
            json!({"e": encode(&[1, 0, 0, 0, 0, 1])}),
            RsaExponent,
        ),
        (
            "e = 3 after zero bytes",
            json!({"e": "AAAAAw"}),
            RsaExponent,
        ),
        (
            "2040 bits after a zero byte",
            json!({"n": encode(&[&[0, 0], &n[1..]].concat())}),
            RsaModulus,
        ),
        (
            "2047 bits",
            json!({"n": encode(&[&[0x7f], &n[1..]].concat())}),
            RsaModulus,
        ),
        ("1024 bits", json!({"n": encode(&n[..128])}), RsaModulus),
        ("8200 bits", json!({"n": encode(&[0xff; 1025])}), RsaModulus),
        (
            "even",
            json!({"n": encode(&[&n[..255], &[n[255] & 0xfe]].concat())}),
            RsaModulus,
        ),
        (
            "8200 bits after a zero byte",
            json!({"n": encode(&[&[0], &[0xff; 1025][..]].concat())}),
            RsaModulus,
        ),
    ];
    for (what, members, kind) in cases {
        assert_eq!(error(&with(&RSA, members)), kind, "{what}");
    }
    assert_eq!(
        algorithms(&with(&RSA, json!({"e": encode(&[1, 0, 0, 0, 1])}))),
        [Algorithm::RS256]
    );
}

#[test]
fn base64url_has_no_other_letters_and_no_trailing_bits() {
    let x = ed()["x"].as_str().unwrap().to_owned();
    let mut other_end = x.clone();
    assert_eq!(other_end.pop(), Some('o')); // 10 1000: the last two bits are unused
    other_end.push('p');
    for bad in [
        format!(" {x}"),
        format!("{x}\n"),
        format!("{x}\u{0}"),
        format!("={x}"),
        format!("{x}= "),
        format!("{other_end}="),
        x.replace('_', ","),
        other_end,
    ] {
        assert_eq!(error(&with(&ed(), json!({"x": bad}))), Malformed, "{bad:?}");
    }
    assert_eq!(error(&with(&ed(), json!({"x": 7}))), Malformed);
    assert_eq!(error(&with(&oct(32), json!({"k": ["AAAA"]}))), Malformed);
}

#[test]
fn points_must_be_on_the_curve() {
    let (x, y) = (decode(&EC["x"]), decode(&EC["y"]));
    let zero = encode(&[0; 32]);
    let mut y_off = y.clone();
    y_off[31] ^= 1;
    for (what, x, y) in [
        ("off the curve", encode(&x), encode(&y_off)),
        ("swapped", encode(&y), encode(&x)),
        ("zero", zero.clone(), zero.clone()),
        ("x is zero", zero, encode(&y)),
        ("above the field size", encode(&[0xff; 32]), encode(&y)),
        ("short", encode(&x[..31]), encode(&y)),
        ("long", encode(&[&[1], &x[..]].concat()), encode(&y)),
        ("no y", encode(&x), String::new()),
        (
            "both in one",
            encode(&[&x[..], &y[..]].concat()),
            String::new(),
        ),
        ("empty", String::new(), String::new()),
    ] {
        assert_eq!(
            error(&with(&EC, json!({"x": x, "y": y}))),
            InvalidPoint,
            "{what}"
        );
    }
    assert_eq!(error(&with(&EC, json!({"x": null}))), MissingMember);
    assert_eq!(error(&with(&EC, json!({"y": null}))), MissingMember);
    // A point of another curve.
    for (crv, other) in [
        ("P-384", Algorithm::ES512),
        ("P-521", Algorithm::ES384),
        ("P-256", Algorithm::ES384),
    ] {
        assert_eq!(
            error(&with(&public(other), json!({"crv": crv}))),
            InvalidPoint
        );
    }
    // Without its last byte, the number is another.
    let p521 = public(Algorithm::ES512);
    let x = decode(&p521["x"]);
    assert_eq!(
        error(&with(&p521, json!({"x": encode(&x[..65])}))),
        InvalidPoint
    );
}

#[test]
fn invalid_ed25519_points_are_refused() {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut two = [0; 32];
    two[0] = 2; // no matching x coordinate
    let mut one = [0; 32];
    one[0] = 1;
    for bad in [
        &[0; 32][..],
        &one,
        &two,
        &minus_one,
        &[0xff; 32],
        &[7; 31],
        &[7; 33],
        &[],
    ] {
        assert_eq!(
            error(&with(&ed(), json!({"x": encode(bad)}))),
            InvalidPoint,
            "{bad:?}"
        );
    }
}

#[test]
fn secrets_must_be_long_enough_and_not_resemble_keys() {
    for (alg, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        assert_eq!(
            error(&with(&oct(least - 1), json!({"alg": alg}))),
            SecretTooShort
        );
        assert_eq!(algorithms(&with(&oct(least), json!({"alg": alg}))).len(), 1);
    }
    assert_eq!(error(&oct(0)), SecretTooShort);
    let pem = include_bytes!("keys/rsa-public.pem");
    assert_eq!(error(&with(&oct(0), json!({"k": encode(pem)}))), PublicKey);
    assert_eq!(
        error(&with(
            &oct(0),
            json!({"k": encode(RSA.to_string().as_bytes())})
        )),
        PublicKey
    );
}

/// Returns the JWK with this member, also if the value is null.
fn including(jwk: &Value, name: &str, value: Value) -> Value {
    let mut jwk = jwk.clone();
    jwk[name] = value;
    jwk
}

#[test]
fn an_optional_member_that_is_null_or_an_empty_array_is_absent() {
    let optional = [
        "alg", "use", "key_ops", "kid", "x5c", "x5t", "x5t#S256", "x5u", "issuer", "oth", "d", "p",
        "q", "dp", "dq", "qi", "ext",
    ];
    for jwk in [&*RSA, &*EC, &ed()] {
        for name in optional {
            for value in [json!(null), json!([])] {
                let jwk = including(jwk, name, value);
                let key = Key::from_jwk(jwk.to_string());
                assert!(key.is_ok(), "{jwk}: {key:?}");
                let set = json!({"keys": [jwk]}).to_string();
                let set = KeySet::from_public_json(set).unwrap();
                assert_eq!((set.len(), set.skipped().len()), (1, 0), "{name}");
                assert_eq!(
                    set.tolerated().len(),
                    usize::from(jwk[name].is_array()),
                    "{name}"
                );
            }
            assert!(
                Key::from_jwk(including(jwk, name, json!([[]])).to_string()).is_err()
                    || ["x5c", "x5t", "x5t#S256", "x5u", "ext"].contains(&name),
                "{name}"
            );
        }
        for required in ["kty", "n", "e", "crv", "x", "y"] {
            if jwk.get(required).is_some() {
                assert_eq!(
                    error(&including(jwk, required, json!(null))),
                    MissingMember,
                    "{required}"
                );
                assert_eq!(
                    error(&including(jwk, required, json!([]))),
                    MissingMember,
                    "{required}"
                );
            }
        }
    }
    let null = including(&including(&RSA, "alg", json!(null)), "kid", json!(null));
    let key = Key::from_jwk(null.to_string()).unwrap();
    assert_eq!(
        (key.kid(), key.algorithms()),
        (None, &[Algorithm::RS256][..])
    );
    let empty = Key::from_jwk(including(&EC, "kid", json!("")).to_string()).unwrap();
    assert_eq!(empty.kid(), Some(""));
}

#[test]
fn private_members_are_refused() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(error(&with(&RSA, json!({name: "AQAB"}))), PrivateKey);
        assert_eq!(error(&with(&RSA, json!({name: [{}]}))), PrivateKey);
    }
    assert_eq!(error(&with(&EC, json!({"d": ""}))), PrivateKey);
    assert_eq!(error(&with(&ed(), json!({"d": "AAAA"}))), PrivateKey);
}

#[test]
fn certificates_must_match_the_key() {
    let certificate = |pem: &str| {
        pem.lines()
            .filter(|line| !line.starts_with("-----"))
            .collect::<String>()
    };
    let rsa = certificate(include_str!("keys/rsa-certificate.pem"));
    let p256 = certificate(include_str!("keys/p256-certificate.pem"));
    let ed25519 = certificate(include_str!("keys/ed25519-certificate.pem"));

    // Without numbers, the certificate provides the key.
    for (kty, certificate, alg) in [
        ("RSA", &rsa, Algorithm::RS256),
        ("EC", &p256, Algorithm::ES256),
        ("OKP", &ed25519, Algorithm::EdDSA),
    ] {
        let jwk = json!({"kty": kty, "x5c": [certificate, "not read"]});
        assert_eq!(algorithms(&jwk)[0], alg);
    }
    assert_eq!(
        algorithms(&json!({"kty": "EC", "crv": "P-256", "x5c": [p256]})),
        [Algorithm::ES256]
    );
    assert_eq!(
        error(&json!({"kty": "EC", "crv": "P-384", "x5c": [p256]})),
        Inconsistent
    );
    assert_eq!(error(&json!({"kty": "EC", "x5c": [rsa]})), Inconsistent);
    assert_eq!(
        error(&json!({"kty": "RSA", "x5c": [ed25519]})),
        Inconsistent
    );
    assert_eq!(
        error(&json!({"kty": "RSA", "alg": "ES256", "x5c": [rsa]})),
        AlgorithmMismatch
    );
    // With numbers, the certificate must have the same key.
    assert_eq!(error(&with(&RSA, json!({"x5c": [rsa]}))), Inconsistent);
    assert_eq!(error(&with(&EC, json!({"x5c": [p256]}))), Inconsistent);
    for contradictory in [
        json!([rsa.replace('/', "_")]),
        json!([rsa.replace('=', ""), 1]),
        json!([format!("{}\n{}", &rsa[..64], &rsa[64..])]),
        json!(rsa),
        json!([ed25519]),
        json!([certificate(include_str!(
            "keys/refused/rsa-1024-certificate.pem"
        ))]),
    ] {
        let jwk = with(&RSA, json!({"alg": "RS256", "x5c": contradictory}));
        assert_eq!(error(&jwk), Inconsistent, "{contradictory}");
    }
    let half = json!({"kty": "RSA", "e": "AQAB", "x5c": [rsa]});
    assert_eq!(error(&half), MissingMember);
}

/// Returns the tolerated members of a JWK that is usable, with the reasons.
fn tolerated(jwk: &Value) -> Vec<(String, &'static str)> {
    algorithms(jwk);
    let set = KeySet::from_public_json(json!({"keys": [jwk]}).to_string()).unwrap();
    assert_eq!((set.len(), set.skipped().len()), (1, 0), "{jwk}");
    let tolerated = set.tolerated().iter();
    tolerated
        .map(|each| (each.member.clone(), each.reason))
        .collect()
}

#[test]
fn an_unreadable_member_that_only_repeats_others_is_tolerated() {
    let rsa = with(&RSA, json!({"alg": "RS256", "use": "sig", "kid": "r1"}));
    let truncated = include_str!("keys/rsa-certificate.pem")
        .lines()
        .nth(1)
        .unwrap();
    for x5c in [
        json!("AAAA"),
        json!([""]),
        json!(["AAAA"]),
        json!(["not base64"]),
        json!([1]),
        json!([null]),
        json!([["AAAA"]]),
        json!({}),
        json!(true),
        json!([truncated]),
    ] {
        for jwk in [&rsa, &*EC, &ed()] {
            let jwk = with(jwk, json!({"x5c": x5c}));
            assert_eq!(tolerated(&jwk), [("x5c".into(), "cannot be read")], "{x5c}");
        }
        assert_eq!(error(&json!({"kty": "RSA", "x5c": x5c})), Malformed);
    }
    // Never read: they identify a certificate that is elsewhere.
    for name in ["x5t", "x5t#S256", "x5u"] {
        for value in [
            json!("AAAA"),
            json!("not base64"),
            json!(1),
            json!({}),
            json!([1]),
        ] {
            assert_eq!(tolerated(&with(&rsa, json!({name: value}))), []);
        }
    }
    let with_alg = with(&EC, json!({"alg": "ES256"}));
    let with_use = with(&EC, json!({"use": "sig"}));
    for operations in [
        json!("verify"),
        json!(1),
        json!([1]),
        json!(["verify", 1]),
        json!([null, "verify"]),
        json!({"verify": true}),
        json!(["verify", "verify"]),
    ] {
        for jwk in [&with_alg, &with_use] {
            let jwk = with(jwk, json!({"key_ops": operations}));
            assert_eq!(tolerated(&jwk), [("key_ops".into(), "cannot be read")]);
        }
        // Nothing else says that the key is for signatures.
        assert_eq!(error(&with(&EC, json!({"key_ops": operations}))), Malformed);
    }
    let with_operations = with(&EC, json!({"key_ops": ["verify"]}));
    for usage in [
        json!(["sig"]),
        json!(1),
        json!({"sig": true}),
        json!([null]),
    ] {
        for jwk in [&with_alg, &with_operations] {
            let jwk = with(jwk, json!({"use": usage}));
            assert_eq!(
                tolerated(&jwk),
                [("use".into(), "cannot be read")],
                "{usage}"
            );
        }
        assert_eq!(error(&with(&EC, json!({"use": usage}))), Malformed);
        let both = json!({"use": usage, "key_ops": "verify"});
        assert_eq!(
            error(&with(&EC, both)),
            Malformed,
            "neither confirms the other"
        );
    }
}

#[test]
fn an_unreadable_member_that_contradicts_others_is_refused() {
    let jwk = with(&EC, json!({"alg": "ES256", "use": "sig"}));
    for operations in [
        json!("encrypt"),
        json!(["encrypt", 1]),
        json!([1, "encrypt"]),
        json!(["verify", "encrypt", 1]),
        json!(["encrypt", "encrypt"]),
        json!(["sign", "sign"]),
    ] {
        let jwk = with(&jwk, json!({"key_ops": operations}));
        assert_eq!(error(&jwk), WrongUse, "{operations}");
    }
    let jwk = with(&EC, json!({"alg": "ES256", "key_ops": ["verify"]}));
    for usage in [
        json!(["enc"]),
        json!([1, "enc"]),
        json!(["sig", "enc"]),
        json!([""]),
    ] {
        assert_eq!(
            error(&with(&jwk, json!({"use": usage}))),
            WrongUse,
            "{usage}"
        );
    }
    // Members that nothing else repeats.
    for name in ["alg", "kid", "kty", "crv", "x", "y", "issuer"] {
        assert_eq!(error(&with(&jwk, json!({name: 1}))), Malformed, "{name}");
    }
}

#[test]
fn a_near_encoding_of_a_number_is_the_same_key_and_reported() {
    let n = decode(&RSA["n"]);
    let zero = encode(&[&[0], &n[..]].concat());
    let standard = base64_simd::STANDARD.encode_to_string(&n);
    let text = RSA["n"].as_str().unwrap();
    for (members, expected) in [
        (json!({"n": format!("{text}=")}), ("n", "is padded")),
        (json!({"n": format!("{text}==")}), ("n", "is padded")),
        (json!({"n": zero}), ("n", "has leading zero bytes")),
        (json!({"e": "AAEAAQ"}), ("e", "has leading zero bytes")),
        (json!({"e": "AAAAAAEAAQ"}), ("e", "has leading zero bytes")),
        (json!({"e": "AQAB="}), ("e", "is padded")),
    ] {
        let expected = (expected.0.to_owned(), expected.1);
        assert_eq!(tolerated(&with(&RSA, members)), [expected]);
    }
    if standard.contains(['+', '/']) {
        let expected = ("n".to_owned(), "is in the standard alphabet of base64");
        assert_eq!(tolerated(&with(&RSA, json!({"n": standard}))), [expected]);
    }
    let x = format!("{}=", ed()["x"].as_str().unwrap().replace('_', "/"));
    let expected = ("x".to_owned(), "is in the standard alphabet of base64");
    assert_eq!(tolerated(&with(&ed(), json!({"x": x}))), [expected]);
    // Zero bytes of a secret or of an Ed25519 key are part of it.
    let x = encode(&[&[0], &decode(&ed()["x"])[..]].concat());
    assert_eq!(error(&with(&ed(), json!({"x": x}))), InvalidPoint);
    let zeros = json!({"kty": "oct", "k": encode(&[0; 32])});
    assert_eq!(algorithms(&zeros), [Algorithm::HS256]);
    let short = json!({"kty": "oct", "k": encode(&[&[0], &[7; 30][..]].concat())});
    assert_eq!(error(&short), SecretTooShort);
}

/// Returns a member in a near encoding of the same integer.
fn near(jwk: &Value, name: &str, zeros: usize, standard: bool, padding: usize) -> Value {
    let bytes = decode(&jwk[name]);
    let first = bytes.iter().position(|byte| *byte != 0).unwrap();
    let bytes = [&vec![0; zeros], &bytes[first..]].concat();
    let text = if standard {
        base64_simd::STANDARD_NO_PAD.encode_to_string(bytes)
    } else {
        encode(&bytes)
    };
    json!(text + &"=".repeat(padding))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A token verifies by each near encoding of its key, of any type, and signing keys are read in
    /// the same way.
    #[test]
    fn the_same_integer_is_the_same_key(
        kind in 0..6_usize,
        zeros in 0..5_usize,
        standard: bool,
        padding in 0..4_usize,
    ) {
        let algorithm = [
            Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::ES512,
            Algorithm::EdDSA, Algorithm::HS256,
        ][kind];
        let secret = encode(&[0, 0, 0xfb, 0xff].repeat(8));
        let signer = match algorithm {
            Algorithm::RS256 => SigningKey::from_pem(algorithm, include_str!("keys/rsa.pem")),
            Algorithm::HS256 => SigningKey::hs256([0, 0, 0xfb, 0xff].repeat(8)),
            _ => SigningKey::generate(algorithm),
        }.unwrap();
        let jwk = signer.public_jwk().unwrap_or(json!({"kty": "oct", "k": secret}));
        let mut encoded = jwk.clone();
        for name in ["n", "e", "x", "y", "k"] {
            if jwk.get(name).is_none() {
                continue;
            }
            encoded[name] = match algorithm {
                Algorithm::EdDSA | Algorithm::HS256 => {
                    let bytes = decode(&jwk[name]);
                    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                    near(&jwk, name, zeros, standard, padding)
                }
                _ => near(&jwk, name, zeros, standard, padding),
            };
        }
        let set = KeySet::from_json(json!({"keys": [encoded]}).to_string()).unwrap();
        prop_assert_eq!(set.len(), 1, "{}: {:?}", encoded, set.skipped());
        let exact = jwk == encoded;
        prop_assert_eq!(set.tolerated().is_empty(), exact, "{}", encoded);
        let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience();
        let verifier = verifier.key_set(set).build().unwrap();
        let token = signer.encode(&json!({"exp": 4_000_000_000_u64})).unwrap();
        prop_assert!(verifier.verify(token).is_ok());
    }
}

#[test]
fn errors_and_debug_contain_no_key() {
    let jwk = with(&oct(31), json!({"kid": "mine"}));
    let secret = jwk["k"].as_str().unwrap();
    let error = Key::from_jwk(jwk.to_string()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(secret));
    let key = Key::hs256("correct horse battery staple, said I")
        .unwrap()
        .with_kid("mine");
    let shown = format!("{key:?}");
    assert_eq!(
        shown,
        r#"Key { kid: Some("mine"), family: Hmac, algorithms: [HS256], .. }"#
    );
}
