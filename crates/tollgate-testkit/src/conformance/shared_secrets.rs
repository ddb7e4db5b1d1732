//! Shared secrets beside the public keys of one issuer: the family of `alg` selects the list.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{Algorithm, Key, SigningKey, TrustedIssuer, Verifier, VerifierBuilder};

use super::algorithms::{SECRET, by};
use super::case::{Case, bearer, bearers, case};
use super::confusion::confused;
use super::expect::{Seen, bad_signature, seen, unavailable, unknown_key, wrong_algorithm};
use super::fixtures::{Fixed, START, plain, rules, token, token_by};
use super::keyrings::{jwk, set};
use crate::clock::FakeClock;
use crate::keys;
use crate::mint::Mint;

/// The shared secret, for every HMAC.
fn secret() -> Key {
    nameless().with_kid("secret")
}

fn nameless() -> Key {
    let secret = Key::hs512(keys::SECRET).and_then(|secret| secret.serving(SECRET));
    secret.expect("64 bytes")
}

/// Creates rules with a fixed RSA key, a fetched P-256 key and this secret.
fn beside(secret: Key) -> VerifierBuilder {
    rules()
        .key(keys::verifying(Algorithm::RS256))
        .key_source(Fixed::up(set(&[jwk(Algorithm::ES256, "fetched")])))
        .shared_secret(secret)
}

fn both() -> VerifierBuilder {
    beside(secret())
}

fn by_secret(algorithm: Algorithm) -> String {
    let key = match algorithm {
        Algorithm::HS256 => SigningKey::hs256(keys::SECRET),
        Algorithm::HS384 => SigningKey::hs384(keys::SECRET),
        _ => SigningKey::hs512(keys::SECRET),
    };
    let key = key.expect("64 bytes");
    token_by(algorithm).signed_by(&key).kid("secret").build()
}

fn fetched() -> String {
    token_by(Algorithm::ES256).kid("fetched").build()
}

fn shown(algorithm: &str, kid: &str) -> Seen {
    seen().by(algorithm).but("key id", kid).but("key", kid)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = lists();
    cases.extend(forgeries());
    cases.extend(ends());
    cases
}

fn lists() -> Vec<Case> {
    let down = || {
        plain(
            rules()
                .key_source(Fixed::down(Duration::from_secs(5)))
                .shared_secret(secret()),
        )
    };
    let limited = || plain(both().algorithms([Algorithm::HS256, Algorithm::ES256]));
    let trusted = || {
        let issuer = TrustedIssuer::new(Mint::ISSUER).audience(Mint::AUDIENCE);
        let other = TrustedIssuer::new("https://other.example.com").audience(Mint::AUDIENCE);
        plain(
            Verifier::builder()
                .clock(FakeClock::new())
                .trust(other.key(keys::verifying(Algorithm::HS256)))
                .trust(
                    issuer
                        .key(keys::verifying(Algorithm::RS256))
                        .shared_secret(secret()),
                ),
        )
    };
    let mut cases: Vec<_> = SECRET
        .into_iter()
        .map(|algorithm| {
            case(
                &format!("{algorithm} by the shared secret"),
                plain(both()),
                bearer(by_secret(algorithm)),
                shown(algorithm.as_str(), "secret"),
            )
        })
        .collect();
    cases.extend([
        case(
            "a fixed public key",
            plain(both()),
            bearer(by(Algorithm::RS256)),
            shown("RS256", "test-rs256"),
        ),
        case(
            "a fetched public key",
            plain(both()),
            bearer(fetched()),
            shown("ES256", "fetched"),
        ),
        case(
            "an HMAC needs no source",
            down(),
            bearer(by_secret(Algorithm::HS256)),
            shown("HS256", "secret"),
        ),
        case(
            "a public key needs its source",
            down(),
            bearer(fetched()),
            unavailable("5"),
        ),
        case(
            "an HMAC with an unknown `kid` does not query the source",
            down(),
            bearers([
                token().kid("fetched").build(),
                token().kid("").build(),
                token().kid("secret ").build(),
            ]),
            unknown_key(),
        ),
        case(
            "an HMAC without `kid`",
            plain(both()),
            bearer(token_by(Algorithm::HS512).without_header("kid").build()),
            shown("HS512", "-").but("key", "secret"),
        ),
        case(
            "the `kid` of the other list",
            plain(both()),
            bearers([
                token_by(Algorithm::HS256).kid("fetched").build(),
                token_by(Algorithm::ES256).kid("secret").build(),
                token_by(Algorithm::RS256).kid("secret").build(),
            ]),
            unknown_key(),
        ),
        case(
            "`algorithms` of both families: the secret",
            limited(),
            bearer(by_secret(Algorithm::HS256)),
            shown("HS256", "secret"),
        ),
        case(
            "`algorithms` of both families: the public key",
            limited(),
            bearer(fetched()),
            shown("ES256", "fetched"),
        ),
        case(
            "`algorithms` of both families: others",
            limited(),
            bearers([by(Algorithm::RS256), by_secret(Algorithm::HS512)]),
            wrong_algorithm(),
        ),
        case(
            "one of several issuers",
            trusted(),
            bearer(by_secret(Algorithm::HS256)),
            shown("HS256", "secret"),
        ),
    ]);
    cases
}

fn forgeries() -> Vec<Case> {
    // Another secret is in the list, so that the key of the tokens is in the source only.
    let stranger = || keys::stranger(Algorithm::HS256).verifying_key();
    let oct = json!({"kty": "oct", "alg": "HS256", "kid": "test-hs256",
        "k": crate::base64url(&keys::SECRET[..32])});
    let with_secret = || keys::verifying(Algorithm::HS256);
    let nameless = || plain(beside(nameless()));
    let mac = |algorithm: Algorithm| {
        let token = token_by(algorithm).segments();
        token
            .signed_with_secret(Algorithm::HS256, keys::SECRET)
            .to_string()
    };
    vec![
        case(
            "an RSA public key as an HMAC secret",
            nameless(),
            bearers(confused(Algorithm::RS256, keys::RSA_PUBLIC_PEM)),
            bad_signature(),
        ),
        case(
            "a P-256 public key as an HMAC secret",
            nameless(),
            bearers(confused(Algorithm::ES256, keys::P256_PUBLIC_PEM)),
            bad_signature(),
        ),
        case(
            "an HMAC of the secret under the `alg` of a public key",
            plain(both()),
            bearers([mac(Algorithm::RS256)]),
            bad_signature(),
        ),
        case(
            "a secret in a fetched set",
            plain(
                rules()
                    .key_source(Fixed::up(set(&[oct])))
                    .shared_secret(stranger()),
            ),
            bearer(by(Algorithm::HS256)),
            bad_signature(),
        ),
        case(
            "a secret of a source",
            plain(
                rules()
                    .key_source(Fixed::up([with_secret()].into_iter().collect()))
                    .key_source(Fixed::up(set(&[jwk(Algorithm::ES256, "fetched")])))
                    .shared_secret(stranger()),
            ),
            bearer(by(Algorithm::HS256)),
            bad_signature(),
        ),
        case(
            "another secret",
            plain(both()),
            bearer(
                token_by(Algorithm::HS256)
                    .signed_by(&keys::stranger(Algorithm::HS256))
                    .kid("secret")
                    .build(),
            ),
            bad_signature(),
        ),
    ]
}

fn ends() -> Vec<Case> {
    let until = |end| plain(both().shared_secrets_until(end));
    vec![
        case(
            "the last second of the secrets",
            until(START + 1),
            bearer(by_secret(Algorithm::HS256)),
            shown("HS256", "secret"),
        ),
        case(
            "after the end of the secrets",
            until(START),
            bearers(SECRET.map(by_secret)),
            wrong_algorithm(),
        ),
        case(
            "after the end of the secrets: a public key",
            until(START),
            bearer(fetched()),
            shown("ES256", "fetched"),
        ),
    ]
}
