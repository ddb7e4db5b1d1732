//! Changing key sets, key formats, and sources without keys (RFC 7517 section 5).

use super::keyrings::{jwk, set};
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Key, KeySet, TrustedIssuer, Verifier};

use super::case::{Case, bearer, bearers, case, get};
use super::expect::{
    malformed_token, no_credential, seen, unavailable, unknown_key, wrong_algorithm,
};
use super::fixtures::{Fixed, plain, rules, token, token_by};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::Mint;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = rotation();
    cases.extend(encodings());
    cases.extend(sources());
    cases
}

fn rotation() -> Vec<Case> {
    let source = |keys: &[Value]| plain(rules().key_source(Fixed::up(set(keys))));
    let old = || jwk(Algorithm::ES256, "old");
    let new = || {
        keys::stranger(Algorithm::ES256)
            .with_kid("new")
            .public_jwk()
            .unwrap_or_default()
    };
    let by_old = || token_by(Algorithm::ES256).kid("old").build();
    let by_new = || {
        token_by(Algorithm::ES256)
            .signed_by(&keys::stranger(Algorithm::ES256))
            .kid("new")
            .build()
    };
    let shown = |kid: &str| seen().by("ES256").but("key id", kid).but("key", kid);
    let same = || {
        plain(rules().key_set(set(&[jwk(Algorithm::ES256, "same"), {
            let mut other = new();
            other["kid"] = "same".into();
            other
        }])))
    };
    let odd = || {
        set(&[
            json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "odd", "pub": "AAAA"}),
            json!({"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "kid": "off the curve",
                "x": crate::base64url([1; 32]), "y": crate::base64url([1; 32])}),
            json!({"kty": "EC", "crv": "secp256k1", "kid": "unknown curve",
                "x": crate::base64url([1; 32]), "y": crate::base64url([1; 32])}),
            json!(null),
            json!("a string"),
            {
                let mut encrypting = jwk(Algorithm::RS256, "enc");
                encrypting["use"] = "enc".into();
                encrypting
            },
            jwk(Algorithm::ES256, "old"),
        ])
    };
    let without_alg = |algorithm: Algorithm| {
        let mut key = jwk(algorithm, keys::kid(algorithm));
        key.as_object_mut().expect("a JWK").remove("alg");
        set(&[key])
    };
    vec![
        case(
            "before a rotation: the old key",
            source(&[old()]),
            bearer(by_old()),
            shown("old"),
        ),
        case(
            "before a rotation: the new key is unknown",
            source(&[old()]),
            bearer(by_new()),
            unknown_key(),
        ),
        case(
            "during a rotation: the old key",
            source(&[old(), new()]),
            bearer(by_old()),
            shown("old"),
        ),
        case(
            "during a rotation: the new key",
            source(&[old(), new()]),
            bearer(by_new()),
            shown("new"),
        ),
        case(
            "after a rotation: the old key is withdrawn",
            source(&[new()]),
            bearer(by_old()),
            unknown_key(),
        ),
        case(
            "two keys with one `kid` are both tried",
            same(),
            bearers([
                token_by(Algorithm::ES256).kid("same").build(),
                token_by(Algorithm::ES256)
                    .kid("same")
                    .signed_by(&keys::stranger(Algorithm::ES256))
                    .build(),
            ]),
            shown("same"),
        ),
        case(
            "unusable members of a set are skipped",
            plain(rules().key_set(odd())),
            bearer(by_old()),
            shown("old"),
        ),
        case(
            "an encryption key in a set does not verify",
            plain(rules().key_set(odd())),
            bearer(token_by(Algorithm::RS256).kid("enc").build()),
            wrong_algorithm(),
        ),
        case(
            "an RSA JWK without `alg` serves RS256",
            plain(rules().key_set(without_alg(Algorithm::RS256))),
            bearer(token_by(Algorithm::RS256).build()),
            seen().by("RS256"),
        ),
        case(
            "an RSA JWK without `alg` serves nothing else",
            plain(rules().key_set(without_alg(Algorithm::RS256))),
            bearers(
                [Algorithm::RS512, Algorithm::PS256]
                    .map(|algorithm| token_by(algorithm).kid("test-rs256").build()),
            ),
            wrong_algorithm(),
        ),
        case(
            "an RSA JWK without `alg` serves the `algorithms` of the verifier",
            plain(
                rules()
                    .key_set(without_alg(Algorithm::RS256))
                    .algorithms([Algorithm::PS256]),
            ),
            bearer(token_by(Algorithm::PS256).kid("test-rs256").build()),
            seen()
                .by("PS256")
                .but("key id", "test-rs256")
                .but("key", "test-rs256"),
        ),
        case(
            "a JWK with an `alg`",
            plain(rules().key_set(set(&[jwk(Algorithm::PS384, "p")]))),
            bearer(token_by(Algorithm::RS384).kid("p").build()),
            wrong_algorithm(),
        ),
    ]
}

fn encodings() -> Vec<Case> {
    let with =
        |key: Result<Key, tollgate_core::KeyError>| plain(rules().key(key.expect("a test key")));
    let shown = |algorithm: &str| seen().by(algorithm).but("key", "-");
    let by = |algorithm: Algorithm| bearer(token_by(algorithm).build());
    let base64 = base64_simd::STANDARD.encode_to_string(&keys::SECRET[..32]);
    let pkcs1 = || {
        // The BIT STRING of the SubjectPublicKeyInfo, without its header of 24 bytes.
        Key::from_der(Algorithm::RS256, &keys::der(keys::RSA_PUBLIC_PEM)[24..])
    };
    let untidy = |name: &str, value: Value| {
        let mut jwk = jwk(Algorithm::RS256, "r");
        jwk[name] = value;
        let keys = set(&[jwk]);
        assert_eq!(keys.tolerated().len(), 1, "{name}");
        plain(rules().key_set(keys))
    };
    let by_r = || bearer(token_by(Algorithm::RS256).kid("r").build());
    let seen_r = || seen().by("RS256").but("key id", "r").but("key", "r");
    vec![
        case(
            "a JWK whose exponent has a leading zero byte",
            untidy("e", "AAEAAQ".into()),
            by_r(),
            seen_r(),
        ),
        case(
            "a JWK whose exponent is padded",
            untidy("e", "AQAB=".into()),
            by_r(),
            seen_r(),
        ),
        case(
            "a JWK with a certificate that cannot be read",
            untidy("x5c", json!(["AAAA"])),
            by_r(),
            seen_r(),
        ),
        case(
            "a JWK with a malformed `key_ops` beside `use`",
            untidy("key_ops", json!("verify")),
            by_r(),
            seen_r(),
        ),
        case(
            "a key from PEM on one line",
            with(Key::from_pem(
                Algorithm::RS256,
                keys::RSA_PUBLIC_PEM.replace('\n', "\\n"),
            )),
            by(Algorithm::RS256),
            shown("RS256"),
        ),
        case(
            "a key from PEM",
            with(Key::from_pem(Algorithm::ES512, keys::P521_PUBLIC_PEM)),
            by(Algorithm::ES512),
            shown("ES512"),
        ),
        case(
            "a key from DER",
            with(Key::from_der(
                Algorithm::ES384,
                keys::der(keys::P384_PUBLIC_PEM),
            )),
            by(Algorithm::ES384),
            shown("ES384"),
        ),
        case(
            "a key from PKCS #1",
            with(pkcs1()),
            by(Algorithm::RS256),
            shown("RS256"),
        ),
        case(
            "a key from a JWK",
            with(Key::from_jwk(
                jwk(Algorithm::EdDSA, "test-eddsa").to_string(),
            )),
            by(Algorithm::EdDSA),
            seen().by("EdDSA"),
        ),
        case(
            "a secret in base64",
            with(Key::from_base64_secret(Algorithm::HS256, &base64)),
            by(Algorithm::HS256),
            shown("HS256"),
        ),
    ]
}

fn sources() -> Vec<Case> {
    let down = |after: Duration| plain(rules().key_source(Fixed::down(after)));
    let five = || down(Duration::from_secs(5));
    let beside = || {
        plain(
            rules()
                .key(keys::verifying(Algorithm::RS256))
                .key_source(Fixed::down(Duration::from_secs(5))),
        )
    };
    let issuers = || {
        plain(
            Verifier::builder()
                .clock(FakeClock::new())
                .trust(
                    TrustedIssuer::new(Mint::ISSUER)
                        .audience(Mint::AUDIENCE)
                        .key(keys::verifying(Algorithm::HS256)),
                )
                .trust(
                    TrustedIssuer::new("https://down.example.com")
                        .audience(Mint::AUDIENCE)
                        .key_source(Fixed::down(Duration::from_secs(30))),
                ),
        )
    };
    let rs256 = || token_by(Algorithm::RS256);
    vec![
        case(
            "an unavailable key source",
            five(),
            bearer(rs256().build()),
            unavailable("5"),
        ),
        case(
            "an unavailable source does not affect invalid tokens",
            five(),
            bearers([
                rs256().expires_in(-9000).build(),
                rs256().signed_by(&keys::stranger(Algorithm::RS256)).build(),
                rs256().kid("nobody's").build(),
            ]),
            unavailable("5"),
        ),
        case(
            "`Retry-After` is in whole seconds, rounded up",
            down(Duration::from_millis(1001)),
            bearer(rs256().build()),
            unavailable("2"),
        ),
        case(
            "`Retry-After` is at least one second",
            down(Duration::ZERO),
            bearer(rs256().build()),
            unavailable("1"),
        ),
        case(
            "a static key suffices",
            beside(),
            bearer(rs256().build()),
            seen().by("RS256"),
        ),
        case(
            "a static key that does not fit",
            beside(),
            bearer(rs256().kid("new").build()),
            unavailable("5"),
        ),
        case(
            "a malformed token is refused without the source",
            five(),
            bearers(["a.b.c".to_owned(), "abc".to_owned()]),
            malformed_token(),
        ),
        case(
            "no credential needs no source",
            five(),
            get(),
            no_credential(),
        ),
        case(
            "an issuer with an unavailable source",
            issuers(),
            bearer(token().claim("iss", "https://down.example.com").build()),
            unavailable("30"),
        ),
        case(
            "another issuer's unavailable source",
            issuers(),
            bearer(token().build()),
            seen(),
        ),
        case(
            "a source without keys",
            plain(rules().key_source(Fixed::up(KeySet::default()))),
            bearer(rs256().build()),
            wrong_algorithm(),
        ),
    ]
}
