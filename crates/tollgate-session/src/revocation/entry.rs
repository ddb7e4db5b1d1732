//! A revocation and its key.

use std::fmt;

use aws_lc_rs::digest;

use crate::id::SessionId;
use crate::store::{StoreError, StoreErrorKind};

/// The claim or header parameter that a revocation matches.
///
/// ```
/// use tollgate::session::{RevocationKey, RevocationKind};
///
/// let session = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "a");
/// let token = RevocationKey::new(RevocationKind::Token, "https://id.example.com", "a");
/// assert_ne!(session, token, "the kind is part of the key");
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
    /// All tokens signed by a key, by `kid`.
    Key,
    /// All sessions of a user, by `sub`. [`Sessions`](crate::Sessions) ends a session that began
    /// before the entry's time; a gate does not read these entries.
    SubjectSessions,
}

impl RevocationKind {
    pub(crate) const EVERY: [Self; 5] = [
        Self::Token,
        Self::Session,
        Self::Subject,
        Self::Key,
        Self::SubjectSessions,
    ];

    /// The index in [`EVERY`](Self::EVERY).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Token => b't',
            Self::Session => b's',
            Self::Subject => b'u',
            Self::Key => b'k',
            Self::SubjectSessions => b'e',
        }
    }

    const fn of_tag(tag: u8) -> Option<Self> {
        match tag {
            b't' => Some(Self::Token),
            b's' => Some(Self::Session),
            b'u' => Some(Self::Subject),
            b'k' => Some(Self::Key),
            b'e' => Some(Self::SubjectSessions),
            _ => None,
        }
    }
}

/// A key of a [`Revocation`]: an issuer, and the value of a claim or of `kid`.
///
/// ```
/// use tollgate::session::{RevocationKey, RevocationKind};
///
/// let key = RevocationKey::new(RevocationKind::Session, "https://id.example.com", "AAECAwQFBgcI");
/// assert_eq!(RevocationKey::from_bytes(&key.to_bytes())?, key);
/// # Ok::<(), tollgate::session::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevocationKey {
    kind: RevocationKind,
    issuer: String,
    value: String,
}

impl RevocationKey {
    /// Creates a key that matches tokens of `issuer` whose claim (or `kid`) is `value`.
    ///
    /// ```
    /// # use tollgate::session::{RevocationKey, RevocationKind};
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

    /// Returns the keys that end a session: those of its ID, of its subject and of the sessions of
    /// its subject.
    ///
    /// ```
    /// use tollgate::session::{RevocationKey, SessionId};
    ///
    /// let id = SessionId::new([7; 16]);
    /// let keys = RevocationKey::of_session("https://id.example.com", &id, "u-7");
    /// assert_eq!(keys.map(|key| key.value().len()), [22, 3, 3]);
    /// ```
    pub fn of_session(issuer: &str, id: &SessionId, subject: &str) -> [Self; 3] {
        [
            Self::new(RevocationKind::Session, issuer, id.to_string()),
            Self::new(RevocationKind::Subject, issuer, subject),
            Self::new(RevocationKind::SubjectSessions, issuer, subject),
        ]
    }

    /// The kind of the key.
    pub const fn kind(&self) -> RevocationKind {
        self.kind
    }

    /// The issuer of the tokens (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The value of the claim or of `kid`.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Encodes the key. Different keys have different bytes, so a store can use them as its own
    /// key.
    ///
    /// ```
    /// # use tollgate::session::{RevocationKey, RevocationKind};
    /// let key = RevocationKey::new(RevocationKind::Token, "a", "b");
    /// assert_eq!(key.to_bytes(), b"t\0\0\0\x01ab");
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + self.issuer.len() + self.value.len());
        bytes.push(self.kind.tag());
        bytes.extend(
            u32::try_from(self.issuer.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        bytes.extend(self.issuer.as_bytes());
        bytes.extend(self.value.as_bytes());
        bytes
    }

    /// Decodes a key from the bytes of [`to_bytes`](Self::to_bytes).
    ///
    /// # Errors
    /// `Corrupt` if the bytes are malformed.
    ///
    /// ```
    /// # use tollgate::session::RevocationKey;
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
    /// Omits the value, which may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationKey")
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// A revocation: the tokens of a [`RevocationKey`] issued before some time are refused.
///
/// ```
/// use tollgate::session::{Revocation, RevocationKey, RevocationKind};
///
/// let key = RevocationKey::new(RevocationKind::Subject, "https://id.example.com", "u-7");
/// let earlier = Revocation { key, before: 1_700_000_000, expires_at: 1_700_000_960 };
/// let all = Revocation { before: Revocation::ALL, ..earlier.clone() };
/// assert_ne!(earlier, all, "tokens from now on are also refused");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The key that the tokens match.
    pub key: RevocationKey,
    /// Only tokens issued (`iat`) before this second match. [`Revocation::ALL`] matches all of
    /// them, and so does every value of 2^63 and above. The lower bits of such a value name the
    /// user whose entries are counted.
    pub before: u64,
    /// The end of the entry, in seconds since the epoch. No token can match any more by then.
    pub expires_at: u64,
}

impl Revocation {
    /// The value of [`before`](Self::before) that matches every token, whenever it was issued.
    pub const ALL: u64 = u64::MAX;
    /// The first value of [`before`](Self::before) that matches every token.
    const FIRST_OF_ALL: u64 = 1 << 63;
    /// The last `iat` that an entry for tokens issued before some time can be compared with: only
    /// an entry that matches every token matches it.
    pub(super) const LAST_TIME: u64 = Self::FIRST_OF_ALL - 1;

    /// Makes an entry that matches every token count as one of `subject`. The owner has no column
    /// of its own, so that every store keeps it.
    pub(crate) fn owned_by(mut self, subject: &str) -> Self {
        if Self::is_all(self.before) {
            self.before = Self::FIRST_OF_ALL | owner(subject);
        }
        self
    }

    /// Returns whether a value of [`before`](Self::before) matches every token.
    pub(crate) const fn is_all(before: u64) -> bool {
        before >= Self::FIRST_OF_ALL
    }

    /// Returns the owner that a value of [`before`](Self::before) names.
    pub(crate) const fn owner_in(before: u64) -> Option<u64> {
        if Self::is_all(before) && before != Self::ALL {
            Some(before & !Self::FIRST_OF_ALL)
        } else {
            None
        }
    }

    /// Extends this entry by another one of the same key.
    pub(crate) fn widen(&mut self, other: &Self) {
        self.before = self.before.max(other.before);
        self.expires_at = self.expires_at.max(other.expires_at);
    }
}

/// The number by which the entries of a subject are counted, below 2^63 - 1.
pub(crate) fn owner(subject: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, subject.as_bytes());
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first) >> 2
}

fn corrupt() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "malformed revocation")
}
