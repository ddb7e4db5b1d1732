//! Session IDs.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::random::{NoRandomness, Random};

/// A session ID: 128 random bits, written as 22 characters of base64url. It is the `sid` claim of
/// the session's access tokens (OpenID Connect Front-Channel Logout 1.0 section 3), and not a
/// secret.
///
/// ```
/// use tollgate::session::SessionId;
///
/// let id: SessionId = "AAECAwQFBgcICQoLDA0ODw".parse()?;
/// assert_eq!(id.as_bytes()[15], 15);
/// assert_eq!(id.to_string(), "AAECAwQFBgcICQoLDA0ODw");
/// assert!("AAECAwQFBgcICQoLDA0ODx".parse::<SessionId>().is_err(), "unused bits must be zero");
/// # Ok::<(), tollgate::session::InvalidSessionId>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The length of an ID in bytes.
    pub const BYTES: usize = 16;

    /// Creates an ID from its bytes.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Generates a random ID.
    ///
    /// # Errors
    /// [`NoRandomness`] if `random` has none.
    ///
    /// ```
    /// use tollgate::session::{SessionId, SystemRandom};
    ///
    /// assert_ne!(SessionId::generate(&SystemRandom)?, SessionId::generate(&SystemRandom)?);
    /// # Ok::<(), tollgate::session::NoRandomness>(())
    /// ```
    pub fn generate(random: &(impl Random + ?Sized)) -> Result<Self, NoRandomness> {
        let mut bytes = [0; Self::BYTES];
        random.fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes of the ID.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// As the text of [`Display`](fmt::Display).
impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64_simd::URL_SAFE_NO_PAD.encode_to_string(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<Self, InvalidSessionId> {
        let mut bytes = [0; Self::BYTES];
        if text.len() != 22 {
            return Err(InvalidSessionId);
        }
        let out = base64_simd::Out::from_slice(&mut bytes);
        match base64_simd::URL_SAFE_NO_PAD.decode(text.as_bytes(), out) {
            Ok(decoded) if decoded.len() == Self::BYTES => {}
            _ => return Err(InvalidSessionId),
        }
        let id = Self(bytes);
        // The last character has unused bits. They must be zero, so that an ID has one spelling.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidSessionId)
        }
    }
}

/// The error for a text that is not a session ID.
///
/// ```
/// assert!("x".parse::<tollgate::session::SessionId>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSessionId;

impl fmt::Display for InvalidSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a session ID: expected 22 characters of base64url")
    }
}

impl std::error::Error for InvalidSessionId {}
