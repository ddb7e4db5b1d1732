//! The key that verifies a token (RFC 7515 section 4.1.4, RFC 7517 section 5).

use serde_json::{Value, json};
use tollgate_core::{Algorithm, Key, KeySet};

use super::case::{Case, bearer, bearers, case};
use super::expect::{bad_signature, malformed_header, seen, unknown_key};
use super::fixtures::{plain, rules, token, token_by, usual_gate};
use crate::keys;

pub(super) fn jwk(algorithm: Algorithm, kid: &str) -> Value {
    keys::signing(algorithm)
        .with_kid(kid)
        .public_jwk()
        .unwrap_or_default()
}

pub(super) fn set(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string()).expect("a JWK Set")
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = selection();
    cases.extend(kids());
    cases.extend(super::rotation::cases());
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
                .key(Key::from_pem(Algorithm::RS256, keys::RSA_PUBLIC_PEM).expect("a test key")),
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
            bearers([
                es256().kid("2023-11").build(),
                by_new().kid("2023-10").build(),
            ]),
            bad_signature(),
        ),
        case(
            "an unknown `kid` does not try every key",
            both(),
            bearers([es256().kid("2023-09").build(), by_new().kid("").build()]),
            unknown_key(),
        ),
        case(
            "without `kid`, the first suitable key",
            both(),
            bearer(es256().without_header("kid").build()),
            shown("-", "2023-10"),
        ),
        case(
            "without `kid`, the other suitable key",
            both(),
            bearer(by_new().without_header("kid").build()),
            shown("-", "2023-11"),
        ),
        case(
            "without `kid`, an untrusted signature",
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
            "a `kid` with escapes",
            both(),
            bearer(
                es256()
                    .header_text(r#"{"alg":"ES256","kid":"2023\u002d10","typ":"JWT"}"#)
                    .build(),
            ),
            shown("2023-10", "2023-10"),
        ),
        case(
            "a key without `kid` serves a token with one",
            nameless(),
            bearer(token_by(Algorithm::RS256).kid("anything").build()),
            seen().by("RS256").but("key id", "anything").but("key", "-"),
        ),
        case(
            "an empty `kid` names no key, not even one without `kid`",
            nameless(),
            bearer(token_by(Algorithm::RS256).kid("").build()),
            unknown_key(),
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
            "`kid` with zero bytes, line breaks and look-alike characters",
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
            "`kid` as the URL of an attacker's key",
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
            "a `kid` that is not a string",
            gate,
            bearers(
                [
                    "1",
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
