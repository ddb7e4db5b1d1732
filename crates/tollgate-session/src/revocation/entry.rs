//! One thing that was taken back.

use std::fmt;

use crate::store::{StoreError, StoreErrorKind};

/// By what tokens are taken back.
///
/// ```
/// use tollgate_session::{RevocationKey, RevocationKind};
///
/// let session = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "a");
/// let token = RevocationKey::new(RevocationKind::Token, "https://id.example.com", "a");
/// assert_ne!(session, token, "a session is not taken back by the token of that name");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RevocationKind {
    /// One token, by `jti`.
    Token,
    /// A session, by `sid`.
    Session,
    /// A user, by `sub`.
    Subject,
    /// Everything that a key has signed, by `kid`.
    Key,
}

impl RevocationKind {
    pub(crate) const EVERY: [Self; 4] = [Self::Token, Self::Session, Self::Subject, Self::Key];

    /// Its place in [`EVERY`](Self::EVERY).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Token => b't',
            Self::Session => b's',
            Self::Subject => b'u',
            Self::Key => b'k',
        }
    }

    const fn of_tag(tag: u8) -> Option<Self> {
        match tag {
            b't' => Some(Self::Token),
            b's' => Some(Self::Session),
            b'u' => Some(Self::Subject),
            b'k' => Some(Self::Key),
            _ => None,
        }
    }
}

/// Which tokens a [`Revocation`] is about: those of one issuer with this value of a claim (or `kid`).
///
/// ```
/// use tollgate_session::{RevocationKey, RevocationKind};
///
/// let key = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "AAECAwQFBgcICQoLDA0ODw");
/// assert_eq!(RevocationKey::from_bytes(&key.to_bytes())?, key);
/// # Ok::<(), tollgate_session::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevocationKey {
    kind: RevocationKind,
    issuer: String,
    value: String,
}

impl RevocationKey {
    /// Of tokens of `issuer` whose claim of that kind is `value`.
    ///
    /// ```
    /// # use tollgate_session::{RevocationKey, RevocationKind};
    /// let one = RevocationKey::new(RevocationKind::Token, "a", "bc");
    /// let other = RevocationKey::new(RevocationKind::Token, "ab", "c");
    /// assert_ne!(one.to_bytes(), other.to_bytes());
    /// ```
    pub fn new(kind: RevocationKind, issuer: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            kind,
            issuer: issuer.into(),
            value: value.into(),
        }
    }

    /// By what it takes back.
    ///
    /// ```
    /// # use tollgate_session::{RevocationKey, RevocationKind};
    /// assert_eq!(RevocationKey::new(RevocationKind::Key, "a", "1").kind(), RevocationKind::Key);
    /// ```
    pub const fn kind(&self) -> RevocationKind {
        self.kind
    }

    /// Whose tokens (`iss`).
    ///
    /// ```
    /// # use tollgate_session::{RevocationKey, RevocationKind};
    /// assert_eq!(RevocationKey::new(RevocationKind::Key, "a", "1").issuer(), "a");
    /// ```
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The value of the claim.
    ///
    /// ```
    /// # use tollgate_session::{RevocationKey, RevocationKind};
    /// assert_eq!(RevocationKey::new(RevocationKind::Key, "a", "1").value(), "1");
    /// ```
    pub fn value(&self) -> &str {
        &self.value
    }

    /// As bytes, the same for the same key only: what a store can use for its own key.
    ///
    /// ```
    /// # use tollgate_session::{RevocationKey, RevocationKind};
    /// assert_eq!(RevocationKey::new(RevocationKind::Token, "a", "b").to_bytes(), b"t\0\0\0\x01ab");
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + self.issuer.len() + self.value.len());
        bytes.push(self.kind.tag());
        bytes.extend(u32::try_from(self.issuer.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(self.issuer.as_bytes());
        bytes.extend(self.value.as_bytes());
        bytes
    }

    /// From the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// `Corrupt` if they are not such bytes.
    ///
    /// ```
    /// # use tollgate_session::RevocationKey;
    /// assert!(RevocationKey::from_bytes(b"rubbish").is_err());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let parse = || {
            let (tag, rest) = bytes.split_first()?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (issuer, value) =
                rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            let text = |bytes| std::str::from_utf8(bytes).ok();
            Some(Self::new(
                RevocationKind::of_tag(*tag)?,
                text(issuer)?,
                text(value)?,
            ))
        };
        parse().ok_or_else(corrupt)
    }
}

impl fmt::Debug for RevocationKey {
    /// Without the value: it may be a person's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationKey")
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Something was taken back.
///
/// ```
/// use tollgate_session::{Revocation, RevocationKey, RevocationKind};
///
/// let key = RevocationKey::new(RevocationKind::Subject, "https://id.example.com", "u-7");
/// let all = Revocation { key, before: 1_700_000_000, expires_at: 1_700_000_960 };
/// assert_eq!(Revocation::decode(&Revocation::encode([&all]))?, [all]);
/// # Ok::<(), tollgate_session::StoreError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which tokens.
    pub key: RevocationKey,
    /// Those issued (`iat`) before this second; [`Revocation::ALL`] for all of them.
    pub before: u64,
    /// From when on no token can match any more, in seconds since the epoch: the entry ends then.
    pub expires_at: u64,
}

impl Revocation {
    /// As [`before`](Self::before): every token, whenever it was issued.
    pub const ALL: u64 = u64::MAX;

    /// Several entries as bytes, for a channel.
    ///
    /// ```
    /// # use tollgate_session::Revocation;
    /// assert!(Revocation::encode([]).is_empty());
    /// ```
    pub fn encode<'a>(entries: impl IntoIterator<Item = &'a Self>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in entries {
            let key = entry.key.to_bytes();
            bytes.extend(entry.before.to_be_bytes());
            bytes.extend(entry.expires_at.to_be_bytes());
            bytes.extend(u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend(key);
        }
        bytes
    }

    /// From the bytes of [`encode`](Self::encode).
    ///
    /// # Errors
    /// `Corrupt` if they are not such bytes.
    ///
    /// ```
    /// # use tollgate_session::Revocation;
    /// assert!(Revocation::decode(b"rubbish").is_err());
    /// ```
    pub fn decode(mut bytes: &[u8]) -> Result<Vec<Self>, StoreError> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let (before, rest) = bytes.split_first_chunk().ok_or_else(corrupt)?;
            let (expires_at, rest) = rest.split_first_chunk().ok_or_else(corrupt)?;
            let (length, rest) = rest.split_first_chunk().ok_or_else(corrupt)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| corrupt())?;
            let (key, rest) = rest.split_at_checked(length).ok_or_else(corrupt)?;
            entries.push(Self {
                key: RevocationKey::from_bytes(key)?,
                before: u64::from_be_bytes(*before),
                expires_at: u64::from_be_bytes(*expires_at),
            });
            bytes = rest;
        }
        Ok(entries)
    }

    /// Widens this entry by another of the same key.
    pub(crate) fn widen(&mut self, other: &Self) {
        self.before = self.before.max(other.before);
        self.expires_at = self.expires_at.max(other.expires_at);
    }
}

fn corrupt() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "a revocation is malformed")
}
