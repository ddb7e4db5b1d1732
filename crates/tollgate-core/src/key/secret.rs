//! Checks of HMAC secrets: the length, and that a secret is not a key of another type.

use super::base64;
use super::der::Document;
use super::error::{KeyError, KeyErrorKind};
use super::pem;
use super::public::{Curve, PublicKey};
use crate::algorithm::{Algorithm, Family};

/// Refuses a secret shorter than the hash output (RFC 7518 section 3.2), and the encoding of any
/// asymmetric key: with a public key as the secret, anyone can sign (algorithm confusion).
pub(super) fn check(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    check_length(algorithm, secret)?;
    check_not_a_key(secret)
}

/// Decodes a secret in base64. Refuses keys in other encodings with their own error.
pub(super) fn decode_base64(algorithm: Algorithm, text: &str) -> Result<base64::Bytes, KeyError> {
    if algorithm.family() != Family::Hmac {
        return Err(KeyError::new(
            KeyErrorKind::AlgorithmMismatch,
            "a secret serves HMAC algorithms only",
        ));
    }
    check_not_a_key(text.as_bytes())?;
    base64::decode_either(text).ok_or(KeyError::malformed("the secret is not base64"))
}

pub(super) fn check_length(algorithm: Algorithm, secret: &[u8]) -> Result<(), KeyError> {
    let (least, detail) = match algorithm {
        Algorithm::HS256 => (32, "HS256 needs 32 bytes or more"),
        Algorithm::HS384 => (48, "HS384 needs 48 bytes or more"),
        Algorithm::HS512 => (64, "HS512 needs 64 bytes or more"),
        _ => {
            return Err(KeyError::new(
                KeyErrorKind::AlgorithmMismatch,
                "a secret serves HMAC algorithms only",
            ));
        }
    };
    if secret.len() < least {
        return Err(KeyError::new(KeyErrorKind::SecretTooShort, detail));
    }
    Ok(())
}

/// Refuses PEM, DER, a JWK, an OpenSSH key line, a bare point, PEM in base64, and DER in base64 or
/// hexadecimal digits.
pub(super) fn check_not_a_key(secret: &[u8]) -> Result<(), KeyError> {
    const PUBLIC: KeyError = KeyError::new(
        KeyErrorKind::PublicKey,
        "the HMAC secret is a key of another type",
    );
    const PRIVATE: KeyError =
        KeyError::new(KeyErrorKind::PrivateKey, "the HMAC secret is a private key");

    let refuse_pem = |text: &[u8]| match (
        contains(text, b"-----BEGIN"),
        contains(text, b"PRIVATE KEY-----"),
    ) {
        (true, true) => Err(PRIVATE),
        (true, false) => Err(PUBLIC),
        (false, _) => Ok(()),
    };
    refuse_pem(secret)?;
    // Also in each form of PEM that is read as a key.
    if pem::private_key(secret).is_ok() {
        return Err(PRIVATE);
    }
    if pem::public_key(secret).is_ok() {
        return Err(PUBLIC);
    }
    let refuse_der = |der: &[u8]| match Document::of(der) {
        Ok(document) if document.is_private() => Err(PRIVATE),
        Ok(_) => Err(PUBLIC),
        Err(_) => Ok(()),
    };
    refuse_der(secret)?;
    if is_point(secret) {
        return Err(PUBLIC);
    }
    let Ok(text) = std::str::from_utf8(secret) else {
        return Ok(());
    };
    let text = text
        .trim_start_matches('\u{feff}')
        .trim()
        .trim_matches(['"', '\'']);
    if ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
    {
        return Err(PUBLIC);
    }
    if text.starts_with('{') && (text.contains("\"kty\"") || text.contains("\"keys\"")) {
        return Err(PUBLIC);
    }
    let solid: zeroize::Zeroizing<String> =
        zeroize::Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    if let Some(decoded) = base64::decode_either(&solid) {
        refuse_pem(&decoded)?;
        refuse_der(&decoded)?;
    }
    if let Some(der) = decode_hex(&solid) {
        refuse_der(&der)?;
    }
    Ok(())
}

/// Returns `true` for an uncompressed point of one of the curves.
fn is_point(bytes: &[u8]) -> bool {
    Curve::ALL.into_iter().any(|curve| {
        PublicKey::ec(curve, bytes).is_ok_and(|key| key.prepare(curve.algorithm()).is_ok())
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn decode_hex(text: &str) -> Option<base64::Bytes> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes: Option<Vec<u8>> = digits
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    bytes.map(zeroize::Zeroizing::new)
}
