//! Which key verifies a token (RFC 7515 section 4.1.4, RFC 7517 section 5), and what if there is none to be had.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Key, KeySet, TrustedIssuer, Verifier};

use super::case::{Case, bearer, bearers, case, get};
use super::expect::{
    bad_signature, malformed_header, malformed_token, no_credential, seen, unavailable, unknown_key,
    wrong_algorithm,
};
use super::fixtures::{Fixed, plain, rules, token, token_by, usual_gate};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::Mint;

fn jwk(algorithm: Algorithm, kid: &str) -> Value {
    keys::signing(algorithm)
        .with_kid(kid)
        .public_jwk()
        .unwrap_or_default()
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string()).expect("a JWK Set")
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = selection();
    cases.extend(kids());
    cases.extend(rotation());
    cases.extend(encodings());
    cases.extend(sources());
    cases
}

fn selection() -> Vec<Case> {
    let old = || keys::verifying(Algorithm::ES256).with_kid("2023-10");
    let new = || {
        keys::stranger(Algorithm::ES256)
            .verifying_key()
            .with_kid("2023-11")
    };
    let both = || plain(rules().key(old()).key(new()));
    let es256 = || token_by(Algorithm::ES256);
    let by_new = || es256().signed_by(&keys::stranger(Algorithm::ES256));
    let shown = |kid: &str, key: &str| seen().by("ES256").but("key id", kid).but("key", key);
    let nameless = || {
        plain(
            rules()
                .key(keys::verifying(Algorithm::ES256).with_kid("2023-10"))
                .key(Key::pem(Algorithm::RS256, keys::RSA_PUBLIC_PEM).expect("a test key")),
        )
    };
    vec![
        case(
            "`kid` selects the first key",
            both(),
            bearer(es256().kid("2023-10").build()),
            shown("2023-10", "2023-10"),
        ),
        case(
            "`kid` selects the second key",
            both(),
            bearer(by_new().kid("2023-11").build()),
            shown("2023-11", "2023-11"),
        ),
        case(
            "`kid` selects, even if another key would verify",
            both(),
            bearers([es256().kid("2023-11").build(), by_new().kid("2023-10").build()]),
            bad_signature(),
        ),
        case(
            "an unknown `kid` is not tried on every key",
            both(),
            bearers([es256().kid("2023-09").build(), by_new().kid("").build()]),
            unknown_key(),
        ),
        case(
            "without `kid`, the first key that fits",
            both(),
            bearer(es256().without_header("kid").build()),
            shown("-", "2023-10"),
        ),
        case(
            "without `kid`, the other key that fits",
            both(),
            bearer(by_new().without_header("kid").build()),
            shown("-", "2023-11"),
        ),
        case(
            "without `kid`, a stranger's signature",
            plain(rules().key(old())),
            bearer(by_new().without_header("kid").build()),
            bad_signature(),
        ),
        case(
            "`kid` is compared exactly",
            both(),
            bearers(
                ["2023-10 ", " 2023-10", "2023-1", "2023-100", "2023-10\0"]
                    .map(|kid| es256().kid(kid).build()),
            ),
            unknown_key(),
        ),
        case(
            "a `kid` written with escapes",
            both(),
            bearer(
                es256()
                    .header_text(r#"{"alg":"ES256","kid":"2023\u002d10","typ":"JWT"}"#)
                    .build(),
            ),
            shown("2023-10", "2023-10"),
        ),
        case(
            "a key without `kid` fits a token with one",
            nameless(),
            bearer(token_by(Algorithm::RS256).kid("anything").build()),
            seen().by("RS256").but("key id", "anything").but("key", "-"),
        ),
        case(
            "one `kid` for two algorithms: (`kid`, `alg`) selects",
            plain(
                rules()
                    .key(keys::verifying(Algorithm::RS256).with_kid("1"))
                    .key(keys::verifying(Algorithm::ES256).with_kid("1")),
            ),
            bearer(es256().kid("1").build()),
            shown("1", "1"),
        ),
        case(
            "the `kid` of a key for another algorithm",
            plain(
                rules()
                    .key(keys::verifying(Algorithm::RS256).with_kid("r"))
                    .key(keys::verifying(Algorithm::ES256).with_kid("e")),
            ),
            bearer(es256().kid("r").build()),
            unknown_key(),
        ),
    ]
}

fn kids() -> Vec<Case> {
    let gate = usual_gate();
    let kid = |kid: &str| token().kid(kid).build();
    let header = |kid: &str| {
        token()
            .header_text(format!(r#"{{"alg":"HS256","kid":{kid}}}"#))
            .build()
    };
    vec![
        case(
            "`kid` as a path",
            gate.clone(),
            bearers(
                [
                    "../../../../dev/null",
                    "/dev/null",
                    "..\\..\\windows\\win.ini",
                    "file:///dev/null",
                    "/proc/sys/kernel/randomize_va_space",
                    "%2e%2e%2f",
                    "test-hs256/../x",
                    "./test-hs256",
                ]
                .map(kid),
            ),
            unknown_key(),
        ),
        case(
            "`kid` as SQL, a command, a template and markup",
            gate.clone(),
            bearers(
                [
                    "' UNION SELECT 'secret' -- ",
                    "test-hs256' OR '1'='1",
                    "1; DROP TABLE keys",
                    "| cat /etc/passwd",
                    "$(id)",
                    "`id`",
                    "${jndi:ldap://evil.example/a}",
                    "{{7*7}}",
                    "<script>",
                    "*",
                    "%s%n",
                ]
                .map(kid),
            ),
            unknown_key(),
        ),
        case(
            "`kid` with zero bytes, line breaks and characters that look alike",
            gate.clone(),
            bearers(
                [
                    "test-hs256\0",
                    "\0",
                    "test-hs256\r\nSet-Cookie: a=b",
                    "\n",
                    "test‐hs256",
                    "tеst-hs256",
                    "\u{202e}652sh-tset",
                    "test-hs256\u{200b}",
                    "\u{feff}test-hs256",
                ]
                .map(kid),
            ),
            unknown_key(),
        ),
        case(
            "`kid` as a URL of somebody else's key",
            gate.clone(),
            bearer(
                token()
                    .kid("https://evil.example/jwks.json")
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .build(),
            ),
            unknown_key(),
        ),
        case(
            "a `kid` that is no string",
            gate,
            bearers(
                [
                    "1",
                    "null",
                    "true",
                    r#"["test-hs256"]"#,
                    r#"{"kid":"test-hs256"}"#,
                    "0.1",
                ]
                .map(header),
            ),
            malformed_header(),
        ),
    ]
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
            json!({"kty": "EC", "crv": "P-256", "kid": "off the curve", "x": crate::base64url([1; 32]), "y": crate::base64url([1; 32])}),
            json!({"kty": "EC", "crv": "secp256k1", "kid": "unknown curve", "x": crate::base64url([1; 32]), "y": crate::base64url([1; 32])}),
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
            "before a rotation: the new key is not known",
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
            "after a rotation: the old key is gone",
            source(&[new()]),
            bearer(by_old()),
            unknown_key(),
        ),
        case(
            "two keys of one `kid` are both tried",
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
            "a member for encryption verifies nothing",
            plain(rules().key_set(odd())),
            bearer(token_by(Algorithm::RS256).kid("enc").build()),
            wrong_algorithm(),
        ),
        case(
            "a JWK of RSA without `alg` serves RS256",
            plain(rules().key_set(without_alg(Algorithm::RS256))),
            bearer(token_by(Algorithm::RS256).build()),
            seen().by("RS256"),
        ),
        case(
            "a JWK of RSA without `alg` serves nothing else",
            plain(rules().key_set(without_alg(Algorithm::RS256))),
            bearers(
                [Algorithm::RS512, Algorithm::PS256]
                    .map(|algorithm| token_by(algorithm).kid("test-rs256").build()),
            ),
            wrong_algorithm(),
        ),
        case(
            "a JWK that pins its `alg`",
            plain(rules().key_set(set(&[jwk(Algorithm::PS384, "p")]))),
            bearer(token_by(Algorithm::RS384).kid("p").build()),
            wrong_algorithm(),
        ),
    ]
}

fn encodings() -> Vec<Case> {
    let with = |key: Result<Key, tollgate_core::KeyError>| plain(rules().key(key.expect("a test key")));
    let shown = |algorithm: &str| seen().by(algorithm).but("key", "-");
    let by = |algorithm: Algorithm| bearer(token_by(algorithm).build());
    let base64 = base64_simd::STANDARD.encode_to_string(&keys::SECRET[..32]);
    let pkcs1 = || {
        // The BIT STRING of the SubjectPublicKeyInfo, without its header of 24 octets.
        Key::der(Algorithm::RS256, &keys::der(keys::RSA_PUBLIC_PEM)[24..])
    };
    vec![
        case(
            "a key from PEM",
            with(Key::pem(Algorithm::ES512, keys::P521_PUBLIC_PEM)),
            by(Algorithm::ES512),
            shown("ES512"),
        ),
        case(
            "a key from DER",
            with(Key::der(Algorithm::ES384, keys::der(keys::P384_PUBLIC_PEM))),
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
            with(Key::jwk(jwk(Algorithm::EdDSA, "test-eddsa").to_string())),
            by(Algorithm::EdDSA),
            seen().by("EdDSA"),
        ),
        case(
            "a secret in base64",
            with(Key::base64_secret(Algorithm::HS256, &base64)),
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
            "a source of keys that is down",
            five(),
            bearer(rs256().build()),
            unavailable("5"),
        ),
        case(
            "a source that is down says nothing about bad tokens either",
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
            "`Retry-After` is one second at least",
            down(Duration::ZERO),
            bearer(rs256().build()),
            unavailable("1"),
        ),
        case(
            "a key at hand is enough",
            beside(),
            bearer(rs256().build()),
            seen().by("RS256"),
        ),
        case(
            "a key at hand that is not enough",
            beside(),
            bearer(rs256().kid("new").build()),
            unavailable("5"),
        ),
        case(
            "a malformed token needs no source",
            five(),
            bearers(["a.b.c".to_owned(), "abc".to_owned()]),
            malformed_token(),
        ),
        case("no credential needs no source", five(), get(), no_credential()),
        case(
            "an issuer whose source is down",
            issuers(),
            bearer(token().claim("iss", "https://down.example.com").build()),
            unavailable("30"),
        ),
        case(
            "another issuer's source that is down",
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
