//! JWK Sets: RFC 7517 section 5.

use std::borrow::Cow;
use std::fmt;

use crate::rejection::Shown;
use crate::token::json::{Flaw, Kind, Object, elements};

use super::Key;
use super::epoch::KeyEpoch;
use super::error::{KeyError, KeyErrorKind};
use super::jwk::{Jwk, Purpose};
use super::pem;

/// The maximum length of a `kid` or `issuer` in a fetched set, in bytes. Longer than any in use.
const MOST_PUBLISHED_TEXT: usize = 512;

/// The keys of an issuer.
///
/// [`from_json`](Self::from_json) keeps the usable keys, each checked as strictly as by
/// [`Key::from_jwk`], and reports the others. An issuer can therefore add an encryption key or a
/// key of a new type without an outage. Code can also collect a set from [`Key`]s.
///
/// ```
/// use tollgate::config::KeyErrorKind;
/// use tollgate::KeySet;
///
/// let set = KeySet::from_json(
///     r#"{"keys": [
///         {"kty": "OKP", "crv": "Ed25519", "kid": "1",
///             "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///         {"kty": "AKP", "alg": "ML-DSA-44", "kid": "2", "pub": "..."}
///     ]}"#,
/// )?;
/// assert_eq!(set.len(), 1);
/// assert_eq!(set.keys()[0].kid(), Some("1"));
/// assert_eq!(set.skipped()[0].kid.as_deref(), Some("2"));
/// assert_eq!(set.skipped()[0].error.kind(), KeyErrorKind::UnsupportedKeyType);
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<SkippedKey>,
    tolerated: Vec<ToleratedMember>,
    epoch: KeyEpoch,
}

/// A key of a JWK Set that cannot be used: see [`KeySet::skipped`].
///
/// ```
/// use tollgate::KeySet;
///
/// let set = KeySet::from_json(r#"{"keys": [{"kid": "old"}]}"#)?;
/// assert_eq!(set.skipped()[0].index, 0);
/// assert_eq!(set.skipped()[0]
///     .to_string(), "key 0 (\"old\"): missing member: `kty`: it is required");
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SkippedKey {
    /// The index in `keys`, from zero.
    pub index: usize,
    /// The `kid`, if it can be read. It is untrusted text: quote it where it is shown.
    pub kid: Option<String>,
    /// The reason.
    pub error: KeyError,
}

/// The index, the quoted `kid` and the reason: `key 0 ("old"): missing member …`.
impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.index)?;
        if let Some(kid) = &self.kid {
            write!(f, " ({})", Shown(kid))?;
        }
        write!(f, ": {}", self.error)
    }
}

/// A member of a usable JWK that violates the standard without consequences: see
/// [`KeySet::tolerated`].
///
/// ```
/// use tollgate::KeySet;
///
/// let json = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "key_ops": [],
///     "x": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}]}"#;
/// let set = KeySet::from_json(json)?;
/// assert_eq!(set.len(), 1);
/// assert_eq!(set.tolerated()[0].to_string(), r#"key 0 ("k1"): "key_ops" is empty"#);
/// assert_eq!(set.tolerated()[1].to_string(),
///     r#"key 0 ("k1"): "x" is in the standard alphabet of base64"#);
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ToleratedMember {
    /// The index of the key in `keys`, from zero.
    pub index: usize,
    /// The `kid` of the key, if it has one.
    pub kid: Option<String>,
    /// The name of the member.
    pub member: String,
    /// The violation, such as `is empty`.
    pub reason: &'static str,
}

impl fmt::Display for ToleratedMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.index)?;
        if let Some(kid) = &self.kid {
            write!(f, " ({})", Shown(kid))?;
        }
        write!(f, ": {} {}", Shown(&self.member), self.reason)
    }
}

impl KeySet {
    /// The maximum number of keys of a set, including skipped keys: 128.
    ///
    /// ```
    /// assert_eq!(tollgate::KeySet::MAX_KEYS, 128);
    /// ```
    pub const MAX_KEYS: usize = 128;

    /// The maximum length of the JSON text of a set, in bytes: 1 MiB.
    ///
    /// ```
    /// assert_eq!(tollgate::KeySet::MAX_BYTES, 1_048_576);
    /// ```
    pub const MAX_BYTES: usize = 1 << 20;

    /// Reads a JWK Set. Unusable keys are [skipped](Self::skipped) (RFC 7517 section 5). So are
    /// shared secrets beside keys of other types: a set is either public or secret.
    ///
    /// # Errors
    /// - [`Malformed`](KeyErrorKind::Malformed) if the text is not a JSON object with an array
    ///   `keys`, begins with a byte order mark, or is not UTF-8.
    /// - [`DuplicateMember`](KeyErrorKind::DuplicateMember) if the set has a member twice. A key
    ///   that has one is skipped.
    /// - [`MissingMember`](KeyErrorKind::MissingMember) without `keys`.
    /// - [`TooLarge`](KeyErrorKind::TooLarge) over [`MAX_KEYS`](Self::MAX_KEYS) or
    ///   [`MAX_BYTES`](Self::MAX_BYTES).
    ///
    /// ```
    /// use tollgate::KeySet;
    ///
    /// assert!(KeySet::from_json(r#"{"keys": []}"#)?.is_empty());
    /// assert!(KeySet::from_json(r#"{"keys": {}}"#).is_err());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::read(json.as_ref(), false, Purpose::Verify)
    }

    /// Reads a published JWK Set, such as one that is fetched from a URL.
    ///
    /// Shared secrets are [skipped](Self::skipped) even if the set contains nothing else: every
    /// reader of the set could sign tokens with them. Keys whose `kid` or `issuer` is longer than
    /// 512 bytes are also skipped, because both are stored and logged.
    ///
    /// # Errors
    /// See [`from_json`](Self::from_json).
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::KeySet;
    ///
    /// let json =
    ///     r#"{"keys": [{"kty": "oct", "k": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}]}"#;
    /// assert_eq!(KeySet::from_json(json)?.len(), 1);
    /// let public = KeySet::from_public_json(json)?;
    /// assert!(public.is_empty());
    /// assert_eq!(public.skipped()[0].error.kind(), KeyErrorKind::PublishedSecret);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_public_json(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::read(json.as_ref(), true, Purpose::Verify)
    }

    /// Reads a SPIFFE trust bundle (SPIFFE Trust Domain and Bundle, section 4): a published JWK
    /// Set whose keys for JWT-SVIDs have the `use` `jwt-svid`.
    ///
    /// All other keys, such as those with the `use` `x509-svid`, and keys without a `kid` are
    /// [skipped](Self::skipped). The other readers skip keys with the `use` `jwt-svid`. The
    /// keys of a bundle declare no algorithm:
    /// [`TrustedIssuer::spiffe`](crate::TrustedIssuer::spiffe) allows those of the standard.
    ///
    /// # Errors
    /// See [`from_json`](Self::from_json).
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::KeySet;
    ///
    /// let json = r#"{"spiffe_sequence": 7, "keys": [
    ///     {"kty": "EC", "crv": "P-256", "use": "jwt-svid", "kid": "k1",
    ///         "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    ///         "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"},
    ///     {"kty": "EC", "crv": "P-256", "use": "x509-svid", "x5c": ["MIIB"]}
    /// ]}"#;
    /// let bundle = KeySet::from_spiffe_bundle(json)?;
    /// assert_eq!(bundle.keys()[0].kid(), Some("k1"));
    /// assert_eq!(bundle.skipped()[0].error.kind(), KeyErrorKind::WrongUse);
    /// assert!(KeySet::from_json(json)?.is_empty());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_spiffe_bundle(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::read(json.as_ref(), true, Purpose::VerifySvid)
    }

    /// Reads a map of `kid` to X.509 certificate in PEM, which Google and Firebase publish instead
    /// of a JWK Set. A public key in PEM is read too, as Google's IAP publishes it.
    ///
    /// Only the key of a certificate is used: neither its dates nor its issuer are checked. A
    /// certificate declares no algorithm. An RSA key serves RS256, or the verifier's
    /// [`algorithms`](crate::VerifierBuilder::algorithms). Members that are no usable certificate,
    /// or have a `kid` of more than 512 bytes, are [skipped](Self::skipped).
    ///
    /// # Errors
    /// See [`from_json`](Self::from_json). `keys` is not required.
    ///
    /// ```
    /// use tollgate::KeySet;
    ///
    /// let json = r#"{"k1": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"}"#;
    /// let set = KeySet::from_certificate_map(json)?;
    /// assert_eq!(set.keys()[0].kid(), Some("k1"));
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn from_certificate_map(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (json, object) = outline(json.as_ref())?;
        if object.members().len() > Self::MAX_KEYS {
            return Err(TOO_MANY);
        }
        let mut set = Self::default();
        for (index, member) in object.members().iter().enumerate() {
            let name = member.name(json);
            let kid = (name.len() <= MOST_PUBLISHED_TEXT).then(|| name.into_owned());
            let pem = member.string(json);
            let key = pem.ok_or(KeyError::malformed("not a certificate in PEM"));
            let key = key.and_then(|pem| Key::without_alg(pem::public_key(pem.as_bytes())?));
            match (key, kid) {
                (Ok(key), Some(kid)) => set.keys.push(key.with_kid(kid)),
                (Ok(_), kid) => {
                    let error = KeyError::new(KeyErrorKind::TooLarge, "the `kid` is too long");
                    set.skipped.push(SkippedKey { index, kid, error });
                }
                (Err(error), kid) => set.skipped.push(SkippedKey { index, kid, error }),
            }
        }
        Ok(set)
    }

    fn read(json: &[u8], published: bool, purpose: Purpose) -> Result<Self, KeyError> {
        let (json, object) = outline(json)?;
        let Some(keys) = object.get(json, "keys") else {
            return Err(KeyError::new(KeyErrorKind::MissingMember, "it is required").at("keys"));
        };
        if keys.kind != Kind::Array {
            return Err(KeyError::malformed("not an array").at("keys"));
        }
        let Some(members) = elements(keys.raw(json), Self::MAX_KEYS) else {
            return Err(TOO_MANY);
        };
        Ok(Self::from_members(&members, published, purpose))
    }

    fn from_members(members: &[&str], published: bool, purpose: Purpose) -> Self {
        let jwks: Vec<_> = members.iter().map(|member| Jwk::read(member)).collect();
        let public = jwks.iter().flatten().any(Jwk::is_not_secret);
        let refuse_secret = if published {
            Some(KeyError::new(
                KeyErrorKind::PublishedSecret,
                "everybody can read the set",
            ))
        } else {
            let mixed = KeyError::new(KeyErrorKind::MixedSet, "a set is either public or secret");
            public.then_some(mixed)
        };
        let mut set = Self::default();
        for (index, jwk) in jwks.into_iter().enumerate() {
            let kid = jwk.as_ref().ok().and_then(Jwk::kid);
            let kid = kid.filter(|kid| !published || kid.len() <= MOST_PUBLISHED_TEXT);
            let kid = kid.map(Cow::into_owned);
            let key = jwk.and_then(|mut jwk| {
                if published {
                    jwk.check_texts(MOST_PUBLISHED_TEXT)?;
                }
                Ok((jwk.key(purpose)?, jwk.tolerated()))
            });
            match (key, refuse_secret) {
                (Ok((key, _)), Some(error)) if key.family().is_symmetric() => {
                    set.skipped.push(SkippedKey { index, kid, error });
                }
                (Ok((key, tolerated)), _) => {
                    set.keys.push(key);
                    let member = |(member, reason): (Cow<'_, str>, _)| ToleratedMember {
                        index,
                        kid: kid.clone(),
                        member: member.into_owned(),
                        reason,
                    };
                    set.tolerated.extend(tolerated.into_iter().map(member));
                }
                (Err(error), _) => set.skipped.push(SkippedKey { index, kid, error }),
            }
        }
        set
    }

    /// The keys, in the order of the set. Several may have the same `kid`, or none.
    ///
    /// ```
    /// use tollgate::{Key, KeySet};
    ///
    /// let set: KeySet = [Key::hs256([1; 32])?, Key::hs256([2; 32])?].into_iter().collect();
    /// assert_eq!(set.keys().len(), 2);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The members of usable keys that violate the standard without consequences, such as padded
    /// base64. Log them.
    ///
    /// ```
    /// assert!(tollgate::KeySet::from_json(r#"{"keys": []}"#)?.tolerated().is_empty());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn tolerated(&self) -> &[ToleratedMember] {
        &self.tolerated
    }

    /// The skipped keys of the JSON text, with the reasons. Log them.
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::KeySet;
    ///
    /// let set = KeySet::from_json(r#"{"keys": [{"kty": "oct", "k": "AAAA", "use": "enc"}]}"#)?;
    /// assert_eq!(set.skipped()[0].error.kind(), KeyErrorKind::WrongUse);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The number of keys, without the skipped ones.
    ///
    /// ```
    /// assert_eq!(tollgate::KeySet::default().len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The identity of the set. It changes with every change of the keys.
    ///
    /// ```
    /// use tollgate::KeySet;
    ///
    /// let one = KeySet::from_json(r#"{"keys": []}"#)?;
    /// let same_text = KeySet::from_json(r#"{"keys": []}"#)?;
    /// assert_eq!(one.epoch(), one.clone().epoch());
    /// assert_ne!(one.epoch(), same_text.epoch());
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub const fn epoch(&self) -> KeyEpoch {
        self.epoch
    }

    /// Returns `true` if the set has no usable key.
    ///
    /// ```
    /// assert!(tollgate::KeySet::default().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

const TOO_MANY: KeyError = KeyError::new(KeyErrorKind::TooLarge, "the set has more than 128 keys");

/// Reads the object of a set, without its values.
fn outline(json: &[u8]) -> Result<(&str, Object), KeyError> {
    if json.len() > KeySet::MAX_BYTES {
        return Err(KeyError::new(
            KeyErrorKind::TooLarge,
            "the set has more than 1 MiB",
        ));
    }
    let json =
        std::str::from_utf8(json).map_err(|_| KeyError::malformed("the set is not UTF-8"))?;
    let mut object = Object::default();
    object.outline(json).map_err(|flaw| match flaw {
        Flaw::Duplicate => KeyError::new(
            KeyErrorKind::DuplicateMember,
            "the set has two members of the same name",
        ),
        _ => KeyError::malformed("the set is not a JSON object"),
    })?;
    Ok((json, object))
}

impl FromIterator<Key> for KeySet {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            skipped: Vec::new(),
            tolerated: Vec::new(),
            epoch: KeyEpoch::next(),
        }
    }
}

/// An empty set.
impl Default for KeySet {
    fn default() -> Self {
        Self::from_iter([])
    }
}
