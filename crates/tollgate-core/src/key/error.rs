//! Errors of loading a key and of signing a token.

use std::fmt;

/// An error for a refused key or key set.
///
/// The message names the broken rule and, if it helps, the member. It never contains a byte of the
/// key.
///
/// ```
/// use tollgate::config::KeyErrorKind;
/// use tollgate::Key;
///
/// let error = Key::hs256("too short").unwrap_err();
/// assert_eq!(error.kind(), KeyErrorKind::SecretTooShort);
/// assert_eq!(error.to_string(), "secret too short: HS256 needs 32 bytes or more");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyError {
    kind: KeyErrorKind,
    /// The member of the JWK with the error.
    member: Option<&'static str>,
    detail: &'static str,
}

impl KeyError {
    pub(super) const fn new(kind: KeyErrorKind, detail: &'static str) -> Self {
        Self {
            kind,
            member: None,
            detail,
        }
    }

    /// Adds the member of the JWK to the error.
    pub(super) const fn at(mut self, member: &'static str) -> Self {
        self.member = Some(member);
        self
    }

    pub(super) const fn malformed(detail: &'static str) -> Self {
        Self::new(KeyErrorKind::Malformed, detail)
    }

    /// The broken rule.
    ///
    /// ```
    /// use tollgate::config::KeyErrorKind;
    /// use tollgate::Key;
    ///
    /// assert_eq!(Key::from_jwk("[]").unwrap_err().kind(), KeyErrorKind::Malformed);
    /// ```
    pub const fn kind(&self) -> KeyErrorKind {
        self.kind
    }
}

impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyError")
            .field("kind", &self.kind)
            .field("member", &self.member)
            .field("detail", &self.detail)
            .finish()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind.as_str())?;
        if let Some(member) = self.member {
            write!(f, "`{member}`: ")?;
        }
        f.write_str(self.detail)
    }
}

impl std::error::Error for KeyError {}

/// The rule that a refused key breaks: see [`KeyError::kind`].
///
/// ```
/// use tollgate::config::KeyErrorKind;
/// use tollgate::Key;
///
/// let jwk = r#"{"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}"#;
/// assert_eq!(Key::from_jwk(jwk).unwrap_err().kind(), KeyErrorKind::UnsupportedCurve);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// The JSON, base64, PEM or DER of the key does not follow its grammar.
    Malformed,
    /// An object in a JWK, or a JWK Set itself, has a member twice (RFC 7517 section 4).
    DuplicateMember,
    /// A member that the key type requires is absent.
    MissingMember,
    /// More bytes, keys or members than the limit.
    TooLarge,
    /// A `kty`, or an algorithm identifier in DER, that is not RSA, EC, Ed25519 or a secret.
    UnsupportedKeyType,
    /// A curve other than P-256, P-384, P-521 and Ed25519.
    UnsupportedCurve,
    /// An `alg` that is not an [`Algorithm`](crate::Algorithm).
    UnsupportedAlgorithm,
    /// The algorithm does not fit the type or curve of the key.
    AlgorithmMismatch,
    /// `use` or `key_ops` does not allow the purpose (RFC 7517 sections 4.2 and 4.3).
    WrongUse,
    /// A private key where a public key is expected.
    PrivateKey,
    /// A public key or certificate where a secret or a private key is expected.
    PublicKey,
    /// The private key is encrypted with a password.
    Encrypted,
    /// An HMAC secret shorter than the output of its hash (RFC 7518 section 3.2).
    SecretTooShort,
    /// An RSA modulus outside of 2048 to 8192 bits, or an even one.
    RsaModulus,
    /// An RSA public exponent that is even, below 65537 or above 33 bits.
    RsaExponent,
    /// A public key that is not a usable point of its curve.
    InvalidPoint,
    /// Parts of the key contradict each other, for example the public and the private half.
    Inconsistent,
    /// A shared secret in a set that also has keys of other types.
    MixedSet,
    /// A shared secret in a published set: see
    /// [`KeySet::from_public_json`](crate::KeySet::from_public_json).
    PublishedSecret,
    /// The cryptographic library failed, for example to get randomness.
    Backend,
}

impl KeyErrorKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed key",
            Self::DuplicateMember => "duplicate member",
            Self::MissingMember => "missing member",
            Self::TooLarge => "too large",
            Self::UnsupportedKeyType => "unsupported key type",
            Self::UnsupportedCurve => "unsupported curve",
            Self::UnsupportedAlgorithm => "unsupported algorithm",
            Self::AlgorithmMismatch => "the key cannot serve the algorithm",
            Self::WrongUse => "the key is for another use",
            Self::PrivateKey => "private key where a public one belongs",
            Self::PublicKey => "public key where a secret or private one belongs",
            Self::Encrypted => "encrypted private key",
            Self::SecretTooShort => "secret too short",
            Self::RsaModulus => "unacceptable RSA modulus",
            Self::RsaExponent => "unacceptable RSA exponent",
            Self::InvalidPoint => "not a usable point of the curve",
            Self::Inconsistent => "parts of the key contradict each other",
            Self::MixedSet => "secret among keys of other types",
            Self::PublishedSecret => "secret that was published",
            Self::Backend => "the cryptographic library failed",
        }
    }
}

/// An error for a token that cannot be signed: see [`SigningKey::sign`](crate::SigningKey::sign)
/// and [`SigningKey::encode`](crate::SigningKey::encode).
///
/// ```
/// use tollgate::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::HS256)?;
/// let error = key.encode(&["not", "an", "object"]).unwrap_err();
/// assert_eq!(error.to_string(), "the claims are not a JSON object");
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Debug)]
pub struct SignError(SignProblem);

/// The failed part of a signature: see [`SignError::kind`].
///
/// ```
/// use tollgate::config::SignErrorKind;
/// use tollgate::{Algorithm, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::HS256)?;
/// let header = serde_json::json!({"alg": "none"});
/// let error = key.encode_header(&header, &serde_json::json!({})).unwrap_err();
/// assert_eq!(error.kind(), SignErrorKind::AlgorithmMismatch);
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignErrorKind {
    /// The header does not serialize to a JSON object with one `alg` (RFC 7515 section 4.1.1).
    Header,
    /// The `alg` of the header is not the algorithm of the key.
    AlgorithmMismatch,
    /// The claims do not serialize to a JSON object (RFC 7519 section 7.1).
    Claims,
    /// The cryptographic library failed, for example to get randomness.
    Backend,
}

impl SignError {
    /// The part that failed. The [source](std::error::Error::source) is the serializer's error, if
    /// there is one.
    ///
    /// ```
    /// # use tollgate::config::SignErrorKind;
    /// # use tollgate::{Algorithm, SigningKey};
    /// let error = SigningKey::generate(Algorithm::HS256)?.encode("no object").unwrap_err();
    /// assert_eq!(error.kind(), SignErrorKind::Claims);
    /// # Ok::<(), tollgate::KeyError>(())
    /// ```
    pub const fn kind(&self) -> SignErrorKind {
        match self.0 {
            SignProblem::Header(_) | SignProblem::HeaderShape => SignErrorKind::Header,
            SignProblem::HeaderAlgorithm => SignErrorKind::AlgorithmMismatch,
            SignProblem::Claims(_) | SignProblem::ClaimsShape => SignErrorKind::Claims,
            SignProblem::Backend => SignErrorKind::Backend,
        }
    }
}

#[derive(Debug)]
pub(super) enum SignProblem {
    Header(serde_json::Error),
    HeaderShape,
    HeaderAlgorithm,
    Claims(serde_json::Error),
    ClaimsShape,
    Backend,
}

impl From<SignProblem> for SignError {
    fn from(problem: SignProblem) -> Self {
        Self(problem)
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            SignProblem::Header(_) => "the header does not serialize to JSON",
            SignProblem::HeaderShape => "the header is not a JSON object with one `alg`",
            SignProblem::HeaderAlgorithm => "the header's `alg` is not the algorithm of the key",
            SignProblem::Claims(_) => "the claims do not serialize to JSON",
            SignProblem::ClaimsShape => "the claims are not a JSON object",
            SignProblem::Backend => "the cryptographic library failed to sign",
        })
    }
}

impl std::error::Error for SignError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            SignProblem::Header(error) | SignProblem::Claims(error) => Some(error),
            SignProblem::HeaderShape
            | SignProblem::HeaderAlgorithm
            | SignProblem::ClaimsShape
            | SignProblem::Backend => None,
        }
    }
}
