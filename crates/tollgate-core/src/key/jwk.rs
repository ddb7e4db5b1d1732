//! A key as JSON: RFC 7517, with the types of RFC 7518 section 6 and RFC 8037 section 2.

use super::base64::{self, Bytes};
use super::document;
use super::error::{KeyError, KeyErrorKind};
use super::members::Members;
use super::prepared::Material;
use super::public::{Curve, KeyType, PublicKey};
use super::secret;
use super::{Key, both_names};
use crate::algorithm::Algorithm;

const MAX_BYTES: usize = 1 << 20;

/// The registered values of `key_ops` that are not of signatures.
const NOT_SIG: [&str; 6] = [
    "encrypt",
    "decrypt",
    "wrapKey",
    "unwrapKey",
    "deriveKey",
    "deriveBits",
];

/// What a key is loaded for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Verify,
    Sign,
}

/// The value of `kty`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kty {
    Rsa,
    Ec,
    Okp,
    Oct,
}

/// A JWK of which is known so far that it is a JSON object.
pub(super) struct Jwk {
    members: Members,
}

impl Jwk {
    pub(super) fn read(json: &str) -> Result<Self, KeyError> {
        Members::read(json).map(|members| Self { members })
    }

    /// Reads bytes that ought to be a JWK; a byte order mark is not.
    pub(super) fn from_bytes(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > MAX_BYTES {
            return Err(KeyError::new(
                KeyErrorKind::TooLarge,
                "the JWK has more than 1 MiB",
            ));
        }
        Self::read(std::str::from_utf8(json).map_err(|_| KeyError::malformed("the JWK is not UTF-8"))?)
    }

    /// The `kid`, even of a key that cannot be used.
    pub(super) fn kid(&self) -> Option<&str> {
        self.members.text("kid").ok().flatten()
    }

    /// Whether it says of itself that it is not a shared secret.
    pub(super) fn is_not_secret(&self) -> bool {
        self.members
            .text("kty")
            .is_ok_and(|kty| kty.is_some_and(|kty| kty != "oct"))
    }

    /// Refuses a key that has much text to be kept with it.
    pub(super) fn check_texts(&self, most: usize) -> Result<(), KeyError> {
        for name in ["kid", "issuer"] {
            if self.members.text(name)?.is_some_and(|text| text.len() > most) {
                return Err(KeyError::new(KeyErrorKind::TooLarge, "the text is too long").at(name));
            }
        }
        Ok(())
    }

    /// The key, for verifying.
    pub(super) fn key(&self) -> Result<Key, KeyError> {
        let kty = self.kty(Purpose::Verify)?;
        let algorithm = self.algorithm()?;
        let (material, algorithm) = if kty == Kty::Oct {
            let (secret, algorithm) = self.secret(algorithm)?;
            (Material::Secret(secret), algorithm)
        } else {
            let key = self.public(kty)?;
            let algorithm = algorithm.unwrap_or(key.key_type().default_algorithm());
            key.key_type()
                .require(algorithm)
                .map_err(|error| error.at("alg"))?;
            (Material::Public(key), algorithm)
        };
        let key = Key::new(material, both_names(algorithm))?.bound_to(self.members.text("issuer")?);
        Ok(match self.members.text("kid")? {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }

    /// The checks that come before any number is read: names, type, privacy and use.
    pub(super) fn kty(&self, purpose: Purpose) -> Result<Kty, KeyError> {
        self.members.check()?;
        let kty = match self.members.required_text("kty")? {
            "RSA" => Kty::Rsa,
            "EC" => Kty::Ec,
            "OKP" => Kty::Okp,
            "oct" => Kty::Oct,
            _ => {
                return Err(
                    KeyError::new(KeyErrorKind::UnsupportedKeyType, "neither RSA, EC, OKP nor oct").at("kty"),
                );
            }
        };
        let private = kty != Kty::Oct
            && ["d", "p", "q", "dp", "dq", "qi", "oth"]
                .iter()
                .any(|name| self.members.has(name));
        match purpose {
            Purpose::Verify if private => {
                return Err(KeyError::new(
                    KeyErrorKind::PrivateKey,
                    "the JWK holds a private key",
                ));
            }
            Purpose::Sign if kty != Kty::Oct && !self.members.has("d") => {
                return Err(KeyError::new(
                    KeyErrorKind::PublicKey,
                    "the JWK holds no private key",
                ));
            }
            _ => {}
        }
        self.check_use(purpose)?;
        Ok(kty)
    }

    /// RFC 7517 sections 4.2 and 4.3.
    fn check_use(&self, purpose: Purpose) -> Result<(), KeyError> {
        let usage = self.members.text("use")?;
        if usage.is_some_and(|usage| usage != "sig") {
            return Err(KeyError::new(KeyErrorKind::WrongUse, "not `sig`").at("use"));
        }
        let Some(operations) = self.members.texts("key_ops")? else {
            return Ok(());
        };
        for (i, operation) in operations.iter().enumerate() {
            if operations[..i].contains(operation) {
                return Err(KeyError::malformed("an operation stands twice").at("key_ops"));
            }
        }
        // Both members must say the same.
        if usage.is_some()
            && operations
                .iter()
                .any(|operation| NOT_SIG.contains(&operation.as_str()))
        {
            return Err(KeyError::new(KeyErrorKind::WrongUse, "it contradicts `use`").at("key_ops"));
        }
        let (needed, detail) = match purpose {
            Purpose::Verify => ("verify", "`verify` is not among them"),
            Purpose::Sign => ("sign", "`sign` is not among them"),
        };
        if !operations.iter().any(|operation| operation == needed) {
            return Err(KeyError::new(KeyErrorKind::WrongUse, detail).at("key_ops"));
        }
        Ok(())
    }

    /// The `alg` that the key is pinned to.
    pub(super) fn algorithm(&self) -> Result<Option<Algorithm>, KeyError> {
        let Some(name) = self.members.text("alg")? else {
            return Ok(None);
        };
        Algorithm::from_name(name).map(Some).ok_or(
            KeyError::new(
                KeyErrorKind::UnsupportedAlgorithm,
                "not the name of a signature algorithm that is known",
            )
            .at("alg"),
        )
    }

    /// RFC 7518 section 6.4.
    pub(super) fn secret(&self, algorithm: Option<Algorithm>) -> Result<(Bytes, Algorithm), KeyError> {
        let algorithm = algorithm.unwrap_or(Algorithm::HS256);
        let secret = self.members.bytes("k")?;
        secret::check(algorithm, &secret).map_err(|error| {
            error.at(if error.kind() == KeyErrorKind::AlgorithmMismatch {
                "alg"
            } else {
                "k"
            })
        })?;
        Ok((secret, algorithm))
    }

    /// The public key, or public half; from the first certificate if no member gives it.
    pub(super) fn public(&self, kty: Kty) -> Result<PublicKey, KeyError> {
        let certified = self.certified()?;
        let given = match kty {
            Kty::Rsa => ["n", "e"]
                .iter()
                .any(|name| self.members.has(name))
                .then(|| self.rsa())
                .transpose()?,
            Kty::Ec => {
                let curve = self.members.text("crv")?.map(ec_curve).transpose()?;
                ["x", "y"]
                    .iter()
                    .any(|name| self.members.has(name))
                    .then(|| self.ec(curve))
                    .transpose()?
            }
            Kty::Okp => {
                if self.members.text("crv")?.is_some_and(|curve| curve != "Ed25519") {
                    return Err(
                        KeyError::new(KeyErrorKind::UnsupportedCurve, "of OKP only Ed25519").at("crv"),
                    );
                }
                self.members.has("x").then(|| self.ed()).transpose()?
            }
            Kty::Oct => None,
        };
        match (given, certified) {
            (Some(given), Some(certified)) if given != certified => {
                Err(KeyError::new(KeyErrorKind::Inconsistent, "the certificate is of another key").at("x5c"))
            }
            (Some(given), _) => Ok(given),
            (None, Some(certified)) => self.as_declared(kty, certified),
            (None, None) => Err(KeyError::new(KeyErrorKind::MissingMember, "the JWK holds no key")),
        }
    }

    /// RFC 7518 section 6.3.1.
    fn rsa(&self) -> Result<PublicKey, KeyError> {
        let (n, e) = (self.members.bytes("n")?, self.members.bytes("e")?);
        // The byte of sign that section 6.3.1.1 warns of: some providers publish it, and it changes nothing.
        let n = match n.as_slice() {
            [0, n @ ..] if n.first().is_some_and(|first| *first >= 0x80) => n,
            n => n,
        };
        PublicKey::rsa(n, &e)
    }

    /// RFC 7518 section 6.2.1.
    fn ec(&self, curve: Option<Curve>) -> Result<PublicKey, KeyError> {
        let Some(curve) = curve else {
            return Err(KeyError::new(KeyErrorKind::MissingMember, "it is required").at("crv"));
        };
        let mut point = vec![4];
        for name in ["x", "y"] {
            let coordinate = self.members.bytes(name)?;
            if coordinate.len() != curve.field_len() {
                return Err(KeyError::new(
                    KeyErrorKind::InvalidPoint,
                    "not as long as the field of the curve",
                )
                .at(name));
            }
            point.extend_from_slice(&coordinate);
        }
        PublicKey::ec(curve, &point)
    }

    /// RFC 8037 section 2.
    fn ed(&self) -> Result<PublicKey, KeyError> {
        self.members.required_text("crv")?;
        PublicKey::ed(&self.members.bytes("x")?).map_err(|error| error.at("x"))
    }

    /// The key of the first certificate (RFC 7517 section 4.7). A chain that is there must be readable.
    fn certified(&self) -> Result<Option<PublicKey>, KeyError> {
        let Some(chain) = self.members.texts("x5c")? else {
            return Ok(None);
        };
        let Some(first) = chain.first() else {
            return Err(KeyError::malformed("the chain is empty").at("x5c"));
        };
        let der = base64::decode_standard(first.as_bytes())
            .ok_or(KeyError::malformed("not base64 with padding").at("x5c"))?;
        document::certificate(&der)
            .map(Some)
            .map_err(|error| error.at("x5c"))
    }

    /// A key from a certificate alone must be of the type, and of the curve, that the JWK says.
    fn as_declared(&self, kty: Kty, key: PublicKey) -> Result<PublicKey, KeyError> {
        let curve = self.members.text("crv")?;
        let fits = match (kty, key.key_type()) {
            (Kty::Rsa, KeyType::Rsa) | (Kty::Okp, KeyType::Ed) => true,
            (Kty::Ec, KeyType::Ec(of)) => curve.is_none_or(|curve| curve == of.name()),
            _ => false,
        };
        if fits {
            Ok(key)
        } else {
            Err(KeyError::new(
                KeyErrorKind::Inconsistent,
                "the certificate is of another type of key",
            )
            .at("x5c"))
        }
    }

    pub(super) const fn members(&self) -> &Members {
        &self.members
    }
}

fn ec_curve(name: &str) -> Result<Curve, KeyError> {
    Curve::ALL
        .into_iter()
        .find(|curve| curve.name() == name)
        .ok_or(KeyError::new(KeyErrorKind::UnsupportedCurve, "neither P-256, P-384 nor P-521").at("crv"))
}
