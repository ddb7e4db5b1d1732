//! Issuers that are not known when the service starts.

use std::fmt;
use std::sync::Arc;

use super::TrustedIssuer;
use super::issuer::Issuer;
use super::issuer_config::IssuerConfig;
use crate::config::{ConfigError, ConfigErrorKind};
use crate::key::source::Unavailable;

/// A source of trusted issuers, for services whose tenants have their own issuers.
///
/// The verifier queries it for each token whose issuer is not listed, before any part of the token
/// is verified. It runs on the request path and must not block. An attacker chooses the name, so
/// any state for it must be bounded.
///
/// ```
/// use std::collections::HashMap;
/// use tollgate::extend::{IssuerSource, PreparedIssuer, Unavailable};
/// use tollgate::{RejectionKind, SigningKey, TrustedIssuer, Verifier};
///
/// struct Tenants(HashMap<String, PreparedIssuer>);
///
/// impl IssuerSource for Tenants {
///     fn issuer(&self, issuer: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
///         Ok(self.0.get(issuer).cloned())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let key = SigningKey::hs256([7; 32])?;
/// let name = "https://acme.id.example.com";
/// let acme = TrustedIssuer::new(name).audience("orders").key(key.verifying_key()).prepare()?;
/// let verifier = Verifier::builder()
///     .issuer_source(Tenants(HashMap::from([(name.to_owned(), acme)])))
///     .build()?;
/// let token =
///     |iss| key.encode(&serde_json::json!({"iss": iss, "aud": "orders",
///     "exp": 4_000_000_000_u64}));
/// assert!(verifier.verify(token(name)?).is_ok());
/// let rejection = verifier.verify(token("https://evil.example")?).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
/// # Ok(()) }
/// ```
pub trait IssuerSource: Send + Sync {
    /// Returns the issuer of this name, or `None` if it is not trusted. An issuer with a different
    /// name is not used.
    ///
    /// # Errors
    /// [`Unavailable`] if the source cannot decide now. The client then gets a 503, never a 401.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::extend::{IssuerSource, PreparedIssuer, Unavailable};
    /// # use tollgate::{SigningKey, Verifier};
    /// struct Restarting;
    ///
    /// impl IssuerSource for Restarting {
    ///     fn issuer(&self, _: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
    ///         Err(Unavailable::new(Duration::from_secs(5)))
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder().issuer_source(Restarting).build()?;
    /// let token =
    ///     key.encode(&serde_json::json!({"iss": "https://acme.example",
    ///     "exp": 4_000_000_000_u64}))?;
    /// assert_eq!(verifier.verify(token).unwrap_err().status(), 503);
    /// # Ok(()) }
    /// ```
    fn issuer(&self, issuer: &str) -> Result<Option<PreparedIssuer>, Unavailable>;
}

impl<S: IssuerSource + ?Sized> IssuerSource for Arc<S> {
    fn issuer(&self, issuer: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
        (**self).issuer(issuer)
    }
}

/// A [`TrustedIssuer`] with checked rules, created by [`TrustedIssuer::prepare`]. Cloning is cheap.
///
/// ```
/// use tollgate::extend::PreparedIssuer;
/// use tollgate::{Key, TrustedIssuer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = TrustedIssuer::new("https://acme.example").audience("orders")
///     .key(Key::hs256([7; 32])?);
/// let prepared: PreparedIssuer = issuer.prepare()?;
/// assert!(format!("{prepared:?}").contains("https://acme.example"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PreparedIssuer(pub(super) Arc<Issuer>);

impl TrustedIssuer {
    /// Checks the rules as [`build`](crate::VerifierBuilder::build) does, for an [`IssuerSource`].
    ///
    /// # Errors
    /// A [`ConfigError`] for the first contradiction or omission.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::{Key, TrustedIssuer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = || TrustedIssuer::new("https://a.example")
    ///     .key(Key::hs256([1; 32]).expect("long enough"));
    /// assert!(issuer().audience("orders").prepare().is_ok());
    /// assert_eq!(issuer().prepare().unwrap_err().kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn prepare(self) -> Result<PreparedIssuer, ConfigError> {
        self.config.check()?;
        if self.config.dangerous_any_issuer {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "an issuer source requires a named issuer: remove `dangerous_any_issuer`",
            ));
        }
        if self.config.rules.padded_segments {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "the issuers of an issuer source cannot have `dangerous_padded_segments`: use \
                 `trust`",
            ));
        }
        Ok(PreparedIssuer(Arc::new(self.config.into_found_issuer())))
    }
}

impl PreparedIssuer {
    /// Returns `true` if this issuer was prepared from exactly these rules and one key source.
    ///
    /// An [`IssuerSource`] that reads the rules on each call, and adds the key source itself, uses
    /// this to return an issuer that it prepared earlier. A new prepared issuer would invalidate
    /// the cached tokens of the old one.
    ///
    /// The identity of the key source is not compared. The result is `false` if `rules` has keys or
    /// a key source, or if the prepared issuer has more than one key source. Different keys
    /// therefore never count as equal. A [shared secret](TrustedIssuer::shared_secret) is equal to
    /// its clones only: create it once, not on each call.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use tollgate::extend::{KeySource, Unavailable};
    /// use tollgate::{Key, KeySet, TrustedIssuer};
    ///
    /// # #[derive(Clone)]
    /// struct Fetched(Arc<KeySet>);
    /// # impl KeySource for Fetched {
    /// #   fn keys(&self) -> Result<Arc<KeySet>, Unavailable> { Ok(Arc::clone(&self.0)) }
    /// # }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let fetched = Fetched(Arc::default());
    /// let rules = |audience: &str| TrustedIssuer::new("https://acme.example").audience(audience);
    /// let prepared = rules("orders").key_source(fetched.clone()).prepare()?;
    /// assert!(prepared.is_of(&rules("orders")));
    /// assert!(!prepared.is_of(&rules("billing")));
    /// assert!(!prepared.is_of(&rules("orders").key_source(fetched)));
    /// assert!(!rules("orders").key(Key::hs256([7; 32])?).prepare()?.is_of(&rules("orders")));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn is_of(&self, rules: &TrustedIssuer) -> bool {
        let IssuerConfig {
            rules,
            dangerous_any_issuer,
            dangerous_any_audience,
            keyring,
            set_twice,
            ..
        } = &rules.config;
        let Issuer {
            entry,
            keyring: own,
        } = &*self.0;
        let checked = &entry.rules;
        // `prepare` refuses these, so no prepared issuer has them.
        let passes = !dangerous_any_issuer
            && set_twice.is_none()
            && *dangerous_any_audience == checked.audiences.is_empty();
        let added = keyring.keys.is_empty() && keyring.sources.is_empty();
        let alone = own.keys.is_empty() && own.sources.len() == 1;
        let secrets = own.secrets.len() == keyring.secrets.len()
            && own
                .secrets
                .iter()
                .zip(&keyring.secrets)
                .all(|(own, other)| own.is(other));
        passes && added && alone && secrets && rules == checked
    }
}

impl fmt::Debug for PreparedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedIssuer")
            .field(&self.0.entry.rules)
            .finish()
    }
}
