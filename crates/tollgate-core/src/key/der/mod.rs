//! The DER documents of keys: recognised by their structure, then read.
//!
//! Only the key of a certificate is read: its dates, issuer, extensions and signature are ignored.

mod reader;

use self::reader::Reader;
use super::error::{KeyError, KeyErrorKind};
use super::public::{Curve, KeyType, PublicKey};

/// The type of a DER document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    Spki,
    /// `RSAPublicKey` (RFC 8017 appendix A.1.1).
    Pkcs1Public,
    /// `Certificate` (RFC 5280 section 4.1).
    Certificate,
    /// `OneAsymmetricKey`, formerly `PrivateKeyInfo` (RFC 5958 section 2).
    Pkcs8,
    /// `RSAPrivateKey` (RFC 8017 appendix A.1.2).
    Pkcs1Private,
    /// `ECPrivateKey` (RFC 5915 section 3).
    Sec1,
    /// `EncryptedPrivateKeyInfo` (RFC 5958 section 3).
    EncryptedPkcs8,
}

impl Document {
    /// Recognises a document by the tags of the elements in its outer sequence.
    pub(super) fn of(der: &[u8]) -> Result<Self, KeyError> {
        let mut reader = Reader::whole_sequence(der)?;
        let mut tags = [0; 9];
        for tag in &mut tags {
            if reader.peek().is_none() {
                break;
            }
            *tag = reader.element()?.0;
        }
        match tags {
            [reader::SEQUENCE, reader::BIT_STRING, 0, ..] => Ok(Self::Spki),
            [
                reader::SEQUENCE,
                reader::SEQUENCE,
                reader::BIT_STRING,
                0,
                ..,
            ] => Ok(Self::Certificate),
            [reader::SEQUENCE, reader::OCTET_STRING, 0, ..] => Ok(Self::EncryptedPkcs8),
            [reader::INTEGER, reader::INTEGER, 0, ..] => Ok(Self::Pkcs1Public),
            [reader::INTEGER, reader::SEQUENCE, reader::OCTET_STRING, ..] => Ok(Self::Pkcs8),
            [reader::INTEGER, reader::OCTET_STRING, ..] => Ok(Self::Sec1),
            _ if tags == [reader::INTEGER; 9] => Ok(Self::Pkcs1Private),
            _ => Err(KeyError::malformed("the DER is not a key or certificate")),
        }
    }

    pub(super) const fn is_private(self) -> bool {
        matches!(
            self,
            Self::Pkcs8 | Self::Pkcs1Private | Self::Sec1 | Self::EncryptedPkcs8
        )
    }
}

/// The public key in a document. Refuses private documents.
pub(super) fn public_key(document: Document, der: &[u8]) -> Result<PublicKey, KeyError> {
    match document {
        Document::Spki => spki(der),
        Document::Pkcs1Public => pkcs1(der),
        Document::Certificate => certificate(der),
        Document::Pkcs8 | Document::Pkcs1Private | Document::Sec1 | Document::EncryptedPkcs8 => {
            Err(KeyError::new(
                KeyErrorKind::PrivateKey,
                "the DER is a private key",
            ))
        }
    }
}

fn spki(der: &[u8]) -> Result<PublicKey, KeyError> {
    let mut reader = Reader::whole_sequence(der)?;
    let key_type = algorithm_identifier(reader.expect(reader::SEQUENCE)?)?;
    let key = reader.bit_string()?;
    reader.end()?;
    match key_type {
        KeyType::Rsa => pkcs1(key),
        KeyType::Ec(curve) => PublicKey::ec(curve, key),
        KeyType::Ed => PublicKey::ed(key),
    }
}

/// Reads an `RSAPublicKey`.
pub(super) fn pkcs1(der: &[u8]) -> Result<PublicKey, KeyError> {
    let mut reader = Reader::whole_sequence(der)?;
    let (n, e) = (reader.unsigned()?, reader.unsigned()?);
    reader.end()?;
    PublicKey::rsa(n, e)
}

/// The key of a certificate.
pub(super) fn certificate(der: &[u8]) -> Result<PublicKey, KeyError> {
    let mut reader = Reader::whole_sequence(der)?;
    let mut tbs = Reader::new(reader.expect(reader::SEQUENCE)?);
    reader.expect(reader::SEQUENCE)?;
    reader.bit_string()?;
    reader.end()?;
    if tbs.peek() == Some(reader::CONTEXT_0) {
        tbs.element()?; // version
    }
    tbs.expect(reader::INTEGER)?; // serial number
    for _signature_issuer_validity_subject in 0..4 {
        tbs.expect(reader::SEQUENCE)?;
    }
    // The reader returns contents; `spki` needs the sequence around them.
    let before = tbs;
    tbs.expect(reader::SEQUENCE)?;
    spki(before.up_to(&tbs))
}

/// Returns `true` if a certificate with this error has another key than any that is usable. A
/// certificate with another error may be of the same key, in a form that is not read.
pub(super) fn is_of_other_key(error: KeyError) -> bool {
    use KeyErrorKind::{RsaExponent, RsaModulus, UnsupportedCurve, UnsupportedKeyType};
    let other = [
        RsaModulus,
        RsaExponent,
        UnsupportedCurve,
        UnsupportedKeyType,
    ];
    other.contains(&error.kind()) && ![BOUND_TO_PSS, UNNAMED].contains(&error)
}

/// Reads an `AlgorithmIdentifier` (RFC 3279 section 2.3.1, RFC 5480 section 2.1, RFC 8410 section
/// 3).
fn algorithm_identifier(contents: &[u8]) -> Result<KeyType, KeyError> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    // X25519, X448 and Ed448
    const OTHER_EDWARDS: [&[u8]; 3] = [
        &[0x2b, 0x65, 0x6e],
        &[0x2b, 0x65, 0x6f],
        &[0x2b, 0x65, 0x71],
    ];

    let mut reader = Reader::new(contents);
    let oid = reader.expect(reader::OID)?;
    let key_type = match oid {
        RSA => {
            if !reader.expect(reader::NULL)?.is_empty() {
                return Err(KeyError::malformed("the DER has a NULL with contents"));
            }
            KeyType::Rsa
        }
        EC => match reader.element()? {
            (reader::OID, oid) => KeyType::Ec(curve(oid)?),
            _ => return Err(UNNAMED),
        },
        ED25519 => KeyType::Ed,
        RSA_PSS => return Err(BOUND_TO_PSS),
        other if OTHER_EDWARDS.contains(&other) => {
            return Err(KeyError::new(
                KeyErrorKind::UnsupportedCurve,
                "of this kind only Ed25519 is known",
            ));
        }
        _ => {
            return Err(KeyError::new(
                KeyErrorKind::UnsupportedKeyType,
                "neither RSA, EC nor Ed25519",
            ));
        }
    };
    reader.end()?;
    Ok(key_type)
}

const BOUND_TO_PSS: KeyError = KeyError::new(
    KeyErrorKind::UnsupportedKeyType,
    "an RSA key bound to PSS by its identifier; use one of rsaEncryption",
);

const UNNAMED: KeyError = KeyError::new(
    KeyErrorKind::UnsupportedCurve,
    "the curve must be given by its name",
);

fn curve(oid: &[u8]) -> Result<Curve, KeyError> {
    Curve::ALL
        .into_iter()
        .find(|curve| curve.oid() == oid)
        .ok_or(KeyError::new(
            KeyErrorKind::UnsupportedCurve,
            "neither P-256, P-384 nor P-521",
        ))
}

/// The type of the key in a private document; `None` for an `ECPrivateKey` without its curve.
pub(super) fn private_key_type(
    document: Document,
    der: &[u8],
) -> Result<Option<KeyType>, KeyError> {
    let mut reader = Reader::whole_sequence(der)?;
    match document {
        Document::Pkcs8 => {
            reader.unsigned()?; // version
            algorithm_identifier(reader.expect(reader::SEQUENCE)?).map(Some)
        }
        Document::Pkcs1Private => {
            // Version 1 has more than two primes.
            if !reader.unsigned()?.is_empty() {
                return Err(KeyError::new(
                    KeyErrorKind::UnsupportedKeyType,
                    "an RSA key with more than two primes",
                ));
            }
            Ok(Some(KeyType::Rsa))
        }
        Document::Sec1 => {
            reader.unsigned()?; // version
            reader.expect(reader::OCTET_STRING)?;
            if reader.peek() != Some(reader::CONTEXT_0) {
                return Ok(None);
            }
            let mut parameters = Reader::new(reader.element()?.1);
            let (reader::OID, oid) = parameters.element()? else {
                return Err(UNNAMED);
            };
            parameters.end()?;
            Ok(Some(KeyType::Ec(curve(oid)?)))
        }
        Document::EncryptedPkcs8 => Err(KeyError::new(
            KeyErrorKind::Encrypted,
            "decrypt the key before loading it",
        )),
        Document::Spki | Document::Pkcs1Public | Document::Certificate => Err(KeyError::new(
            KeyErrorKind::PublicKey,
            "the DER is a public key or certificate",
        )),
    }
}

/// The `RSAPrivateKey` in a private document of an RSA key.
pub(super) fn rsa_private_key(document: Document, der: &[u8]) -> Result<&[u8], KeyError> {
    if document == Document::Pkcs1Private {
        return Ok(der);
    }
    let mut reader = Reader::whole_sequence(der)?;
    reader.unsigned()?; // version
    reader.expect(reader::SEQUENCE)?;
    let inner = reader.expect(reader::OCTET_STRING)?;
    if Document::of(inner)? == Document::Pkcs1Private {
        private_key_type(Document::Pkcs1Private, inner)?;
        Ok(inner)
    } else {
        Err(KeyError::malformed("the DER holds no RSAPrivateKey"))
    }
}

/// The public half of an `RSAPrivateKey`.
pub(super) fn rsa_public_half(pkcs1: &[u8]) -> Result<PublicKey, KeyError> {
    let mut reader = Reader::whole_sequence(pkcs1)?;
    reader.unsigned()?; // version
    PublicKey::rsa(reader.unsigned()?, reader.unsigned()?)
}
