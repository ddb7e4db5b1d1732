//! Signatures of other implementations: Wycheproof, RFC 7520 and the examples of the RFCs, from the
//! directory in `TOLLGATE_VECTORS`. Tokens pass the decoder and the header reader of a verifier;
//! their claims are not checked.

use std::path::PathBuf;

use serde_json::Value;

use super::{Key, KeySet, SigningKey, base64};
use crate::algorithm::Algorithm;
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::token::compact::{Compact, Segment};
use crate::token::header::Header;

/// Reads a file of the directory. Without the directory, prints a line and returns `None`.
fn vectors(file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("TOLLGATE_VECTORS") else {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must set TOLLGATE_VECTORS"
        );
        println!("TOLLGATE_VECTORS is not set: {file} is passed over");
        return None;
    };
    let text = std::fs::read(PathBuf::from(folder).join(file)).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

/// Returns the keys of a JWK or a JWK Set.
fn keys(json: &Value) -> Vec<Key> {
    let text = json.to_string();
    if json.get("keys").is_some() {
        KeySet::from_json(text).unwrap().keys().to_vec()
    } else {
        Key::from_jwk(text).into_iter().collect()
    }
}

/// Returns `true` if one of the keys has signed the token, which is split, decoded and read as by a
/// verifier.
fn accepts(keys: &[Key], token: &str) -> bool {
    signed(keys, token).unwrap_or(false)
}

fn signed(keys: &[Key], token: &str) -> Result<bool, Rejection> {
    let limits = Limits::default();
    let compact = Compact::split(token.as_bytes(), &limits)?;
    let [mut header, mut payload, mut signature] = [const { Segment::new() }; 3];
    let header = compact.header(&mut header)?;
    compact.payload(&mut payload)?;
    let signature = compact.signature(&mut signature)?;
    let (header, text) = Header::read(header, &limits)?;
    let Header { algorithm, kid, .. } = header;
    let kid = kid.as_ref().map(|kid| kid.read(text));
    Ok(keys
        .iter()
        .filter(|key| kid.is_none() || key.kid().is_none() || kid == key.kid())
        .filter(|key| key.serves(algorithm))
        .any(|key| key.verify(algorithm, compact.signing_input(), signature)))
}

/// Runs the JWS cases of a Wycheproof file and returns their number. `either` lists the cases with
/// a wrong or policy-dependent label, see the notes with the files.
fn wycheproof(file: &str, either: &[u64]) -> usize {
    let Some(file) = vectors(file) else { return 0 };
    let mut cases = 0;
    let mut wrong = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        let keys = keys(group.get("public").unwrap_or(&group["private"]));
        for case in group["tests"].as_array().unwrap() {
            let Some(jws) = case.get("jws") else { continue };
            cases += 1;
            let accepted = jws.as_str().is_some_and(|token| accepts(&keys, token));
            let id = case["tcId"].as_u64().unwrap();
            if accepted != (case["result"] == "valid") && !either.contains(&id) {
                wrong.push((id, accepted, case["comment"].to_string()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    cases
}

#[test]
fn wycheproof_signatures() {
    // 346, 347, 350, 351: the `alg` of the key differs from the token's, or is not registered:
    // refused; 367, 370: the bytes of a valid token, labelled invalid; 372, 373: a changed token,
    // labelled valid
    let cases = wycheproof(
        "wycheproof/json_web_signature_test.json",
        &[346, 347, 350, 351, 367, 370, 372, 373],
    );
    assert!(cases == 0 || cases == 401, "{cases}");
}

#[test]
fn wycheproof_keys() {
    // 4: one kid twice, both are tried; 7: the ROCA fingerprint is not checked
    let cases = wycheproof("wycheproof/json_web_key_test.json", &[4, 7]);
    assert!(cases == 0 || cases == 26, "{cases}");
}

#[test]
fn wycheproof_structure() {
    // 46: the ROCA fingerprint
    let cases = wycheproof("wycheproof/json_web_crypto_test.json", &[46]);
    assert!(cases == 0 || cases == 49, "{cases}");
}

#[test]
fn unreliable_labels_are_checked_individually() {
    let Some(file) = vectors("wycheproof/json_web_signature_test.json") else {
        return;
    };
    for group in file["testGroups"].as_array().unwrap() {
        let keys = keys(group.get("public").unwrap_or(&group["private"]));
        for case in group["tests"].as_array().unwrap() {
            let accepted = accepts(&keys, case["jws"].as_str().unwrap());
            match case["tcId"].as_u64().unwrap() {
                367 | 370 => assert!(accepted),
                372 | 373 | 346 | 347 | 350 | 351 => assert!(!accepted),
                _ => {}
            }
        }
    }
}

#[test]
fn examples_of_the_rfcs() {
    let Some(file) = vectors("rfc/rfc_facts.json") else {
        return;
    };
    let mut checked = Vec::new();
    for item in file["items"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        let (Some(token), "jws-compact" | "dpop-proof") =
            (item["token"].as_str(), item["kind"].as_str().unwrap())
        else {
            continue;
        };
        if item["expect_signature"] == "reject" {
            assert!(!accepts(&[], token), "{id}");
            continue;
        }
        let (_, algorithm) = (
            token,
            item["alg"].as_str().unwrap().parse::<Algorithm>().unwrap(),
        );
        let mut jwk = item["key"].clone();
        if let Ok(signing) = SigningKey::from_jwk(jwk.to_string()) {
            assert_eq!(signing.algorithm(), algorithm);
            assert!(accepts(&[signing.verifying_key()], token), "{id}");
        } else if jwk.get("d").is_some() {
            panic!("{id}: the private key is refused");
        }
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            jwk.as_object_mut().unwrap().remove(private);
        }
        let key = Key::from_jwk(jwk.to_string()).unwrap();
        assert!(accepts(std::slice::from_ref(&key), token), "{id}");
        // changing any bit of the signature invalidates it
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut signature = base64::decode_url(signature).unwrap();
        for i in 0..signature.len() {
            signature[i] ^= 1 << (i % 8);
            assert!(
                !key.verify(algorithm, message.as_bytes(), &signature),
                "{id}: byte {i}"
            );
            signature[i] ^= 1 << (i % 8);
        }
        assert!(key.verify(algorithm, message.as_bytes(), &signature));
        checked.push(id.to_owned());
    }
    assert_eq!(checked.len(), 9, "{checked:?}");
}

#[test]
fn rfc_7520_signatures() {
    for (name, refused) in [
        ("4_1.rsa_v15_signature", false),
        ("4_2.rsa-pss_signature", false),
        ("4_3.ecdsa_signature", false),
        ("4_4.hmac-sha2_integrity_protection", false),
    ] {
        let Some(file) = vectors(&format!("jose-cookbook/jws/{name}.json")) else {
            return;
        };
        let jwk = file["input"]["key"].clone();
        let algorithm: Algorithm = file["input"]["alg"].as_str().unwrap().parse().unwrap();
        let key = SigningKey::from_jwk(jwk.to_string())
            .unwrap()
            .verifying_key();
        let token = file["output"]["compact"].as_str().unwrap();
        let key = if key.serves(algorithm) {
            key
        } else {
            key.serving([algorithm]).unwrap()
        };
        assert_eq!(accepts(&[key], token), !refused, "{name}");
    }
}

#[test]
fn rfc_8037_signature() {
    let Some(file) = vectors("jose-cookbook/curve25519/jws.json") else {
        return;
    };
    let key = SigningKey::from_jwk(file["input"]["key"].to_string()).unwrap();
    let token = file["output"]["compact"].as_str().unwrap();
    assert!(accepts(&[key.verifying_key()], token));
    let (message, signature) = token.rsplit_once('.').unwrap();
    assert_eq!(
        base64::encode_url(key.sign(message.as_bytes()).unwrap()),
        signature
    );
}
