//! From and to the vocabulary of the `jsonwebtoken` crate: its types only, none of its cryptography.
//!
//! Its types hold less than a JWK does (no ES512, no `Ed25519`, no private members), and are checked here as if they
//! had been JSON. Where there is a choice, load the JSON, PEM or DER itself.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use zeroize::Zeroizing;

use super::der::Document;
use super::error::{KeyError, KeyErrorKind};
use super::public::{Curve, PublicKey};
use super::{Key, KeySet, SigningKey};
use crate::algorithm::{Algorithm, Family};

/// ```
/// use tollgate_core::Algorithm;
///
/// assert_eq!(Algorithm::try_from(jsonwebtoken::Algorithm::PS256)?, Algorithm::PS256);
/// # Ok::<(), tollgate_core::KeyError>(())
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
/// use tollgate_core::Algorithm;
///
/// assert_eq!(jsonwebtoken::Algorithm::try_from(Algorithm::ES384)?, jsonwebtoken::Algorithm::ES384);
/// assert!(jsonwebtoken::Algorithm::try_from(Algorithm::ES512).is_err());
/// # Ok::<(), tollgate_core::KeyError>(())
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

/// As [`Key::from_jwk`], with all its checks.
///
/// ```
/// use tollgate_core::{Algorithm, Key};
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
    /// As [`from_json`](Self::from_json), from the set of `jsonwebtoken` (feature `jsonwebtoken`).
    ///
    /// # Errors
    /// [`TooLarge`](KeyErrorKind::TooLarge).
    ///
    /// ```
    /// use tollgate_core::KeySet;
    ///
    /// let set = jsonwebtoken::jwk::JwkSet { keys: vec![] };
    /// assert!(KeySet::from_jsonwebtoken(&set)?.is_empty());
    /// # Ok::<(), tollgate_core::KeyError>(())
    /// ```
    pub fn from_jsonwebtoken(set: &JwkSet) -> Result<Self, KeyError> {
        Self::from_json(json(set)?)
    }
}

impl Key {
    /// The key in a `DecodingKey` (feature `jsonwebtoken`), for this algorithm.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if it is of another family than the algorithm; else as for
    /// [`Key::hs256`] and [`Key::from_der`].
    ///
    /// ```
    /// use tollgate_core::{Algorithm, Key};
    ///
    /// let theirs = jsonwebtoken::DecodingKey::from_secret(&[7; 32]);
    /// assert!(Key::from_decoding_key(Algorithm::HS256, &theirs).is_ok());
    /// assert!(Key::from_decoding_key(Algorithm::RS256, &theirs).is_err());
    /// ```
    pub fn from_decoding_key(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, KeyError> {
        same_family(algorithm, key.family())?;
        match key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => Self::public(algorithm, PublicKey::rsa(n, e)?),
            DecodingKeyKind::SecretOrDer(bytes) => match algorithm.family() {
                Family::Hmac => Self::secret(algorithm, bytes),
                // It keeps the bare point of a PEM or JWK, and whatever its `from_*_der` was given.
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
    /// The key in an `EncodingKey` (feature `jsonwebtoken`), for this algorithm.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) if it is of another family than the algorithm; else as for
    /// [`SigningKey::hs256`] and [`SigningKey::from_der`].
    ///
    /// ```
    /// use tollgate_core::{Algorithm, SigningKey};
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
#[allow(clippy::unwrap_used, reason = "a failed test")]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use serde_json::json;

    use super::*;
    use crate::key::base64;

    const MESSAGE: &[u8] = b"header.payload";

    fn der(pem: &str) -> Vec<u8> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        base64::decode_standard(body.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn names_of_algorithms_agree() {
        for ours in Algorithm::ALL.iter().copied() {
            match jsonwebtoken::Algorithm::try_from(ours) {
                Ok(theirs) => {
                    assert_eq!(format!("{theirs:?}"), ours.as_str());
                    assert_eq!(Algorithm::try_from(theirs), Ok(ours));
                }
                Err(error) => {
                    assert!(matches!(ours, Algorithm::ES512 | Algorithm::Ed25519));
                    assert_eq!(error.kind(), KeyErrorKind::UnsupportedAlgorithm);
                }
            }
        }
    }

    #[test]
    fn keys_come_over_and_work() {
        let rsa = der(include_str!("../../tests/keys/rsa-pkcs1.pem"));
        let rsa_public = der(include_str!("../../tests/keys/rsa-public-pkcs1.pem"));
        let p384 = der(include_str!("../../tests/keys/p384.pem"));
        let p384_public = der(include_str!("../../tests/keys/p384-public.pem"));
        let ed = der(include_str!("../../tests/keys/ed25519.pem"));
        let ed_public = der(include_str!("../../tests/keys/ed25519-public.pem"));
        for (algorithm, signing, verifying) in [
            (
                Algorithm::HS256,
                EncodingKey::from_secret(&[7; 32]),
                vec![DecodingKey::from_secret(&[7; 32])],
            ),
            (
                Algorithm::PS256,
                EncodingKey::from_rsa_der(&rsa),
                vec![DecodingKey::from_rsa_der(&rsa_public)],
            ),
            (
                Algorithm::ES384,
                EncodingKey::from_ec_der(&p384),
                vec![
                    DecodingKey::from_ec_der(&p384_public),
                    DecodingKey::from_ec_der(&p384_public[p384_public.len() - 97..]),
                ],
            ),
            (
                Algorithm::EdDSA,
                EncodingKey::from_ed_der(&ed),
                vec![
                    DecodingKey::from_ed_der(&ed_public),
                    DecodingKey::from_ed_der(&ed_public[ed_public.len() - 32..]),
                ],
            ),
        ] {
            let key = SigningKey::from_encoding_key(algorithm, &signing).unwrap();
            let signature = key.sign(MESSAGE).unwrap();
            let mut keys: Vec<Key> = verifying
                .iter()
                .map(|key| Key::from_decoding_key(algorithm, key).unwrap())
                .collect();
            if let Some(jwk) = key.public_jwk() {
                let theirs: Jwk = serde_json::from_value(jwk).unwrap();
                keys.push(Key::try_from(&theirs).unwrap());
                let theirs = DecodingKey::from_jwk(&theirs).unwrap();
                keys.push(Key::from_decoding_key(algorithm, &theirs).unwrap());
            }
            for key in keys {
                assert!(key.verify(algorithm, MESSAGE, &signature), "{algorithm}");
            }
            for other in Algorithm::ALL
                .iter()
                .copied()
                .filter(|other| other.family() != algorithm.family())
            {
                assert!(Key::from_decoding_key(other, &verifying[0]).is_err());
                assert!(SigningKey::from_encoding_key(other, &signing).is_err());
            }
        }
    }

    #[test]
    fn what_they_let_pass_is_checked() {
        let error = |algorithm, key: &DecodingKey| Key::from_decoding_key(algorithm, key).unwrap_err().kind();
        assert_eq!(
            error(Algorithm::HS256, &DecodingKey::from_secret(b"short")),
            KeyErrorKind::SecretTooShort
        );
        let pem = include_bytes!("../../tests/keys/rsa-public.pem");
        assert_eq!(
            error(Algorithm::HS256, &DecodingKey::from_secret(pem)),
            KeyErrorKind::PublicKey
        );
        let weak = DecodingKey::from_rsa_raw_components(&[0xff; 128], &[1, 0, 1]);
        assert_eq!(error(Algorithm::RS256, &weak), KeyErrorKind::RsaModulus);
        let point = DecodingKey::from_ec_der(&[&[4][..], &[7; 64]].concat());
        assert_eq!(error(Algorithm::ES256, &point), KeyErrorKind::InvalidPoint);
        assert_eq!(error(Algorithm::ES384, &point), KeyErrorKind::AlgorithmMismatch);
        assert_eq!(
            error(Algorithm::EdDSA, &DecodingKey::from_ed_der(&[0; 32])),
            KeyErrorKind::InvalidPoint
        );
        assert_eq!(
            error(Algorithm::EdDSA, &DecodingKey::from_ed_der(&[0; 31])),
            KeyErrorKind::Malformed
        );
        let private = DecodingKey::from_ec_der(&der(include_str!("../../tests/keys/p256.pem")));
        assert_eq!(error(Algorithm::ES256, &private), KeyErrorKind::PrivateKey);

        let set: JwkSet = serde_json::from_value(json!({"keys": [
            {"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "short"},
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "good"},
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "enc"},
            {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        ]}))
        .unwrap();
        let set = KeySet::from_jsonwebtoken(&set).unwrap();
        assert_eq!(
            set.keys().iter().map(Key::kid).collect::<Vec<_>>(),
            [Some("good")]
        );
        let kinds: Vec<_> = set.skipped().iter().map(|skipped| skipped.error.kind()).collect();
        assert_eq!(
            kinds,
            [
                KeyErrorKind::SecretTooShort,
                KeyErrorKind::WrongUse,
                KeyErrorKind::UnsupportedKeyType
            ]
        );
    }
}
