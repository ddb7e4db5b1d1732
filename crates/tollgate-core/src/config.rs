//! Configuration errors.

use std::fmt;

/// The kind of a [`ConfigError`].
///
/// ```
/// use tollgate::config::ConfigErrorKind;
/// use tollgate::Verifier;
///
/// let error = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().build()
///     .unwrap_err();
/// assert_eq!(error.kind(), ConfigErrorKind::MissingKey);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// Neither an issuer nor `dangerous_any_issuer` is set.
    MissingIssuer,
    /// Neither an audience nor `dangerous_any_audience` is set.
    MissingAudience,
    /// No [`constraint`](crate::VerifierBuilder::require_constraint) is set, although one is
    /// required.
    MissingConstraint,
    /// There is neither a key nor a key source.
    MissingKey,
    /// Two options exclude each other.
    Contradiction,
    /// A text is empty or contains a character that is not allowed there.
    InvalidText,
    /// A secret and a public key are in one list.
    MixedKeys,
    /// No key serves any of the allowed algorithms.
    NoUsableKey,
    /// A duration or a bound is outside of its documented range.
    OutOfRange,
    /// A name occurs twice.
    Duplicate,
}

/// An error for a refused configuration.
///
/// ```
/// use tollgate::Verifier;
///
/// let error = Verifier::builder().dangerous_any_audience().build().unwrap_err();
/// assert_eq!(error.to_string(),
///     "no issuer: set `issuer`, or waive the check by `dangerous_any_issuer`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    message: String,
}

impl ConfigError {
    /// Creates an error, for crates that check their own configuration. The message describes the
    /// error and its correction. It must not contain a secret.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::ConfigError;
    ///
    /// let error =
    ///     ConfigError::new(ConfigErrorKind::OutOfRange,
    ///     "the grace is longer than the idle timeout");
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// ```
    pub fn new(kind: ConfigErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// The kind of the mistake.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::Verifier;
    /// assert_eq!(Verifier::builder().build().unwrap_err().kind(), ConfigErrorKind::MissingIssuer);
    /// ```
    pub const fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}
