//! The keys that refresh tokens are derived from.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;
use tollgate_core::__private::{load_or_generate_secret, secret_from_base64, secret_from_hex};
use tollgate_core::{KeyError, KeyFileError};
use zeroize::Zeroizing;

use crate::id::SessionId;
use crate::random::{NoRandomness, Random, SystemRandom};

/// The label that separates these derivations from any other use of the key.
const PURPOSE: &[u8] = b"tollgate refresh v1";

/// A key that the secrets of refresh tokens are derived from (HMAC-SHA256, RFC 2104), and the
/// number that identifies it in tokens.
///
/// A secret is derived from this key, the session, a counter and a random salt that only the store
/// has. Neither the store nor the key alone is enough to create a token, and the server can return
/// the same token twice without storing it.
///
/// To rotate keys without ending sessions: add the new key as the last one on every instance, then
/// make it the first. Remove the old key when the idle timeout has passed, or the absolute timeout
/// where sessions are renewed without a refresh. A token of a missing key is refused.
///
/// ```
/// use tollgate::session::RefreshKey;
///
/// let key = RefreshKey::new(1, [7; 32]);
/// assert_eq!(format!("{key:?}"), "RefreshKey { id: 1, .. }");
/// ```
#[derive(Clone)]
pub struct RefreshKey {
    id: u32,
    key: hmac::Key,
}

impl RefreshKey {
    /// Creates a key from 256 random bits.
    ///
    /// ```
    /// assert_eq!(tollgate::session::RefreshKey::new(3, [7; 32]).id(), 3);
    /// ```
    pub fn new(id: u32, secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        Self {
            id,
            key: hmac::Key::new(hmac::HMAC_SHA256, &*secret),
        }
    }

    /// Generates a random key. It is lost when the process ends, so it suits a single instance and
    /// tests.
    /// [`load_or_generate`](Self::load_or_generate) keeps it in a file.
    ///
    /// # Errors
    /// [`NoRandomness`] if the system has none.
    ///
    /// ```
    /// assert_eq!(tollgate::session::RefreshKey::generate(1)?.id(), 1);
    /// # Ok::<(), tollgate::session::NoRandomness>(())
    /// ```
    pub fn generate(id: u32) -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom.fill(&mut *secret)?;
        Ok(Self::new(id, *secret))
    }

    /// Reads a key of 32 bytes in base64, either alphabet, with padding or without. White space
    /// around it is ignored.
    ///
    /// # Errors
    /// [`KeyError`] of the kind `Malformed` if the text is not base64 of 32 bytes.
    ///
    /// ```
    /// use tollgate::session::RefreshKey;
    ///
    /// let key = RefreshKey::from_base64(1, "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=")?;
    /// assert_eq!(key.id(), 1);
    /// assert!(RefreshKey::from_base64(1, "3q2+7w==").is_err());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_base64(id: u32, text: &str) -> Result<Self, KeyError> {
        secret_from_base64(text).map(|secret| Self::new(id, *secret))
    }

    /// Reads a key of 32 bytes in 64 hexadecimal digits, as `openssl rand -hex 32` writes it. White
    /// space around it is ignored.
    ///
    /// # Errors
    /// [`KeyError`] of the kind `Malformed` if the text is not 64 hexadecimal digits.
    ///
    /// ```
    /// use tollgate::session::RefreshKey;
    ///
    /// assert_eq!(RefreshKey::from_hex(1, &"5e".repeat(32))?.id(), 1);
    /// assert!(RefreshKey::from_hex(1, "5e").is_err());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_hex(id: u32, text: &str) -> Result<Self, KeyError> {
        secret_from_hex(text).map(|secret| Self::new(id, *secret))
    }

    /// Loads the key from a file in base64. If there is no file, generates a key and creates the
    /// file. The file is handled as by [`SigningKey::load_or_generate`]. Several instances need the
    /// same file: an instance with another key refuses the refresh tokens of the others.
    ///
    /// # Errors
    /// [`KeyFileError`] if the file cannot be read or created, or has no key of 32 bytes.
    ///
    /// [`SigningKey::load_or_generate`]: tollgate_core::SigningKey::load_or_generate
    ///
    /// ```
    /// use tollgate::session::RefreshKey;
    ///
    /// # let directory = std::env::temp_dir().join(format!("tollgate-rk-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// let key = RefreshKey::load_or_generate(1, directory.join("refresh.key"))?;
    /// assert_eq!(key.id(), 1);
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_or_generate(id: u32, path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        load_or_generate_secret(path.as_ref()).map(|secret| Self::new(id, *secret))
    }

    /// The number that identifies the key in tokens.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Derives the secret of one generation of a session.
    pub(crate) fn derive(
        &self,
        session: &SessionId,
        generation: u64,
        salt: &[u8; 32],
    ) -> Zeroizing<[u8; 32]> {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(PURPOSE);
        context.update(session.as_bytes());
        context.update(&generation.to_be_bytes());
        context.update(salt);
        let mut secret = Zeroizing::new([0; 32]);
        secret.copy_from_slice(context.sign().as_ref());
        secret
    }

    /// Returns the HMAC of these parts, for another purpose than [`derive`](Self::derive).
    pub(crate) fn authenticate(&self, purpose: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in std::iter::once(&purpose).chain(parts) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut mac = [0; 32];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }
}

impl fmt::Debug for RefreshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The keys in use. The first derives new secrets, all of them verify. There is at least one.
#[derive(Clone, Debug)]
pub(crate) struct RefreshKeys(Vec<RefreshKey>);

impl RefreshKeys {
    /// Returns `None` without a key, or if two keys have the same number.
    pub(crate) fn new(keys: Vec<RefreshKey>) -> Option<Self> {
        let twice = (1..keys.len()).any(|at| keys[..at].iter().any(|key| key.id == keys[at].id));
        (!keys.is_empty() && !twice).then_some(Self(keys))
    }

    pub(crate) fn newest(&self) -> &RefreshKey {
        &self.0[0]
    }

    pub(crate) fn of_id(&self, id: u32) -> Option<&RefreshKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_changes_the_derived_secret() {
        let derive = |key: u8, session: u8, generation, salt: u8| {
            RefreshKey::new(1, [key; 32]).derive(
                &SessionId::new([session; 16]),
                generation,
                &[salt; 32],
            )
        };
        let one = derive(1, 2, 3, 4);
        assert_eq!(one, derive(1, 2, 3, 4));
        for other in [
            derive(9, 2, 3, 4),
            derive(1, 9, 3, 4),
            derive(1, 2, 9, 4),
            derive(1, 2, 3, 9),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn keys_must_exist_and_have_different_numbers() {
        let key = |id| RefreshKey::new(id, [7; 32]);
        assert!(RefreshKeys::new(vec![]).is_none());
        assert!(RefreshKeys::new(vec![key(1), key(2), key(1)]).is_none());
        let keys = RefreshKeys::new(vec![key(2), key(1)]).unwrap();
        assert_eq!(keys.newest().id(), 2);
        assert_eq!(keys.of_id(1).map(RefreshKey::id), Some(1));
        assert!(keys.of_id(3).is_none());
    }
}
