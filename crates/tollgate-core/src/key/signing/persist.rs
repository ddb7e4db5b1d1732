//! Signing keys as text and in files.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::SigningKey;
use super::signer::Signer;
use crate::algorithm::{Algorithm, Family};
use crate::key::error::{KeyError, KeyErrorKind};
use crate::key::file::{self, KeyFileError};
use crate::key::prepared::Material;
use crate::key::{base64, pem, thumbprint};

impl SigningKey {
    /// Returns the private key in PEM (RFC 7468): `PRIVATE KEY`, which is PKCS #8 (RFC 5208). The
    /// text is unencrypted, and is erased from memory when it is dropped.
    ///
    /// [`from_pem`](Self::from_pem) reads it, and so do OpenSSL, PyJWT and Node. The key ID and the
    /// algorithm are not in it.
    ///
    /// # Errors
    /// [`AlgorithmMismatch`](KeyErrorKind::AlgorithmMismatch) for HMAC: a shared secret has no
    /// private key. [`Backend`](KeyErrorKind::Backend) if the cryptographic library fails.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::ES256)?;
    /// let pem = key.to_pkcs8_pem()?;
    /// let same = SigningKey::from_pem(Algorithm::ES256, pem.as_bytes())?;
    /// assert_eq!(same.public_jwk(), key.public_jwk());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let encode = |der: &[u8]| pem::encode("PRIVATE KEY", der);
        let pem = match &self.pair.signer {
            Signer::Hmac(_) => {
                return Err(KeyError::new(
                    KeyErrorKind::AlgorithmMismatch,
                    "a shared secret has no private key",
                ));
            }
            Signer::Rsa(pair, _) => pair
                .as_der()
                .map(|der: Pkcs8V1Der<'_>| encode(der.as_ref())),
            Signer::Ec(pair) => pair.to_pkcs8v1().map(|der| encode(der.as_ref())),
            Signer::Ed(pair) => pair.to_pkcs8v1().map(|der| encode(der.as_ref())),
        };
        pem.map_err(|_| KeyError::new(KeyErrorKind::Backend, "the key cannot be encoded"))
    }

    /// Loads the key from a file. If there is no file, generates a key and creates the file, so
    /// that the key outlives the process.
    ///
    /// The file has the private key in PEM, or for HMAC the secret in base64. Only its owner can
    /// read it (mode 600 on Unix); a warning is logged if others can read an existing file. It
    /// appears with its whole content or not at all, and an existing file is never changed. Of
    /// several processes that start together, one creates the file and all use its key. The
    /// directory must exist.
    ///
    /// The key ID is derived from the key, and is the same at each start: the
    /// [thumbprint](crate::Key::thumbprint) of a public key, and a keyed hash of a secret.
    /// [`with_kid`](Self::with_kid) replaces it.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read or created, or has no key for this algorithm.
    ///
    /// ```
    /// use tollgate::{Algorithm, SigningKey};
    ///
    /// # let directory = std::env::temp_dir().join(format!("tollgate-load-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// let path = directory.join("signing-key.pem");
    /// let first = SigningKey::load_or_generate(Algorithm::ES256, &path)?;
    /// let second = SigningKey::load_or_generate(Algorithm::ES256, &path)?;
    /// assert_eq!(first.public_jwk(), second.public_jwk());
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_or_generate(
        algorithm: Algorithm,
        path: impl AsRef<Path>,
    ) -> Result<Self, KeyFileError> {
        let generate = || Self::generate(algorithm)?.to_text();
        let read = |text: &[u8]| {
            let key = if algorithm.family() == Family::Hmac {
                let text = std::str::from_utf8(text)
                    .map_err(|_| KeyError::malformed("the secret is not base64"))?;
                Self::from_base64_secret(algorithm, text.trim_ascii())?
            } else {
                Self::from_pem(algorithm, text)?
            };
            let kid = key.derived_kid();
            Ok(Self { kid, ..key })
        };
        file::load_or_create(path.as_ref(), generate, read)
    }

    fn to_text(&self) -> Result<Zeroizing<String>, KeyError> {
        match self.pair.verifier.material() {
            Material::Secret(secret) => Ok(base64::encode_lines(secret, usize::MAX)),
            Material::Public(_) => self.to_pkcs8_pem(),
        }
    }

    fn derived_kid(&self) -> Option<Arc<str>> {
        match (&self.pair.signer, self.pair.verifier.material()) {
            (_, Material::Public(public)) => thumbprint::of(public).map(Into::into),
            (Signer::Hmac(key), Material::Secret(_)) => {
                let hash = hmac::sign(key, b"tollgate kid v1");
                let short = hash.as_ref().first_chunk::<16>()?;
                Some(base64::encode_url(short).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
