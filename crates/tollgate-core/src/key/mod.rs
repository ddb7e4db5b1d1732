//! Keys: loaded and checked once, and prepared so that verifying a token parses no key.
//!
//! A [`Key`] verifies and a [`SigningKey`] signs. Both are loaded from secret bytes, PEM, DER, a
//! JWK or a JWK Set. All checks happen when a key is loaded, not when a token is verified:
//!
//! - An HMAC secret is at least as long as the output of its hash (RFC 7518 section 3.2), and is
//!   not the encoding of an asymmetric key.
//! - An RSA modulus has 2048 to 8192 bits. Its public exponent is odd and at least 65537. That is
//!   stricter than RFC 7518, which allows an exponent of 3: such keys are rare and old, and with
//!   them a small mistake in the padding check allows forgery.
//! - A point is on its curve: P-256, P-384, P-521, and Ed25519. For Ed25519 its encoding is also
//!   canonical and its order not small.
//! - The members `alg`, `use` and `key_ops` of a JWK allow the purpose.
//! - A private key is refused as a verification key: the verifying side must not have it.

mod base64;
mod der;
mod edwards;
mod epoch;
mod error;
mod file;
#[cfg(feature = "jsonwebtoken")]
mod jsonwebtoken;
mod jwk;
mod jwks;
pub(crate) mod keyring;
mod pem;
mod prepared;
mod public;
pub(crate) mod secret;
mod signing;
pub(crate) mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests;
mod thumbprint;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod vectors;

use std::fmt;
use std::sync::Arc;

pub use self::epoch::KeyEpoch;
pub use self::error::{KeyError, KeyErrorKind, SignError, SignErrorKind};
pub use self::file::{KeyFileError, KeyFileErrorKind};
use self::jwk::{Jwk, Purpose};
pub use self::jwks::{KeySet, SkippedKey, ToleratedMember};
use self::prepared::{Material, Prepared};
use self::public::PublicKey;
pub use self::signing::SigningKey;
use crate::algorithm::{Algorithm, Family};

/// A key that verifies signatures: a shared secret or a public key, prepared for its algorithms.
///
/// A key serves one algorithm, unless [`serving`](Self::serving) sets several. An Ed25519 key
/// serves both names of its algorithm. Cloning is cheap. `Debug` shows the key ID and the
/// algorithms, never the key.
///
/// ```
/// use tollgate::config::KeyErrorKind;
/// use tollgate::{Algorithm, Key};
///
/// let key = Key::hs256("a secret of thirty-two bytes....")?.with_kid("2031-01");
/// assert_eq!(key.algorithms(), [Algorithm::HS256]);
/// assert_eq!(key.kid(), Some("2031-01"));
///
/// // a public key never becomes a secret
/// let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE...";
/// assert_eq!(Key::hs256(pem).unwrap_err().kind(), KeyErrorKind::PublicKey);
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    kid: Option<Arc<str>>,
    prepared: Arc<Prepared>,
}

impl Key {
    /// Creates a secret for HMAC with SHA-256: at least 32 bytes (RFC 7518 section 3.2).
    ///
    /// # Errors
    /// [`SecretTooShort`](KeyErrorKind::SecretTooShort). [`PublicKey`](KeyErrorKind::PublicKey) or
    /// [`PrivateKey`](KeyErrorKind::PrivateKey) if the bytes are an asymmetric key or a
    /// certificate, in PEM, DER, base64, hexadecimal digits, OpenSSH's format or as a JWK.
    ///
    /// ```
    /// use tollgate::Key;
    ///
    /// assert!(Key::hs256([7; 32]).is_ok());
    /// assert!(Key::hs256([7; 31]).is_err());
    /// ```
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::secret(Algorithm::HS256, secret.as_ref())
    }

    /// Creates a secret for HMAC with SHA-384: at least 48 bytes (RFC 7518 section 3.2).
    ///
    /// # Errors
    /// See [`hs256`](Self::hs256).
    ///
    /// ```
    /// use tollgate::Key;
    ///
    /// assert!(Key::hs384([7; 48]).is_ok());
    /// assert!(Key::hs384([7; 47]).is_err());
    /// ```
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::secret(Algorithm::HS384, secret.as_ref())
    }

    /// Creates a secret for HMAC with SHA-512: at least 64 bytes (RFC 7518 section 3.2).
    ///
    /// # Errors
    /// See [`hs256`](Self::hs256).
    ///
    /// ```
    /// use tollgate::Key;
    ///
    /// assert!(Key::hs512([7; 64]).is_ok());
    /// assert!(Key::hs512([7; 63]).is_err());
    /// ```
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::secret(Algorithm::HS512, secret.as_ref())
    }

    /// Reads a secret in base64, in the standard or the URL-safe alphabet, with padding or without.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if the algorithm is not of HMAC.
    /// [`Malformed`](KeyErrorKind::Malformed) if the text is not base64, for example because of
    /// line breaks or non-zero trailing bits. Otherwise the errors of [`hs256`](Self::hs256).
    ///
    /// ```
    /// use tollgate::{Algorithm, Key};
    ///
    /// let key =
    ///     Key::from_base64_secret(Algorithm::HS256,
    ///     "bm90IGEgc2VjcmV0LCBidXQgbG9uZyBlbm91Z2ghISE=")?;
    /// assert_eq!(key.algorithms(), [Algorithm::HS256]);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_base64_secret(algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        Self::secret(algorithm, &secret::decode_base64(algorithm, secret)?)
    }

    /// Reads a public key or certificate in PEM (RFC 7468): `PUBLIC KEY`, `RSA PUBLIC KEY` or
    /// `CERTIFICATE`.
    ///
    /// Only the key of a certificate is used: neither its dates nor its issuer are checked. Of
    /// several certificates the first is used, which is the leaf certificate of a chain. Text
    /// around the blocks is ignored.
    ///
    /// The forms of environment variables are accepted: the characters `\n` for line ends, one
    /// line, quotes, a byte order mark, and base64 of the whole PEM.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if the key does not fit the
    /// algorithm, and for every HMAC algorithm. [`PrivateKey`](KeyErrorKind::PrivateKey) for a
    /// private key. Other kinds if the text or the key is invalid.
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::{Algorithm, Key};
    ///
    /// let pem = "-----BEGIN PUBLIC KEY-----
    /// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    /// -----END PUBLIC KEY-----";
    /// let key = Key::from_pem(Algorithm::EdDSA, pem)?;
    /// assert_eq!(key.algorithms(), [Algorithm::EdDSA, Algorithm::Ed25519]);
    ///
    /// assert_eq!(Key::from_pem(Algorithm::HS256, pem).unwrap_err()
    ///     .kind(), KeyErrorKind::AlgorithmMismatch);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        not_hmac(algorithm)?;
        Self::public(algorithm, pem::public_key(pem.as_ref())?)
    }

    /// Reads a public key or certificate in DER: `SubjectPublicKeyInfo`, `RSAPublicKey` (PKCS #1)
    /// or an X.509 certificate. Only the key of a certificate is used.
    ///
    /// # Errors
    /// See [`from_pem`](Self::from_pem).
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::{Algorithm, Key};
    ///
    /// assert_eq!(Key::from_der(Algorithm::RS256, [0x30, 0x00]).unwrap_err()
    ///     .kind(), KeyErrorKind::Malformed);
    /// ```
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        not_hmac(algorithm)?;
        let der = der.as_ref();
        Self::public(algorithm, der::public_key(der::Document::of(der)?, der)?)
    }

    /// Reads a JWK (RFC 7517), with its `kid`.
    ///
    /// The key serves its `alg`. Without `alg` an RSA key serves RS256, an EC key the algorithm of
    /// its curve, an Ed25519 key `EdDSA` and `Ed25519`, a secret HS256. [`serving`](Self::serving)
    /// sets others. For an RSA key or a secret without `alg`, the verifier's
    /// [`algorithms`](crate::VerifierBuilder::algorithms) do so too.
    ///
    /// If there is an `x5c`, its first certificate must be of the same key, and can replace the
    /// other members of a public key.
    ///
    /// Members that violate the standard without consequences are accepted and logged as a warning:
    /// padding and the standard alphabet of base64, leading zero bytes of RSA and EC numbers, EC
    /// numbers that are too short, and an unreadable `x5c`, `use` or `key_ops` that other members
    /// make redundant.
    ///
    /// # Errors
    /// - [`PrivateKey`](KeyErrorKind::PrivateKey) for a private JWK: remove its private members.
    /// - [`WrongUse`](KeyErrorKind::WrongUse) if `use` is not `sig`, or `key_ops` lacks `verify`.
    /// - [`DuplicateMember`](KeyErrorKind::DuplicateMember) if an object has a member twice, at any
    ///   depth.
    /// - Other kinds if a member is invalid.
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::{Algorithm, Key};
    ///
    /// let key = Key::from_jwk(
    ///     r#"{"kty": "EC", "crv": "P-256", "kid": "1", "use": "sig",
    ///         "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    ///         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    /// )?;
    /// assert_eq!(key.algorithms(), [Algorithm::ES256]);
    ///
    /// let error = Key::from_jwk(r#"{"kty": "OKP", "crv": "X25519", "x": "AAAA"}"#).unwrap_err();
    /// assert_eq!(error.kind(), KeyErrorKind::UnsupportedCurve);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let mut jwk = Jwk::from_bytes(json.as_ref())?;
        let key = jwk.key(Purpose::Verify)?;
        jwk.log_tolerated();
        Ok(key)
    }

    /// Returns the same key with this key ID (`kid`, RFC 7517 section 4.5).
    ///
    /// ```
    /// use tollgate::Key;
    ///
    /// let key = Key::hs256([7; 32])?;
    /// assert_eq!(key.kid(), None);
    /// assert_eq!(key.with_kid("a").with_kid("b").kid(), Some("b"));
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into().into());
        self
    }

    /// Returns the same key for exactly these algorithms.
    ///
    /// Prefer one key for one algorithm. This is for issuers that sign with one RSA key under
    /// several algorithms.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if the type or curve of the key does
    /// not fit one of them, or if there is none. [`SecretTooShort`](KeyErrorKind::SecretTooShort).
    ///
    /// ```
    /// use tollgate::{Algorithm, Key};
    ///
    /// let key = Key::hs256([7; 48])?;
    /// assert!(key.clone().serving([Algorithm::HS256, Algorithm::HS384]).is_ok());
    /// assert!(key.clone().serving([Algorithm::HS512]).is_err()); // too short for it
    /// assert!(key.serving([Algorithm::RS256]).is_err());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn serving(
        self,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self, KeyError> {
        let mut prepared = Prepared::new(self.prepared.material().clone(), algorithms)?;
        prepared.issuer.clone_from(&self.prepared.issuer);
        Ok(Self {
            kid: self.kid,
            prepared: Arc::new(prepared),
        })
    }

    /// The key ID, which a token names in its header.
    ///
    /// ```
    /// let key = tollgate::Key::hs256([7; 32])?.with_kid("k1");
    /// assert_eq!(key.kid(), Some("k1"));
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The member `issuer` of the JWK, which Microsoft Entra sets. The key verifies only tokens of
    /// this issuer, where one set has the keys of many tenants: see
    /// [`VerifierBuilder::tenants`](crate::VerifierBuilder::tenants).
    ///
    /// ```
    /// use tollgate::Key;
    ///
    /// let key = Key::from_jwk(
    ///     r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ///         "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}"#,
    /// )?;
    /// assert_eq!(key.issuer(), Some("https://login.microsoftonline.com/{tenantid}/v2.0"));
    /// assert_eq!(Key::hs256([7; 32])?.issuer(), None);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn issuer(&self) -> Option<&str> {
        self.prepared.issuer.as_deref()
    }

    /// The algorithms of the key: one, unless the key is Ed25519 or [`serving`](Self::serving) set
    /// several.
    ///
    /// ```
    /// use tollgate::{Algorithm, Key};
    ///
    /// assert_eq!(Key::hs384([7; 48])?.algorithms(), [Algorithm::HS384]);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn algorithms(&self) -> &[Algorithm] {
        self.prepared.algorithms()
    }

    /// Returns the SHA-256 thumbprint of a public key (RFC 7638), in base64url: 43 characters.
    /// `None` for a shared secret: its hash must not be published (section 7).
    ///
    /// ```
    /// use tollgate::{Key, SigningKey};
    ///
    /// let key = Key::from_jwk(
    ///     r#"{"kty": "OKP", "crv": "Ed25519",
    ///         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    /// )?;
    /// let thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; // RFC 8037 appendix A.3
    /// assert_eq!(key.thumbprint().as_deref(), Some(thumbprint));
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn thumbprint(&self) -> Option<String> {
        match self.prepared.material() {
            Material::Public(public) => thumbprint::of(public),
            Material::Secret(_) => None,
        }
    }

    /// The kind of key.
    ///
    /// ```
    /// use tollgate::extend::Family;
    /// use tollgate::Key;
    ///
    /// assert_eq!(Key::hs256([7; 32])?.family(), Family::Hmac);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn family(&self) -> Family {
        self.prepared.material().family()
    }

    /// Returns `true` if the key serves this algorithm, or if it declares none and the verifier's
    /// [`algorithms`](crate::VerifierBuilder::algorithms) can choose this one: a JWK without `alg`
    /// that is an RSA key or a secret of sufficient length.
    ///
    /// ```
    /// use tollgate::{Algorithm, Key};
    ///
    /// let jwk = r#"{"kty": "oct", "k": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3"}"#;
    /// let key = Key::from_jwk(jwk)?;
    /// assert_eq!(key.algorithms(), [Algorithm::HS256]);
    /// assert!(key.can_serve(Algorithm::HS384));
    /// assert!(!key.can_serve(Algorithm::HS512)); // too short for it
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn can_serve(&self, algorithm: Algorithm) -> bool {
        self.prepared.can_serve(algorithm)
    }

    /// Returns `true` if this algorithm is one of [`algorithms`](Self::algorithms).
    pub(crate) fn serves(&self, algorithm: Algorithm) -> bool {
        self.prepared.serves(algorithm)
    }

    /// Returns `true` if both are clones of one key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.prepared, &other.prepared) && self.kid == other.kid
    }

    /// Returns `true` if `signature` is valid for `message` by this key and algorithm, which the
    /// key [can serve](Self::can_serve).
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.prepared.verify(algorithm, message, signature)
    }

    /// Restricts a new key to tokens of this issuer.
    fn bound_to(mut self, issuer: Option<&str>) -> Self {
        if let Some(prepared) = Arc::get_mut(&mut self.prepared) {
            prepared.issuer = issuer.map(Into::into);
        }
        self
    }

    /// Lets the verifier's `algorithms` choose the algorithms of a new key.
    fn without_algorithm(mut self) -> Self {
        if let Some(prepared) = Arc::get_mut(&mut self.prepared) {
            prepared.declares_no_algorithm();
        }
        self
    }

    fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        secret::check(algorithm, secret)?;
        Self::new(Material::Secret(secret.to_vec().into()), [algorithm])
    }

    fn public(algorithm: Algorithm, key: PublicKey) -> Result<Self, KeyError> {
        Self::new(Material::Public(key), both_names(algorithm))
    }

    /// Creates a key with the default algorithm of its type.
    fn without_alg(key: PublicKey) -> Result<Self, KeyError> {
        let algorithm = key.key_type().default_algorithm();
        Self::public(algorithm, key).map(Self::without_algorithm)
    }

    fn new(
        material: Material,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            kid: None,
            prepared: Arc::new(Prepared::new(material, algorithms)?),
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("family", &self.family())
            .field("algorithms", &self.algorithms())
            .finish_non_exhaustive()
    }
}

/// Returns the algorithm under each of its names (RFC 9864 section 2.2).
fn both_names(algorithm: Algorithm) -> impl Iterator<Item = Algorithm> {
    let other = match algorithm {
        Algorithm::EdDSA => Some(Algorithm::Ed25519),
        Algorithm::Ed25519 => Some(Algorithm::EdDSA),
        _ => None,
    };
    std::iter::once(algorithm).chain(other)
}

fn not_hmac(algorithm: Algorithm) -> Result<(), KeyError> {
    if algorithm.family() == Family::Hmac {
        return Err(KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            "PEM and DER hold asymmetric keys, which never are HMAC secrets",
        ));
    }
    Ok(())
}
