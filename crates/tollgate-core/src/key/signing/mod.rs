//! Signing keys.

mod encode;
mod persist;
mod signer;

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use self::signer::Signer;
use super::base64;
use super::der::Document;
use super::error::{KeyError, SignError};
use super::jwk::Jwk;
use super::pem;
use super::prepared::{Material, Prepared};
use super::public::PublicKey;
use super::secret;
use super::{Key, both_names, not_hmac};
use crate::algorithm::Algorithm;

/// A key that signs tokens under one algorithm: a shared secret or a private key.
///
/// Cloning is cheap. `Debug` shows the key ID and the algorithm, never the key. Loading a key makes
/// and verifies a test signature, so a damaged key is refused.
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01");
/// let token = key.encode(&serde_json::json!({"sub": "alice", "exp": 1_924_992_000}))?;
/// assert_eq!(token.split('.').count(), 3);
/// assert_eq!(key.verifying_key().kid(), Some("2031-01"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    kid: Option<Arc<str>>,
    pair: Arc<Pair>,
}

struct Pair {
    algorithm: Algorithm,
    signer: Signer,
    verifier: Arc<Prepared>,
}

impl SigningKey {
    /// Creates a secret for HMAC with SHA-256: at least 32 bytes.
    ///
    /// # Errors
    /// See [`Key::hs256`].
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// assert_eq!(SigningKey::hs256([7; 32])?.algorithm(), Algorithm::HS256);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::secret(Algorithm::HS256, secret.as_ref())
    }

    /// Creates a secret for HMAC with SHA-384: at least 48 bytes.
    ///
    /// # Errors
    /// See [`Key::hs256`].
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// assert_eq!(SigningKey::hs384([7; 48])?.algorithm(), Algorithm::HS384);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::secret(Algorithm::HS384, secret.as_ref())
    }

    /// Creates a secret for HMAC with SHA-512: at least 64 bytes.
    ///
    /// # Errors
    /// See [`Key::hs256`].
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// assert_eq!(SigningKey::hs512([7; 64])?.algorithm(), Algorithm::HS512);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::secret(Algorithm::HS512, secret.as_ref())
    }

    /// Reads a secret in base64: see [`Key::from_base64_secret`].
    ///
    /// # Errors
    /// See [`Key::from_base64_secret`].
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let key =
    ///     SigningKey::from_base64_secret(Algorithm::HS256,
    ///     "bm90IGEgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2ghISE=")?;
    /// assert_eq!(key.algorithm(), Algorithm::HS256);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_base64_secret(algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        Self::secret(algorithm, &secret::decode_base64(algorithm, secret)?)
    }

    /// Reads an unencrypted private key in PEM (RFC 7468): `PRIVATE KEY` (PKCS #8), `RSA PRIVATE
    /// KEY` (PKCS #1) or `EC PRIVATE KEY` (SEC 1). Certificates and `EC PARAMETERS` beside it are
    /// ignored. The forms of environment variables are accepted, as by
    /// [`Key::from_pem`](crate::Key::from_pem).
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](super::KeyErrorKind::AlgorithmMismatch) if the key does not fit the
    /// algorithm. [`Encrypted`](super::KeyErrorKind::Encrypted) for an encrypted key.
    /// [`PublicKey`](super::KeyErrorKind::PublicKey) without a private key. Other kinds if the text
    /// or the key is invalid.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let pem = "-----BEGIN PRIVATE KEY-----
    /// MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
    /// -----END PRIVATE KEY-----";
    /// assert!(SigningKey::from_pem(Algorithm::EdDSA, pem).is_ok());
    /// assert!(SigningKey::from_pem(Algorithm::ES256, pem).is_err());
    /// ```
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        not_hmac(algorithm)?;
        let (document, der) = pem::private_key(pem.as_ref())?;
        let (signer, material) = Signer::document(algorithm, document, &der)?;
        Self::new(algorithm, signer, material)
    }

    /// Reads an unencrypted private key in DER: PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    /// See [`from_pem`](Self::from_pem).
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let error = SigningKey::from_der(Algorithm::ES256, [0x30, 0x00]).unwrap_err();
    /// assert_eq!(error.kind(), KeyErrorKind::Malformed);
    /// ```
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        not_hmac(algorithm)?;
        let der = der.as_ref();
        let (signer, material) = Signer::document(algorithm, Document::of(der)?, der)?;
        Self::new(algorithm, signer, material)
    }

    /// Reads a private or secret JWK (RFC 7517), with its `kid`. An RSA key needs all of `n`, `e`,
    /// `d`, `p`, `q`, `dp`, `dq` and `qi`. Without `alg` it signs with the algorithm that
    /// [`Key::from_jwk`] would use.
    ///
    /// # Errors
    /// The errors of [`Key::from_jwk`], with `sign` in `key_ops` instead of `verify`.
    /// [`PublicKey`](super::KeyErrorKind::PublicKey) for a public key.
    /// [`Inconsistent`](super::KeyErrorKind::Inconsistent) if the halves do not match.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::from_jwk(
    ///     r#"{"kty": "OKP", "crv": "Ed25519", "kid": "1",
    ///         "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    ///         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    /// )?;
    /// assert_eq!((key.algorithm(), key.kid()), (Algorithm::EdDSA, Some("1")));
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let mut jwk = Jwk::from_bytes(json.as_ref())?;
        let (algorithm, signer, material) = Signer::jwk(&mut jwk)?;
        let key = Self::new(algorithm, signer, material)?;
        jwk.log_tolerated();
        Ok(match jwk.text("kid")? {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }

    /// Generates a key without a key ID: a secret as long as the hash, RSA with 2048 bits, or a key
    /// on the algorithm's curve. To keep it after the process, use
    /// [`load_or_generate`](Self::load_or_generate).
    ///
    /// # Errors
    /// [`Backend`](super::KeyErrorKind::Backend) if the system has no randomness.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::ES384)?;
    /// assert_eq!(key.verifying_key().algorithms(), [Algorithm::ES384]);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let (signer, material) = Signer::generate(algorithm)?;
        Self::new(algorithm, signer, material)
    }

    /// Returns the same key with this key ID, which [`encode`](Self::encode) writes into the
    /// header.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::EdDSA)?.with_kid("k1");
    /// assert_eq!(key.kid(), Some("k1"));
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into().into());
        self
    }

    /// The key ID.
    ///
    /// ```
    /// use tollgate::SigningKey;
    ///
    /// assert_eq!(SigningKey::hs256([7; 32])?.kid(), None);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithm, as in the header.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// assert_eq!(SigningKey::generate(Algorithm::Ed25519)?.algorithm(), Algorithm::Ed25519);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn algorithm(&self) -> Algorithm {
        self.pair.algorithm
    }

    /// Signs `message`. An ECDSA signature is `r` and `s` at full length (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// A [`SignError`] if the cryptographic library fails, for example to get randomness.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// assert_eq!(SigningKey::generate(Algorithm::ES512)?.sign(b"message")?.len(), 132);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.pair.signer.sign(message)
    }

    /// Returns the key that verifies signatures of this key, with the same key ID. For HMAC it has
    /// the same secret.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::Ed25519)?.with_kid("k1").verifying_key();
    /// assert_eq!(key.kid(), Some("k1"));
    /// assert_eq!(key.algorithms(), [Algorithm::Ed25519, Algorithm::EdDSA]);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn verifying_key(&self) -> Key {
        Key {
            kid: self.kid.clone(),
            prepared: Arc::clone(&self.pair.verifier),
        }
    }

    /// Returns the public half as a JWK with `use`, `alg` and, if there is one, `kid`, for a JWK
    /// Set. `None` for HMAC, which has no public half.
    ///
    /// ```
    /// use tollgate::{Algorithm, KeySet, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::ES256)?.with_kid("k1");
    /// let set = serde_json::json!({"keys": [key.public_jwk()]});
    /// assert_eq!(KeySet::from_json(set.to_string())?.keys()[0].kid(), Some("k1"));
    ///
    /// assert!(SigningKey::hs256([7; 32])?.public_jwk().is_none());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn public_jwk(&self) -> Option<Value> {
        let Material::Public(public) = self.pair.verifier.material() else {
            return None;
        };
        let mut jwk = match public {
            PublicKey::Rsa { n, e } => {
                json!({"kty": "RSA", "n": base64::encode_url(n), "e": base64::encode_url(e)})
            }
            PublicKey::Ec { curve, point } => {
                let (x, y) = point.split_first()?.1.split_at_checked(curve.field_len())?;
                json!({"kty": "EC", "crv": curve.name(), "x": base64::encode_url(x),
                    "y": base64::encode_url(y)})
            }
            PublicKey::Ed(point) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64::encode_url(point)})
            }
        };
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm().as_str().into();
        if let Some(kid) = self.kid() {
            jwk["kid"] = kid.into();
        }
        Some(jwk)
    }

    pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let (signer, material) = Signer::secret(algorithm, secret)?;
        Self::new(algorithm, signer, material)
    }

    fn new(algorithm: Algorithm, signer: Signer, material: Material) -> Result<Self, KeyError> {
        let verifier = Prepared::new(material, both_names(algorithm))?;
        signer.check_against(&verifier, algorithm)?;
        Ok(Self {
            kid: None,
            pair: Arc::new(Pair {
                algorithm,
                signer,
                verifier: Arc::new(verifier),
            }),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
