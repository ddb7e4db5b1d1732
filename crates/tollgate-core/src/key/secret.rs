//! Checks of HMAC secrets: the length, and that a secret is not a key of another type.

use std::path::Path;

use zeroize::Zeroizing;

use super::base64;
use super::der::Document;
use super::error::{KeyError, KeyErrorKind};
use super::file::{KeyFileError, load_or_create};
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
    let solid: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    if let Some(decoded) = base64::decode_either(&solid) {
        refuse_pem(&decoded)?;
        refuse_der(&decoded)?;
    }
    if let Some(der) = decode_hex(&solid) {
        refuse_der(&der)?;
    }
    Ok(())
}

/// Decodes a secret of `N` bytes in base64, either alphabet, with padding or without.
///
/// # Errors
/// `Malformed` for any other text.
pub fn secret_from_base64<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, KeyError> {
    let decoded = base64::decode_either(text.trim_ascii());
    exactly(&decoded.ok_or(KeyError::malformed("the secret is not base64"))?)
}

/// Decodes a secret of `N` bytes in hexadecimal digits.
///
/// # Errors
/// `Malformed` for any other text.
pub fn secret_from_hex<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, KeyError> {
    let decoded = decode_hex(text.trim_ascii());
    exactly(&decoded.ok_or(KeyError::malformed("the secret is not hexadecimal"))?)
}

/// Loads a secret of `N` bytes from a file in base64, or generates it and creates the file.
///
/// # Errors
/// [`KeyFileError`] if the file cannot be read or created, or has another content.
pub fn load_or_generate_secret<const N: usize>(
    path: &Path,
) -> Result<Zeroizing<[u8; N]>, KeyFileError> {
    let generate = || {
        let mut secret = Zeroizing::new([0; N]);
        aws_lc_rs::rand::fill(&mut *secret)
            .map_err(|_| KeyError::new(KeyErrorKind::Backend, "no randomness"))?;
        Ok(base64::encode_lines(&*secret, usize::MAX))
    };
    let read = |text: &[u8]| {
        let text = std::str::from_utf8(text);
        secret_from_base64(text.map_err(|_| KeyError::malformed("the secret is not base64"))?)
    };
    load_or_create(path, generate, read)
}

fn exactly<const N: usize>(secret: &[u8]) -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut exact = Zeroizing::new([0; N]);
    if secret.len() != N {
        return Err(KeyError::malformed("the secret has another length"));
    }
    exact.copy_from_slice(secret);
    Ok(exact)
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
    // The buffer never grows, so that no copy of a secret remains in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    for [high, low] in digits.as_chunks::<2>().0 {
        bytes.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(bytes)
}
