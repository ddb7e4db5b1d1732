//! Conversions from and to the types of the `jsonwebtoken` crate. None of its cryptography is used.
//!
//! These types lack parts of a JWK (ES512, `Ed25519`, private members). Their content is checked
//! like JSON. Prefer to load the JSON, PEM or DER directly.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use zeroize::Zeroizing;

use crate::algorithm::{Algorithm, Family};
use crate::key::der::Document;
use crate::key::error::{KeyError, KeyErrorKind};
use crate::key::public::{Curve, PublicKey};
use crate::key::{Key, KeySet, SigningKey};

/// ```
/// use tollgate::Algorithm;
///
/// assert_eq!(Algorithm::try_from(jsonwebtoken::Algorithm::PS256)?, Algorithm::PS256);
/// # Ok::<(), tollgate::KeyError>(())
/// ```
impl TryFrom<jsonwebtoken::Algorithm> for Algorithm {
    type Error = KeyError;

    fn try_from(algorithm: jsonwebtoken::Algorithm) -> Result<Self, KeyError> {
        use jsonwebtoken::Algorithm as Theirs;
        Ok(match algorithm {
            Theirs::HS256 => Self::HS256,
            Theirs::HS384 => Self::HS384,
            Theirs::HS512 => Self::HS512,
            Theirs::ES256 => Self::ES256,
            Theirs::ES384 => Self::ES384,
            Theirs::RS256 => Self::RS256,
            Theirs::RS384 => Self::RS384,
            Theirs::RS512 => Self::RS512,
            Theirs::PS256 => Self::PS256,
            Theirs::PS384 => Self::PS384,
            Theirs::PS512 => Self::PS512,
            Theirs::EdDSA => Self::EdDSA,
            _ => {
                return Err(KeyError::new(
                    KeyErrorKind::UnsupportedAlgorithm,
                    "tollgate does not know it",
                ));
            }
        })
    }
}

/// Fails for [`Algorithm::ES512`] and [`Algorithm::Ed25519`], which `jsonwebtoken` does not have.
///
/// ```
/// use tollgate::Algorithm;
///
/// assert_eq!(jsonwebtoken::Algorithm::try_from(Algorithm::ES384)?,
///     jsonwebtoken::Algorithm::ES384);
/// assert!(jsonwebtoken::Algorithm::try_from(Algorithm::ES512).is_err());
/// # Ok::<(), tollgate::KeyError>(())
/// ```
impl TryFrom<Algorithm> for jsonwebtoken::Algorithm {
    type Error = KeyError;

    fn try_from(algorithm: Algorithm) -> Result<Self, KeyError> {
        algorithm.as_str().parse().map_err(|_| {
            KeyError::new(
                KeyErrorKind::UnsupportedAlgorithm,
                "jsonwebtoken does not know it",
            )
        })
    }
}

/// Like [`Key::from_jwk`], with all its checks.
///
/// ```
/// use tollgate::{Algorithm, Key};
///
/// let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_str(
///     r#"{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "1",
///         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// assert_eq!(Key::try_from(&jwk)?.kid(), Some("1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl TryFrom<&Jwk> for Key {
    type Error = KeyError;

    fn try_from(jwk: &Jwk) -> Result<Self, KeyError> {
        Self::from_jwk(json(jwk)?)
    }
}

impl KeySet {
    /// Like [`from_json`](Self::from_json), from a set of `jsonwebtoken` (feature `jsonwebtoken`).
    ///
    /// # Errors
    /// [`TooLarge`](KeyErrorKind::TooLarge).
    ///
    /// ```
    /// use tollgate::KeySet;
    ///
    /// let set = jsonwebtoken::jwk::JwkSet { keys: vec![] };
    /// assert!(KeySet::from_jsonwebtoken(&set)?.is_empty());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_jsonwebtoken(set: &JwkSet) -> Result<Self, KeyError> {
        Self::from_json(json(set)?)
    }
}

impl Key {
    /// Converts the key in a `DecodingKey` (feature `jsonwebtoken`), for this algorithm.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if the key is of another family than
    /// the algorithm. See also [`Key::hs256`] and [`Key::from_der`].
    ///
    /// ```
    /// use tollgate::{Algorithm, Key};
    ///
    /// let theirs = jsonwebtoken::DecodingKey::from_secret(&[7; 32]);
    /// assert!(Key::from_decoding_key(Algorithm::HS256, &theirs).is_ok());
    /// assert!(Key::from_decoding_key(Algorithm::RS256, &theirs).is_err());
    /// ```
    pub fn from_decoding_key(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, KeyError> {
        same_family(algorithm, key.family())?;
        match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                Self::public(algorithm, PublicKey::rsa(n, e)?)
            }
            DecodingKeyKind::SecretOrDer(bytes) => match algorithm.family() {
                Family::Hmac => Self::secret(algorithm, bytes),
                // A `DecodingKey` keeps the bare point of a PEM or JWK, and the unchanged input of
                // `from_*_der`.
                Family::Ed if bytes.len() == 32 => Self::public(algorithm, PublicKey::ed(bytes)?),
                Family::Ec if Document::of(bytes).is_err() => {
                    let curve = Curve::ALL
                        .into_iter()
                        .find(|curve| curve.algorithm() == algorithm);
                    let curve = curve.ok_or(MISMATCH)?;
                    if Curve::ALL
                        .iter()
                        .any(|other| *other != curve && bytes.len() == other.point_len())
                    {
                        return Err(MISMATCH);
                    }
                    Self::public(algorithm, PublicKey::ec(curve, bytes)?)
                }
                _ => Self::from_der(algorithm, bytes),
            },
        }
    }
}

impl SigningKey {
    /// Converts the key in an `EncodingKey` (feature `jsonwebtoken`), for this algorithm.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if the key is of another family than
    /// the algorithm. See also [`SigningKey::hs256`] and [`SigningKey::from_der`].
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let theirs = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// assert!(SigningKey::from_encoding_key(Algorithm::HS256, &theirs).is_ok());
    /// assert!(SigningKey::from_encoding_key(Algorithm::HS384, &theirs).is_err()); // too short
    /// ```
    pub fn from_encoding_key(algorithm: Algorithm, key: &EncodingKey) -> Result<Self, KeyError> {
        same_family(algorithm, key.family())?;
        match algorithm.family() {
            Family::Hmac => Self::secret(algorithm, key.as_bytes()),
            _ => Self::from_der(algorithm, key.as_bytes()),
        }
    }
}

const MISMATCH: KeyError = KeyError::new(
    KeyErrorKind::AlgorithmMismatch,
    "the key of jsonwebtoken is for another algorithm",
);

fn same_family(algorithm: Algorithm, family: AlgorithmFamily) -> Result<(), KeyError> {
    let same = match algorithm.family() {
        Family::Hmac => family == AlgorithmFamily::Hmac,
        Family::Rsa => family == AlgorithmFamily::Rsa,
        Family::Ec => family == AlgorithmFamily::Ec,
        Family::Ed => family == AlgorithmFamily::Ed,
    };
    if same { Ok(()) } else { Err(MISMATCH) }
}

fn json(value: &impl serde::Serialize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|_| KeyError::malformed("the key of jsonwebtoken does not serialize"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic fails the test")]
mod tests;
