//! A public key of any type, checked against the limits of its type before it is prepared.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use super::edwards;
use super::error::{KeyError, KeyErrorKind};
use crate::algorithm::{Algorithm, Family};

/// One of the curves of RFC 7518 section 6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(super) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The value of `crv`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The contents of its object identifier (RFC 5480 section 2.1.1.1).
    pub(super) const fn oid(self) -> &'static [u8] {
        match self {
            Self::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Self::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Self::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
        }
    }

    /// The length of a coordinate, and of `r` and of `s` in a signature, in bytes.
    pub(super) const fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The length of an uncompressed point, in bytes.
    pub(super) const fn point_len(self) -> usize {
        1 + 2 * self.field_len()
    }

    /// The algorithm that RFC 7518 section 3.4 assigns to the curve.
    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::P521 => Algorithm::ES512,
        }
    }
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Rsa,
    Ec(Curve),
    Ed,
}

impl KeyType {
    /// Returns `true` if a key of this type can serve the algorithm.
    pub(super) fn fits(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa => algorithm.family() == Family::Rsa,
            Self::Ec(curve) => algorithm == curve.algorithm(),
            Self::Ed => algorithm.family() == Family::Ed,
        }
    }

    /// Like [`fits`](Self::fits), with an error if it does not.
    pub(super) fn require(self, algorithm: Algorithm) -> Result<(), KeyError> {
        if self.fits(algorithm) {
            return Ok(());
        }
        Err(KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            match self {
                Self::Rsa => "an RSA key serves RS256, RS384, RS512, PS256, PS384 and PS512 only",
                Self::Ec(Curve::P256) => "a P-256 key serves ES256 only",
                Self::Ec(Curve::P384) => "a P-384 key serves ES384 only",
                Self::Ec(Curve::P521) => "a P-521 key serves ES512 only",
                Self::Ed => "an Ed25519 key serves EdDSA and Ed25519 only",
            },
        ))
    }

    /// The algorithm of a key that does not declare one.
    pub(super) const fn default_algorithm(self) -> Algorithm {
        match self {
            Self::Rsa => Algorithm::RS256,
            Self::Ec(curve) => curve.algorithm(),
            Self::Ed => Algorithm::EdDSA,
        }
    }
}

/// A public key: big-endian numbers without leading zeros, an uncompressed point, or an encoded
/// point.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ec { curve: Curve, point: Vec<u8> },
    Ed([u8; 32]),
}

impl PublicKey {
    /// Creates an RSA key (RFC 7518 section 6.3.1) from modulus and exponent. Leading zero bytes
    /// are ignored.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let (Some(&n_first), Some(&n_last)) = (n.first(), n.last()) else {
            return Err(KeyError::malformed("the RSA modulus is empty or zero"));
        };
        let (Some(&e_first), Some(&e_last)) = (e.first(), e.last()) else {
            return Err(KeyError::malformed("the RSA exponent is empty or zero"));
        };
        let bits = (n.len() - 1).saturating_mul(8) + (8 - n_first.leading_zeros() as usize);
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::new(
                KeyErrorKind::RsaModulus,
                "it must have 2048 to 8192 bits",
            ));
        }
        if n_last & 1 == 0 {
            return Err(KeyError::new(KeyErrorKind::RsaModulus, "it is even"));
        }
        // SP 800-56B revision 2 section 6.2 requires at least 65537. The library supports at most
        // 33 bits.
        let at_least_65537 = match e {
            [_, _] | [_] => false,
            [high, middle, low] => [*high, *middle, *low] >= [1, 0, 1],
            _ => true,
        };
        if !at_least_65537 || e.len() > 5 || (e.len() == 5 && e_first > 1) {
            return Err(KeyError::new(
                KeyErrorKind::RsaExponent,
                "it must be 65537 or more, and at most 33 bits",
            ));
        }
        if e_last & 1 == 0 {
            return Err(KeyError::new(KeyErrorKind::RsaExponent, "it is even"));
        }
        Ok(Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    /// Creates a key from an uncompressed point (SEC 1 section 2.3.3). [`prepare`](Self::prepare)
    /// checks that it is on the curve.
    pub(super) fn ec(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        if point.len() != curve.point_len() || point.first() != Some(&4) {
            return Err(KeyError::new(
                KeyErrorKind::InvalidPoint,
                "it must be in uncompressed form, each coordinate as long as the field of the \
                 curve",
            ));
        }
        Ok(Self::Ec {
            curve,
            point: point.to_vec(),
        })
    }

    /// Creates an Ed25519 key (RFC 8032 section 5.1.5).
    pub(super) fn ed(encoded: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; 32] = encoded.try_into().map_err(|_| {
            KeyError::new(KeyErrorKind::InvalidPoint, "an Ed25519 key has 32 bytes")
        })?;
        if !edwards::is_usable(&point) {
            return Err(KeyError::new(
                KeyErrorKind::InvalidPoint,
                "not the encoding of an Ed25519 point of large order",
            ));
        }
        Ok(Self::Ed(point))
    }

    pub(super) const fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::Ec { curve, .. } => KeyType::Ec(*curve),
            Self::Ed(_) => KeyType::Ed,
        }
    }

    /// The length of every signature of this key, in bytes.
    pub(super) fn signature_len(&self) -> usize {
        match self {
            Self::Rsa { n, .. } => n.len(),
            Self::Ec { curve, .. } => 2 * curve.field_len(),
            Self::Ed(_) => 64,
        }
    }

    /// Converts the key to the form of the library. The library performs the remaining checks, such
    /// as that a point is on its curve.
    pub(super) fn prepare(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
        self.key_type().require(algorithm)?;
        match self {
            Self::Rsa { n, e } => {
                let refused = KeyError::new(
                    KeyErrorKind::RsaModulus,
                    "the cryptographic library refuses the key",
                );
                // Via the encoding, because only its parser checks the key (RSA_check_key).
                let spki: PublicKeyX509Der<'_> = RsaPublicKeyComponents { n, e }
                    .as_der()
                    .map_err(|_| refused)?;
                ParsedPublicKey::new(rsa_parameters(algorithm)?, spki.as_ref()).map_err(|_| refused)
            }
            Self::Ec { curve, point } => {
                let parameters = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &ECDSA_P521_SHA512_FIXED,
                };
                ParsedPublicKey::new(parameters, point).map_err(|_| {
                    KeyError::new(KeyErrorKind::InvalidPoint, "it is not on the curve")
                })
            }
            Self::Ed(point) => ParsedPublicKey::new(&ED25519, point).map_err(|_| {
                KeyError::new(
                    KeyErrorKind::InvalidPoint,
                    "the cryptographic library refuses the key",
                )
            }),
        }
    }
}

/// Returns the big-endian number without its leading zero bytes.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.split_at(zeros).1
}

fn rsa_parameters(algorithm: Algorithm) -> Result<&'static RsaParameters, KeyError> {
    Ok(match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        _ => {
            return Err(KeyError::new(
                KeyErrorKind::AlgorithmMismatch,
                "not an RSA algorithm",
            ));
        }
    })
}
