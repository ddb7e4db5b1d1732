//! Private keys in the form in which the library signs with them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use aws_lc_rs::{hmac, rand, rsa};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::key::base64::Bytes;
use crate::key::der::{self, Document};
use crate::key::error::{KeyError, KeyErrorKind, SignError, SignProblem};
use crate::key::jwk::{Jwk, Kty, Purpose};
use crate::key::prepared::{Material, Prepared, hmac_algorithm, hmac_key};
use crate::key::public::{Curve, KeyType, PublicKey};
use crate::key::secret;

/// A private or secret key, ready for one algorithm.
pub(super) enum Signer {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

const INCONSISTENT: KeyError = KeyError::new(
    KeyErrorKind::Inconsistent,
    "the private half is not of the public half",
);
const REFUSED: KeyError = KeyError::new(
    KeyErrorKind::Inconsistent,
    "the cryptographic library refuses the private key",
);
const BACKEND: KeyError = KeyError::new(KeyErrorKind::Backend, "no key could be generated");

impl Signer {
    pub(super) fn secret(
        algorithm: Algorithm,
        secret: &[u8],
    ) -> Result<(Self, Material), KeyError> {
        secret::check(algorithm, secret)?;
        let signer = Self::Hmac(hmac_key(algorithm, secret)?);
        Ok((signer, Material::Secret(secret.to_vec().into())))
    }

    pub(super) fn generate(algorithm: Algorithm) -> Result<(Self, Material), KeyError> {
        let signer = match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                let mut secret: Bytes =
                    Zeroizing::new(vec![0; hmac_algorithm(algorithm)?.tag_len()]);
                rand::fill(&mut secret).map_err(|_| BACKEND)?;
                let signer = Self::Hmac(hmac_key(algorithm, &secret)?);
                return Ok((signer, Material::Secret(secret)));
            }
            Algorithm::ES256 | Algorithm::ES384 | Algorithm::ES512 => {
                Self::Ec(EcdsaKeyPair::generate(ecdsa(algorithm)?).map_err(|_| BACKEND)?)
            }
            Algorithm::EdDSA | Algorithm::Ed25519 => {
                Self::Ed(Ed25519KeyPair::generate().map_err(|_| BACKEND)?)
            }
            _ => Self::Rsa(
                RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| BACKEND)?,
                rsa_encoding(algorithm)?,
            ),
        };
        signer.with_public_half()
    }

    /// Reads PKCS #8, PKCS #1 or SEC 1.
    pub(super) fn document(
        algorithm: Algorithm,
        document: Document,
        der: &[u8],
    ) -> Result<(Self, Material), KeyError> {
        // An ECPrivateKey without a curve has the curve of the algorithm.
        let key_type = der::private_key_type(document, der)?;
        if let Some(key_type) = key_type {
            key_type.require(algorithm)?;
        }
        let signer = match key_type {
            Some(KeyType::Rsa) => {
                let pkcs1 = der::rsa_private_key(document, der)?;
                der::rsa_public_half(pkcs1)?; // its limits first, because the library's error has less detail
                Self::Rsa(
                    RsaKeyPair::from_der(pkcs1).map_err(|_| REFUSED)?,
                    rsa_encoding(algorithm)?,
                )
            }
            Some(KeyType::Ed) => Self::Ed(Ed25519KeyPair::from_pkcs8(der).map_err(|_| REFUSED)?),
            Some(KeyType::Ec(_)) | None => Self::Ec(
                EcdsaKeyPair::from_private_key_der(ecdsa(algorithm)?, der).map_err(|_| REFUSED)?,
            ),
        };
        signer.with_public_half()
    }

    /// Reads a private JWK (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
    pub(super) fn jwk(jwk: &mut Jwk<'_>) -> Result<(Algorithm, Self, Material), KeyError> {
        let kty = jwk.kty(Purpose::Sign)?;
        let algorithm = jwk.algorithm()?;
        if kty == Kty::Oct {
            let (secret, algorithm) = jwk.secret(algorithm)?;
            let signer = Self::Hmac(hmac_key(algorithm, &secret)?);
            return Ok((algorithm, signer, Material::Secret(secret)));
        }
        let public = jwk.public(kty)?;
        let key_type = public.key_type();
        let algorithm = algorithm.unwrap_or(key_type.default_algorithm());
        key_type
            .require(algorithm)
            .map_err(|error| error.at("alg"))?;
        public.prepare(algorithm)?; // checks that the point is on its curve
        let signer = match &public {
            PublicKey::Rsa { n, e } => Self::rsa_jwk(
                jwk,
                RsaPublicKeyComponents { n: n.as_slice(), e },
                algorithm,
            )?,
            PublicKey::Ec { curve, point } => {
                let Some(d) = jwk.integer_of(curve.field_len(), "d")? else {
                    return Err(KeyError::malformed(
                        "empty, or longer than the order of the curve",
                    )
                    .at("d"));
                };
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(ecdsa(algorithm)?, &d, point);
                Self::Ec(pair.map_err(|_| INCONSISTENT)?)
            }
            PublicKey::Ed(point) => {
                let d = jwk.bytes("d")?;
                if d.len() != 32 {
                    return Err(KeyError::malformed("an Ed25519 seed has 32 bytes").at("d"));
                }
                Self::Ed(
                    Ed25519KeyPair::from_seed_and_public_key(&d, point)
                        .map_err(|_| INCONSISTENT)?,
                )
            }
        };
        Ok((algorithm, signer, Material::Public(public)))
    }

    fn rsa_jwk(
        jwk: &mut Jwk<'_>,
        public_key: RsaPublicKeyComponents<&[u8]>,
        algorithm: Algorithm,
    ) -> Result<Self, KeyError> {
        if jwk.has("oth") {
            return Err(
                KeyError::new(KeyErrorKind::UnsupportedKeyType, "more than two primes").at("oth"),
            );
        }
        let (d, p, q) = (jwk.integer("d")?, jwk.integer("p")?, jwk.integer("q")?);
        let (dp, dq, qi) = (jwk.integer("dp")?, jwk.integer("dq")?, jwk.integer("qi")?);
        if [&d, &p, &q, &dp, &dq, &qi]
            .iter()
            .any(|number| number.is_empty())
        {
            return Err(KeyError::malformed("an RSA number is empty or zero"));
        }
        let components = rsa::KeyPairComponents {
            public_key,
            d: d.as_slice(),
            p: &p,
            q: &q,
            dP: &dp,
            dQ: &dq,
            qInv: &qi,
        };
        let pair = RsaKeyPair::from_components(&components).map_err(|_| INCONSISTENT)?;
        Ok(Self::Rsa(pair, rsa_encoding(algorithm)?))
    }

    fn with_public_half(self) -> Result<(Self, Material), KeyError> {
        let public = match &self {
            Self::Hmac(_) => return Err(REFUSED),
            Self::Rsa(pair, _) => der::pkcs1(pair.public_key().as_ref())?,
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let curve = Curve::ALL
                    .into_iter()
                    .find(|curve| curve.point_len() == point.len());
                PublicKey::ec(curve.ok_or(REFUSED)?, point)?
            }
            Self::Ed(pair) => PublicKey::ed(pair.public_key().as_ref())?,
        };
        Ok((self, Material::Public(public)))
    }

    /// Makes one signature and verifies it. The library checks most keys when it reads them, but
    /// for example not that the factors of an RSA modulus are prime.
    pub(super) fn check_against(
        &self,
        verifier: &Prepared,
        algorithm: Algorithm,
    ) -> Result<(), KeyError> {
        const MESSAGE: &[u8] = b"tollgate";
        let signature = self.sign(MESSAGE).map_err(|_| REFUSED)?;
        if verifier.verify(algorithm, MESSAGE, &signature) {
            Ok(())
        } else {
            Err(INCONSISTENT)
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |_| SignError::from(SignProblem::Backend);
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::Ec(pair) => Ok(pair
                .sign(&SystemRandom::new(), message)
                .map_err(failed)?
                .as_ref()
                .to_vec()),
            Self::Ed(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

fn ecdsa(algorithm: Algorithm) -> Result<&'static EcdsaSigningAlgorithm, KeyError> {
    match algorithm {
        Algorithm::ES256 => Ok(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Ok(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::ES512 => Ok(&ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => Err(KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            "an EC key serves ES256, ES384 or ES512 only",
        )),
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Result<&'static dyn RsaEncoding, KeyError> {
    match algorithm {
        Algorithm::RS256 => Ok(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Ok(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Ok(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Ok(&RSA_PSS_SHA256),
        Algorithm::PS384 => Ok(&RSA_PSS_SHA384),
        Algorithm::PS512 => Ok(&RSA_PSS_SHA512),
        _ => Err(KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            "not an RSA algorithm",
        )),
    }
}
