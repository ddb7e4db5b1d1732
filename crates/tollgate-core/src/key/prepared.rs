//! A prepared key: one verifier for each algorithm that it serves.

use std::sync::OnceLock;

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

    /// Returns `true` if a key of this type and length can serve the algorithm.
    fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Secret(secret) => secret::check_length(algorithm, secret).is_ok(),
            Self::Public(key) => key.key_type().fits(algorithm),
        }
    }

    fn verifier(&self, algorithm: Algorithm) -> Result<Verifier, KeyError> {
        Ok(match self {
            Self::Secret(secret) => {
                secret::check_length(algorithm, secret)?;
                Verifier::Hmac(hmac_key(algorithm, secret)?)
            }
            Self::Public(key) => Verifier::Signature {
                key: key.prepare(algorithm)?,
                len: key.signature_len(),
            },
        })
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
    /// For a key that declares no algorithm: verifiers for the others of its type, in the order of
    /// `Algorithm::ALL`. Each is prepared at its first use, because few issuers need them.
    undeclared: Option<Box<[OnceLock<Option<Verifier>>]>>,
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
            undeclared: None,
        };
        for algorithm in algorithms {
            if prepared.serves(algorithm) {
                continue;
            }
            let verifier = prepared.material.verifier(algorithm)?;
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

    /// Lets the verifier's `algorithms` choose other algorithms than the default.
    pub(super) fn declares_no_algorithm(&mut self) {
        let mut all = Algorithm::ALL.iter();
        if all.any(|other| !self.serves(*other) && self.material.fits(*other)) {
            let none_yet = Algorithm::ALL.iter().map(|_| OnceLock::new());
            self.undeclared = Some(none_yet.collect());
        }
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

    /// Returns `true` if the key serves the algorithm, or declares none and has a type that fits.
    pub(super) fn can_serve(&self, algorithm: Algorithm) -> bool {
        self.serves(algorithm) || (self.undeclared.is_some() && self.material.fits(algorithm))
    }

    fn verifier(&self, algorithm: Algorithm) -> Option<&Verifier> {
        let mut declared = self.algorithms.iter();
        if let Some(place) = declared.position(|served| *served == algorithm) {
            return self.verifiers.get(place);
        }
        if !self.can_serve(algorithm) {
            return None;
        }
        let mut all = Algorithm::ALL.iter();
        let place = all.position(|each| *each == algorithm)?;
        let other = self.undeclared.as_ref()?.get(place)?;
        other
            .get_or_init(|| self.material.verifier(algorithm).ok())
            .as_ref()
    }

    /// Returns `true` if the signature is valid. The length is checked first: it is fixed for each
    /// key, and an ECDSA signature in DER has another length.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self.verifier(algorithm) {
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
