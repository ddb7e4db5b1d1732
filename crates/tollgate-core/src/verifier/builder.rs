//! The builder of a [`Verifier`] and the checks at `build`.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::issuer_config::IssuerConfig;
use super::issuer_rules::{IssuerRules, TrustedIssuer};
use super::{Inner, IssuerSource, Verifier};
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, ConfigErrorKind};
use crate::limits::Limits;
use crate::verifier::cache::{TokenCache, VerifiedTokens};
use crate::verifier::issuers::Issuers;

/// The upper bound of the JSON depth, at which `serde_json` stops too.
const MOST_JSON_DEPTH: usize = 128;

/// The upper bound of members in one object. Before a signature is verified, each name is compared
/// with each.
const MOST_MEMBERS: usize = 4096;

/// Configuration of a [`Verifier`].
///
/// Issuer and audience are required, or waived by a `dangerous_` option. The rules apply to the one
/// issuer that [`issuer`](IssuerRules::issuer) names. [`trust`](IssuerRules::trust) adds further
/// issuers, each with its own rules.
///
/// ```
/// use std::time::Duration;
/// use tollgate::{Algorithm, Key, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .algorithms([Algorithm::HS256])
///     .leeway(Duration::from_secs(2))
///     .max_lifetime(Duration::from_secs(3600))
///     .require_subject()
///     .build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
pub type VerifierBuilder = IssuerRules<VerifierSettings>;

/// The settings of a [`Verifier`] beside the rules of its own issuer.
pub struct VerifierSettings {
    trusted: Vec<TrustedIssuer>,
    issuer_sources: Vec<Box<dyn IssuerSource>>,
    limits: Limits,
    clock: Box<dyn Clock>,
    cache: Option<TokenCache>,
    without_cache: bool,
}

impl VerifierBuilder {
    pub(super) fn builder() -> Self {
        Self {
            config: IssuerConfig::default(),
            of: VerifierSettings {
                trusted: Vec::new(),
                issuer_sources: Vec::new(),
                limits: Limits::default(),
                clock: Box::new(SystemClock),
                cache: None,
                without_cache: false,
            },
        }
    }

    /// Names the issuer by the exact value of its `iss` (RFC 7519 section 4.1.1, RFC 8725 section
    /// 3.8). It can be set once: add further issuers by [`trust`](Self::trust).
    /// [`build`](Self::build) refuses a second name.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().issuer("https://a.example").dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let token =
    ///     key.encode(&serde_json::json!({"iss": "https://b.example", "exp": 4_000_000_000_u64}))?;
    /// let rejection = builder().build()?.verify(token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    ///
    /// let error = builder().issuer("https://b.example").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        let config = self.config();
        let earlier = config.rules.issuer.replace(issuer.into());
        if earlier.is_some() {
            config.set_twice = Some("`issuer` (add further issuers by `trust`) is");
        }
        self
    }

    /// Accepts any `iss`, or none: a token signed by one of the keys is enough.
    /// [`build`](Self::build) refuses it together with a named issuer.
    ///
    /// ```
    /// # use tollgate::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key()).build()?;
    /// let token = key.encode(&serde_json::json!({"iss": "anyone", "exp": 4_000_000_000_u64}))?;
    /// assert_eq!(verifier.verify(token)?.issuer(), Some("anyone"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_any_issuer(mut self) -> Self {
        self.config().dangerous_any_issuer = true;
        self
    }

    /// Trusts a further issuer with its own keys and rules. The token's `iss` selects the issuer,
    /// and a key of that issuer must verify the signature (RFC 8725 section 3.8).
    /// [`build`](Self::build) refuses an issuer that is named twice.
    ///
    /// ```
    /// # use tollgate::{SigningKey, TrustedIssuer, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (a, b) = (SigningKey::hs256([1; 32])?, SigningKey::hs256([2; 32])?);
    /// let verifier = Verifier::builder()
    ///     .trust(TrustedIssuer::new("https://a.example").dangerous_any_audience()
    ///         .key(a.verifying_key()))
    ///     .trust(TrustedIssuer::new("https://b.example").dangerous_any_audience()
    ///         .key(b.verifying_key()))
    ///     .build()?;
    /// let claims = serde_json::json!({"iss": "https://a.example", "exp": 4_000_000_000_u64});
    /// assert!(verifier.verify(a.encode(&claims)?).is_ok());
    /// assert!(verifier.verify(b.encode(&claims)?).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.of.trusted.push(issuer);
        self
    }

    /// Trusts the issuers that `source` returns, in addition to the named ones, for services whose
    /// tenants have their own issuers. [`build`](Self::build) refuses it together with
    /// [`dangerous_any_issuer`](Self::dangerous_any_issuer).
    ///
    /// ```
    /// # use tollgate::extend::{IssuerSource, PreparedIssuer, Unavailable};
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// struct Nobody;
    ///
    /// impl IssuerSource for Nobody {
    ///     fn issuer(&self, _: &str) -> Result<Option<PreparedIssuer>, Unavailable> {
    ///         Ok(None)
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let verifier = Verifier::builder().issuer_source(Nobody).build()?;
    /// # let key = SigningKey::hs256([7; 32])?;
    /// # let token =
    /// #     key.encode(&serde_json::json!({"iss": "https://a.example",
    /// #     "exp": 4_000_000_000_u64}))?;
    /// assert_eq!(verifier.verify(token).unwrap_err().kind(), RejectionKind::UntrustedIssuer);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn issuer_source(mut self, source: impl IssuerSource + 'static) -> Self {
        self.of.issuer_sources.push(Box::new(source));
        self
    }

    /// Takes the time from `clock`, in seconds since the epoch. The default is the system clock.
    ///
    /// ```
    /// # use tollgate::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(key.verifying_key());
    /// let at = |now| builder().clock(move || now).build();
    /// let token = key.encode(&serde_json::json!({"exp": 2_000}))?;
    /// assert!(at(1_999)?.verify(&token).is_ok());
    /// assert_eq!(at(9_999)?.verify(&token).unwrap_err().kind(), RejectionKind::Expired);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.of.clock = Box::new(clock);
        self
    }

    /// Replaces the settings of the cache of verified tokens. The cache is on by default;
    /// [`without_token_cache`](Self::without_token_cache) turns it off. See [`TokenCache`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::{Key, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?);
    /// let verifier = builder.token_cache(TokenCache::default().lifetime(Duration::from_secs(30)))
    ///     .build()?;
    /// assert!(verifier.token_cache_status().is_some());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn token_cache(mut self, settings: TokenCache) -> Self {
        self.of.cache = Some(settings);
        self
    }

    /// Turns the cache of verified tokens off, for a service that never gets a token twice.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Key, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = || -> Result<_, Box<dyn std::error::Error>> {
    ///     Ok(Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///         .key(Key::hs256([7; 32])?).without_token_cache())
    /// };
    /// assert!(builder()?.build()?.token_cache_status().is_none());
    ///
    /// let error = builder()?.token_cache(TokenCache::default()).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn without_token_cache(mut self) -> Self {
        self.of.without_cache = true;
        self
    }

    /// Replaces the limits on tokens. [`build`](Self::build) refuses a limit of zero, a JSON depth
    /// above 128 and more than 4096 members.
    ///
    /// ```
    /// # use tollgate::config::{ConfigErrorKind, Limits};
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?);
    /// let error = builder.limits(Limits::default().with_token_bytes(0)).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.of.limits = limits;
        self
    }

    /// Checks the configuration and creates the verifier.
    ///
    /// # Errors
    /// A [`ConfigError`] for the first contradiction or omission; [`ConfigErrorKind`] lists them.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = || Verifier::builder().dangerous_any_issuer()
    ///     .key(Key::hs256([7; 32]).expect("long enough"));
    /// assert!(builder().dangerous_any_audience().build().is_ok());
    /// assert_eq!(builder().build().unwrap_err().kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let Self { config, of } = self;
        let mut configs: Vec<IssuerConfig> =
            of.trusted.into_iter().map(|issuer| issuer.config).collect();
        if config.is_used || (configs.is_empty() && of.issuer_sources.is_empty()) {
            configs.insert(0, config);
        }
        let several = configs.len() > 1 || !of.issuer_sources.is_empty();
        let mut names = HashSet::new();
        for config in &configs {
            config.check()?;
            if several && config.dangerous_any_issuer {
                return Err(ConfigError::new(
                    ConfigErrorKind::Contradiction,
                    "`dangerous_any_issuer` contradicts `trust` and `issuer_source`: remove one",
                ));
            }
            for issuer in config.rules.spellings() {
                let tenant = |other: &IssuerConfig| {
                    other.rules.tenants.is_some() && other.rules.names(issuer)
                };
                if !names.insert(issuer) || configs.iter().any(tenant) {
                    return Err(ConfigError::new(
                        ConfigErrorKind::Duplicate,
                        format!("issuer {issuer:?} is trusted twice"),
                    ));
                }
            }
        }
        check_limits(&of.limits)?;
        let cache = of.cache.unwrap_or_default();
        cache.check()?;
        if of.without_cache && of.cache.is_some() {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "`without_token_cache` contradicts `token_cache`: remove one",
            ));
        }
        Ok(Verifier(Arc::new(Inner {
            padded: configs.iter().any(|config| config.rules.padded_segments),
            issuers: Issuers {
                listed: configs
                    .into_iter()
                    .map(IssuerConfig::into_listed_issuer)
                    .collect(),
                sources: of.issuer_sources,
            },
            limits: of.limits,
            clock: of.clock,
            cache: (!of.without_cache).then(|| VerifiedTokens::new(cache)),
        })))
    }
}

/// Refuses limits that no token could meet, and a depth that would overflow the reader's stack.
fn check_limits(limits: &Limits) -> Result<(), ConfigError> {
    let out_of_range = |message| Err(ConfigError::new(ConfigErrorKind::OutOfRange, message));
    let needed = [
        limits.token_bytes(),
        limits.header_bytes(),
        limits.json_depth(),
        limits.members(),
        limits.candidate_keys(),
    ];
    if needed.contains(&0) {
        return out_of_range("`limits` has a limit of zero: no token could pass");
    }
    if limits.json_depth() > MOST_JSON_DEPTH {
        return out_of_range("`limits` has a JSON depth above 128");
    }
    if limits.members() > MOST_MEMBERS {
        return out_of_range("`limits` has more than 4096 members");
    }
    Ok(())
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("rules", &self.config.rules)
            .finish_non_exhaustive()
    }
}
