//! The supported signature algorithms of RFC 7518 section 3.1, RFC 8037 and RFC 9864.

use std::fmt;
use std::str::FromStr;

/// A JWS signature algorithm: the value of the `alg` header member (RFC 7515 section 4.1.1).
///
/// `none` is not a variant.
///
/// ```
/// use tollgate::extend::Family;
/// use tollgate::Algorithm;
///
/// assert_eq!("ES256".parse(), Ok(Algorithm::ES256));
/// assert_eq!(Algorithm::ES256.family(), Family::Ec);
/// assert!("es256".parse::<Algorithm>().is_err()); // names are case-sensitive
/// assert!("none".parse::<Algorithm>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256 and MGF1 with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384 and MGF1 with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512 and MGF1 with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519 under its first, polymorphic name (RFC 8037 section 3.1).
    EdDSA,
    /// Ed25519 under its fully specified name (RFC 9864 section 2.2).
    Ed25519,
}

impl Algorithm {
    /// Every algorithm, in the order of their declaration.
    ///
    /// ```
    /// use tollgate::Algorithm;
    ///
    /// assert!(Algorithm::ALL.iter().all(|alg| Algorithm::from_name(alg.as_str()) == Some(*alg)));
    /// ```
    pub const ALL: &'static [Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
    ];

    /// The registered name, as in `alg`.
    ///
    /// ```
    /// assert_eq!(tollgate::Algorithm::EdDSA.as_str(), "EdDSA");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Returns the algorithm of exactly this name; `None` for any other text, including another
    /// case.
    ///
    /// ```
    /// use tollgate::Algorithm;
    ///
    /// assert_eq!(Algorithm::from_name("PS384"), Some(Algorithm::PS384));
    /// assert_eq!(Algorithm::from_name("nOnE"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::HS256,
            "HS384" => Self::HS384,
            "HS512" => Self::HS512,
            "RS256" => Self::RS256,
            "RS384" => Self::RS384,
            "RS512" => Self::RS512,
            "PS256" => Self::PS256,
            "PS384" => Self::PS384,
            "PS512" => Self::PS512,
            "ES256" => Self::ES256,
            "ES384" => Self::ES384,
            "ES512" => Self::ES512,
            "EdDSA" => Self::EdDSA,
            "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    /// The kind of key that the algorithm needs.
    ///
    /// ```
    /// use tollgate::extend::Family;
    /// use tollgate::Algorithm;
    ///
    /// assert_eq!(Algorithm::PS256.family(), Family::Rsa);
    /// ```
    pub const fn family(self) -> Family {
        match self {
            Self::HS256 | Self::HS384 | Self::HS512 => Family::Hmac,
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => {
                Family::Rsa
            }
            Self::ES256 | Self::ES384 | Self::ES512 => Family::Ec,
            Self::EdDSA | Self::Ed25519 => Family::Ed,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_name(name).ok_or(UnknownAlgorithm(()))
    }
}

/// The kind of key that an [`Algorithm`] needs.
///
/// ```
/// use tollgate::extend::Family;
///
/// assert!(Family::Hmac.is_symmetric());
/// assert!(!Family::Ec.is_symmetric());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// A shared secret.
    Hmac,
    /// An RSA key.
    Rsa,
    /// A key on one of the NIST curves P-256, P-384, P-521.
    Ec,
    /// An Ed25519 key.
    Ed,
}

impl Family {
    /// Returns `true` if the verification key can also sign.
    ///
    /// ```
    /// assert!(!tollgate::extend::Family::Rsa.is_symmetric());
    /// ```
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hmac)
    }
}

/// An error for a text that is not the name of an [`Algorithm`].
///
/// ```
/// use tollgate::Algorithm;
///
/// let unknown = "RS1".parse::<Algorithm>().unwrap_err();
/// assert_eq!(unknown.to_string(), "not a signature algorithm that tollgate knows");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm(());

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a signature algorithm that tollgate knows")
    }
}

impl std::error::Error for UnknownAlgorithm {}
