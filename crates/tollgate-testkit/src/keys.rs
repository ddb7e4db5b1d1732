//! Published test keys.
//!
//! The private keys are published with this crate. **Never trust one of them outside of a test**:
//! any reader can sign with it. There are two keys for every algorithm: the issuer's, and an
//! untrusted one with the same type and `kid`, which a verifier must refuse.
//!
//! ```
//! use tollgate::Algorithm;
//! use tollgate_testkit::keys;
//!
//! for algorithm in Algorithm::ALL {
//!     let key = keys::signing(*algorithm);
//!     assert_eq!(key.kid(), Some(keys::kid(*algorithm)));
//!     assert!(keys::verifying(*algorithm).algorithms().contains(algorithm));
//! }
//! ```
//!
//! The constants are the same keys in PEM or as a secret. Each `.._PUBLIC_PEM` verifies the
//! signatures of its `.._PRIVATE_PEM`:
//!
//! ```
//! use tollgate::{Algorithm, Key, SigningKey};
//! use tollgate_testkit::keys::{self, *};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! for (algorithm, private, public) in [
//!     (Algorithm::PS256, RSA_PRIVATE_PEM, RSA_PUBLIC_PEM),
//!     (Algorithm::ES256, P256_PRIVATE_PEM, P256_PUBLIC_PEM),
//!     (Algorithm::ES384, P384_PRIVATE_PEM, P384_PUBLIC_PEM),
//!     (Algorithm::ES512, P521_PRIVATE_PEM, P521_PUBLIC_PEM),
//!     (Algorithm::Ed25519, ED25519_PRIVATE_PEM, ED25519_PUBLIC_PEM),
//! ] {
//!     let key = SigningKey::from_pem(algorithm, private)?.verifying_key();
//!     assert_eq!(key.algorithms(), Key::from_pem(algorithm, public)?.algorithms());
//! }
//! let token = SigningKey::hs512(SECRET)?
//!     .with_kid(keys::kid(Algorithm::HS512)).encode(&serde_json::json!({}))?;
//! assert_eq!(token, keys::signing(Algorithm::HS512).encode(&serde_json::json!({}))?);
//! # Ok(()) }
//! ```

use std::sync::LazyLock;

use tollgate_core::{Algorithm, Key, KeyError, SigningKey};

/// The issuer's 2048-bit RSA key, in PKCS #8. [Example](self).
pub const RSA_PRIVATE_PEM: &str = include_str!("../keys/rsa-issuer.private.pem");
/// The public half of [`RSA_PRIVATE_PEM`], as `SubjectPublicKeyInfo`. [Example](self).
pub const RSA_PUBLIC_PEM: &str = include_str!("../keys/rsa-issuer.public.pem");
/// The issuer's P-256 key, in PKCS #8. [Example](self).
pub const P256_PRIVATE_PEM: &str = include_str!("../keys/p256-issuer.private.pem");
/// The public half of [`P256_PRIVATE_PEM`], as `SubjectPublicKeyInfo`. [Example](self).
pub const P256_PUBLIC_PEM: &str = include_str!("../keys/p256-issuer.public.pem");
/// The issuer's P-384 key, in PKCS #8. [Example](self).
pub const P384_PRIVATE_PEM: &str = include_str!("../keys/p384-issuer.private.pem");
/// The public half of [`P384_PRIVATE_PEM`], as `SubjectPublicKeyInfo`. [Example](self).
pub const P384_PUBLIC_PEM: &str = include_str!("../keys/p384-issuer.public.pem");
/// The issuer's P-521 key, in PKCS #8. [Example](self).
pub const P521_PRIVATE_PEM: &str = include_str!("../keys/p521-issuer.private.pem");
/// The public half of [`P521_PRIVATE_PEM`], as `SubjectPublicKeyInfo`. [Example](self).
pub const P521_PUBLIC_PEM: &str = include_str!("../keys/p521-issuer.public.pem");
/// The issuer's Ed25519 key, in PKCS #8. [Example](self).
pub const ED25519_PRIVATE_PEM: &str = include_str!("../keys/ed25519-issuer.private.pem");
/// The public half of [`ED25519_PRIVATE_PEM`], as `SubjectPublicKeyInfo`. [Example](self).
pub const ED25519_PUBLIC_PEM: &str = include_str!("../keys/ed25519-issuer.public.pem");

/// The secret that the issuer shares with its services, 64 bytes. HS256 and HS384 use its first 32
/// and 48 bytes. [Example](self).
pub const SECRET: &[u8; 64] = b"tollgate-testkit: a secret which everybody knows. Only in tests!";

const STRANGERS_SECRET: &[u8; 64] =
    b"tollgate-testkit: another secret, which no service has been told";

/// Returns the issuer's private key for an algorithm, with its [`kid`].
///
/// ```
/// use tollgate::Algorithm;
/// use tollgate_testkit::keys;
///
/// let token = keys::signing(Algorithm::RS256).encode(&serde_json::json!({"sub": "u-7"}));
/// assert!(token.is_ok());
/// ```
pub fn signing(algorithm: Algorithm) -> SigningKey {
    static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
        all(
            SECRET,
            [
                RSA_PRIVATE_PEM,
                P256_PRIVATE_PEM,
                P384_PRIVATE_PEM,
                P521_PRIVATE_PEM,
                ED25519_PRIVATE_PEM,
            ],
        )
    });
    of(&KEYS, algorithm)
}

/// Returns the key that verifies the signatures of [`signing`], with the same [`kid`].
///
/// ```
/// use tollgate::Algorithm;
/// use tollgate_testkit::keys;
///
/// assert_eq!(keys::verifying(Algorithm::ES384).kid(), Some("test-es384"));
/// ```
pub fn verifying(algorithm: Algorithm) -> Key {
    signing(algorithm).verifying_key()
}

/// Returns the private key of an untrusted party, with the [`kid`] of the issuer's.
///
/// ```
/// use tollgate::{Algorithm, Verifier};
/// use tollgate_testkit::{FakeClock, Mint, keys};
///
/// # fn main() -> Result<(), tollgate::ConfigError> {
/// let verifier = Verifier::builder()
///     .issuer(Mint::ISSUER)
///     .audience(Mint::AUDIENCE)
///     .key(keys::verifying(Algorithm::EdDSA))
///     .clock(FakeClock::new())
///     .build()?;
/// let forged = Mint::new(keys::stranger(Algorithm::EdDSA), &FakeClock::new()).token().build();
/// assert!(verifier.verify(forged).is_err());
/// # Ok(()) }
/// ```
pub fn stranger(algorithm: Algorithm) -> SigningKey {
    static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
        all(
            STRANGERS_SECRET,
            [
                include_str!("../keys/rsa-stranger.private.pem"),
                include_str!("../keys/p256-stranger.private.pem"),
                include_str!("../keys/p384-stranger.private.pem"),
                include_str!("../keys/p521-stranger.private.pem"),
                include_str!("../keys/ed25519-stranger.private.pem"),
            ],
        )
    });
    of(&KEYS, algorithm)
}

/// Returns the `kid` of the keys for an algorithm: `test-` and its name in lower case.
///
/// # Panics
/// If this version of the crate has no key for the algorithm.
///
/// ```
/// assert_eq!(tollgate_testkit::keys::kid(tollgate::Algorithm::HS256), "test-hs256");
/// ```
pub fn kid(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "test-hs256",
        Algorithm::HS384 => "test-hs384",
        Algorithm::HS512 => "test-hs512",
        Algorithm::RS256 => "test-rs256",
        Algorithm::RS384 => "test-rs384",
        Algorithm::RS512 => "test-rs512",
        Algorithm::PS256 => "test-ps256",
        Algorithm::PS384 => "test-ps384",
        Algorithm::PS512 => "test-ps512",
        Algorithm::ES256 => "test-es256",
        Algorithm::ES384 => "test-es384",
        Algorithm::ES512 => "test-es512",
        Algorithm::EdDSA => "test-eddsa",
        Algorithm::Ed25519 => "test-ed25519",
        other => panic!("there is no test key for {other}"),
    }
}

/// Decodes a PEM block, for tests that need the DER of one of these keys.
///
/// # Panics
/// If the text contains no PEM block.
///
/// ```
/// use tollgate::{Algorithm, Key};
/// use tollgate_testkit::keys;
///
/// assert!(Key::from_der(Algorithm::RS256, keys::der(keys::RSA_PUBLIC_PEM)).is_ok());
/// ```
pub fn der(pem: &str) -> Vec<u8> {
    let body = pem
        .split_once("-----BEGIN ")
        .and_then(|(_, block)| block.split_once("-----\n"))
        .and_then(|(_, block)| block.split_once("-----END "))
        .map(|(body, _)| body.replace('\n', ""));
    let body = body.expect("a text with a PEM block");
    base64_simd::STANDARD
        .decode_to_vec(body)
        .expect("the block is base64")
}

fn all(secret: &[u8; 64], [rsa, p256, p384, p521, ed25519]: [&str; 5]) -> Vec<SigningKey> {
    let load = |algorithm: &Algorithm| -> Result<SigningKey, KeyError> {
        let pem = match algorithm {
            Algorithm::HS256 => return SigningKey::hs256(&secret[..32]),
            Algorithm::HS384 => return SigningKey::hs384(&secret[..48]),
            Algorithm::HS512 => return SigningKey::hs512(secret),
            Algorithm::ES256 => p256,
            Algorithm::ES384 => p384,
            Algorithm::ES512 => p521,
            Algorithm::EdDSA | Algorithm::Ed25519 => ed25519,
            _ => rsa,
        };
        SigningKey::from_pem(*algorithm, pem)
    };
    Algorithm::ALL
        .iter()
        .map(|algorithm| load(algorithm).map(|key| key.with_kid(kid(*algorithm))))
        .collect::<Result<_, _>>()
        .expect("the keys of this crate can be loaded")
}

fn of(keys: &[SigningKey], algorithm: Algorithm) -> SigningKey {
    keys.iter()
        .find(|key| key.algorithm() == algorithm)
        .cloned()
        .expect("there is a key for every algorithm")
}
