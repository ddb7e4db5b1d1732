//! A prepared key: one verifier for each algorithm that it serves.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;

use super::base64::Bytes;
use super::error::{KeyError, KeyErrorKind};
use super::public::PublicKey;
use super::secret;
use crate::algorithm::{Algorithm, Family};

/// The key material, kept to prepare the key for further algorithms.
#[derive(Clone)]
pub(super) enum Material {
    Secret(Bytes),
    Public(PublicKey),
}

impl Material {
    pub(super) const fn family(&self) -> Family {
        match self {
            Self::Secret(_) => Family::Hmac,
            Self::Public(PublicKey::Rsa { .. }) => Family::Rsa,
            Self::Public(PublicKey::Ec { .. }) => Family::Ec,
            Self::Public(PublicKey::Ed(_)) => Family::Ed,
        }
    }
}

/// One verifier for each algorithm. Creating it does all work that is not needed per token.
pub(super) struct Prepared {
    material: Material,
    /// The issuer of the tokens that the key verifies, if it declares one.
    pub(super) issuer: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    /// In the order of their algorithms.
    verifiers: Vec<Verifier>,
}

enum Verifier {
    Hmac(Box<hmac::Key>),
    Signature { key: ParsedPublicKey, len: usize },
}

impl Prepared {
    /// Prepares the key for these algorithms, each of them once.
    pub(super) fn new(
        material: Material,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<Self, KeyError> {
        let mut prepared = Self {
            material,
            issuer: None,
            algorithms: Vec::new(),
            verifiers: Vec::new(),
        };
        for algorithm in algorithms {
            if prepared.serves(algorithm) {
                continue;
            }
            let verifier = match &prepared.material {
                Material::Secret(secret) => {
                    secret::check_length(algorithm, secret)?;
                    Verifier::Hmac(hmac_key(algorithm, secret)?)
                }
                Material::Public(key) => Verifier::Signature {
                    key: key.prepare(algorithm)?,
                    len: key.signature_len(),
                },
            };
            prepared.algorithms.push(algorithm);
            prepared.verifiers.push(verifier);
        }
        if prepared.algorithms.is_empty() {
            return Err(KeyError::new(
                KeyErrorKind::AlgorithmMismatch,
                "a key must serve one algorithm at least",
            ));
        }
        Ok(prepared)
    }

    pub(super) const fn material(&self) -> &Material {
        &self.material
    }

    pub(super) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    pub(super) fn serves(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Returns `true` if the signature is valid. The length is checked first: it is fixed for each
    /// key, and an ECDSA signature in DER has another length.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(place) = self
            .algorithms
            .iter()
            .position(|served| *served == algorithm)
        else {
            return false;
        };
        match self.verifiers.get(place) {
            Some(Verifier::Hmac(key)) => {
                signature.len() == key.algorithm().tag_len()
                    && hmac::verify(key, message, signature).is_ok()
            }
            Some(Verifier::Signature { key, len }) => {
                signature.len() == *len && key.verify_sig(message, signature).is_ok()
            }
            None => false,
        }
    }
}

pub(super) fn hmac_algorithm(algorithm: Algorithm) -> Result<hmac::Algorithm, KeyError> {
    match algorithm {
        Algorithm::HS256 => Ok(hmac::HMAC_SHA256),
        Algorithm::HS384 => Ok(hmac::HMAC_SHA384),
        Algorithm::HS512 => Ok(hmac::HMAC_SHA512),
        _ => Err(KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            "a secret serves HMAC algorithms only",
        )),
    }
}

/// Prepares the key with its inner and outer hash. Boxed, because it contains three hash states.
pub(super) fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Result<Box<hmac::Key>, KeyError> {
    Ok(Box::new(hmac::Key::new(hmac_algorithm(algorithm)?, secret)))
}
