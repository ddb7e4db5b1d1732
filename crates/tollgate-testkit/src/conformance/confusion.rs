//! Keys of one type used as another (RFC 8725 sections 2.1 and 3.1).

use super::algorithms::{PUBLIC, SECRET, accepting, by, only};
use serde_json::json;
use tollgate_core::{Algorithm, KeySet};

use super::case::{Case, bearer, bearers, case};
use super::expect::wrong_algorithm;
use super::fixtures::{Fixed, plain, rules, token};
use crate::keys;

/// Returns the HMAC secrets that an attacker derives from the public key (CVE-2015-9235 and its
/// successors).
fn secrets_of(pem: &str, jwk: &serde_json::Value) -> Vec<Vec<u8>> {
    let block = &pem[pem.find("-----BEGIN").unwrap_or_default()..];
    let base64 = block
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect::<String>();
    let der = keys::der(pem);
    let member = |name: &str| jwk[name].as_str().unwrap_or_default().as_bytes().to_vec();
    vec![
        pem.as_bytes().to_vec(),
        block.as_bytes().to_vec(),
        block.trim_end().as_bytes().to_vec(),
        block.replace('\n', "\r\n").into_bytes(),
        base64.into_bytes(),
        der[24.min(der.len())..].to_vec(),
        der,
        jwk.to_string().into_bytes(),
        member("n"),
        member("x"),
        Vec::new(),
        b"secret".to_vec(),
        vec![0; 32],
    ]
}

/// Returns HMAC tokens of these secrets, with the `kid` of the public key.
pub(super) fn confused(algorithm: Algorithm, pem: &str) -> Vec<String> {
    let jwk = keys::signing(algorithm).public_jwk().unwrap_or_default();
    let secrets = secrets_of(pem, &jwk);
    SECRET
        .into_iter()
        .flat_map(|hmac| {
            let kid = keys::kid(algorithm);
            let forge = move |secret: &Vec<u8>| {
                token()
                    .header("alg", hmac.as_str())
                    .kid(kid)
                    .segments()
                    .signed_with_secret(hmac, secret)
                    .to_string()
            };
            secrets.iter().map(forge).collect::<Vec<_>>()
        })
        .collect()
}

pub(super) fn cases() -> Vec<Case> {
    let set = |jwks: serde_json::Value| {
        KeySet::from_json(json!({ "keys": jwks }).to_string()).expect("a JWK Set")
    };
    let oct = || {
        json!({"kty": "oct", "alg": "HS256", "kid": "test-hs256",
        "k": crate::base64url(&keys::SECRET[..32])})
    };
    let rsa = || {
        keys::signing(Algorithm::RS256)
            .public_jwk()
            .unwrap_or_default()
    };
    vec![
        case(
            "an RSA public key as an HMAC secret",
            only(Algorithm::RS256),
            bearers(confused(Algorithm::RS256, keys::RSA_PUBLIC_PEM)),
            wrong_algorithm(),
        ),
        case(
            "a P-256 public key as an HMAC secret",
            only(Algorithm::ES256),
            bearers(confused(Algorithm::ES256, keys::P256_PUBLIC_PEM)),
            wrong_algorithm(),
        ),
        case(
            "an Ed25519 public key as an HMAC secret",
            only(Algorithm::EdDSA),
            bearers(confused(Algorithm::EdDSA, keys::ED25519_PUBLIC_PEM)),
            wrong_algorithm(),
        ),
        case(
            "an HMAC token with public keys",
            accepting(PUBLIC),
            bearers(SECRET.map(by)),
            wrong_algorithm(),
        ),
        case(
            "a public-key token with a secret",
            accepting(SECRET),
            bearers(PUBLIC.map(by)),
            wrong_algorithm(),
        ),
        case(
            "an HMAC token with the `kid` of a public key",
            only(Algorithm::RS256),
            bearer(token().kid("test-rs256").build()),
            wrong_algorithm(),
        ),
        case(
            "a secret beside public keys in a JWK Set is not used",
            plain(rules().key_set(set(json!([rsa(), oct()])))),
            bearer(by(Algorithm::HS256)),
            wrong_algorithm(),
        ),
        case(
            "a source with secrets and public keys",
            plain(
                rules().key_source(Fixed::up(
                    [
                        keys::verifying(Algorithm::RS256),
                        keys::verifying(Algorithm::HS256),
                    ]
                    .into_iter()
                    .collect(),
                )),
            ),
            bearer(by(Algorithm::HS256)),
            wrong_algorithm(),
        ),
        case(
            "a source with secrets beside a public key",
            plain(
                rules()
                    .key(keys::verifying(Algorithm::RS256))
                    .key_source(Fixed::up(set(json!([oct()])))),
            ),
            bearer(by(Algorithm::HS256)),
            wrong_algorithm(),
        ),
        case(
            "a source with secrets beside a source with public keys",
            plain(
                rules()
                    .key_source(Fixed::up(set(json!([rsa()]))))
                    .key_source(Fixed::up(set(json!([oct()])))),
            ),
            bearer(by(Algorithm::HS256)),
            wrong_algorithm(),
        ),
    ]
}
