//! Configuration of a [`Verifier`], and what of it is refused.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::issuer_config::Draft;
use super::provider_rules::provider_rule_methods;
use super::trusted_issuer::{TrustedIssuer, rule_methods};
use super::{ConfigError, ConfigErrorKind, Inner, IssuerSource, Verifier};
use crate::algorithm::Algorithm;
use crate::clock::{Clock, SystemClock};
use crate::key::source::KeySource;
use crate::key::{Key, KeySet};
use crate::limits::Limits;
use crate::verifier::cache::{TokenCache, VerifiedTokens};

/// The deepest JSON that may be allowed: the depth at which `serde_json` stops, too.
const MOST_JSON_DEPTH: usize = 128;

/// The most members that the names of one object can be compared for, each with each, before a signature is known.
const MOST_MEMBERS: usize = 4096;

/// Configuration of a [`Verifier`].
///
/// Issuer and audience must be named, or waived aloud. The rule methods speak of the one issuer named by
/// [`issuer`](Self::issuer); further issuers are added, each with rules of its own, by [`trust`](Self::trust).
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::{Algorithm, Key, Verifier};
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
pub struct VerifierBuilder {
    own: Draft,
    /// Whether anything was said of the builder's own issuer.
    own_used: bool,
    trusted: Vec<TrustedIssuer>,
    issuer_sources: Vec<Box<dyn IssuerSource>>,
    limits: Limits,
    clock: Box<dyn Clock>,
    cache: Option<TokenCache>,
    without_cache: bool,
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            own: Draft::default(),
            own_used: false,
            trusted: Vec::new(),
            issuer_sources: Vec::new(),
            limits: Limits::default(),
            clock: Box::new(SystemClock),
            cache: None,
            without_cache: false,
        }
    }

    const fn own(&mut self) -> &mut Draft {
        self.own_used = true;
        &mut self.own
    }

    /// Names the issuer by the exact value of its `iss` (RFC 7519 section 4.1.1, RFC 8725 section 3.8). It can be said
    /// once: more than one issuer is for [`trust`](Self::trust), and a second name is refused at
    /// [`build`](Self::build).
    ///
    /// ```
    /// # use tollgate_core::{ConfigErrorKind, RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().issuer("https://a.example").dangerous_any_audience().key(key.verifying_key());
    /// let token = key.encode(&serde_json::json!({"iss": "https://b.example", "exp": 4_000_000_000_u64}))?;
    /// let rejection = builder().build()?.verify(token).unwrap_err();
    /// assert_eq!(rejection.kind(), RejectionKind::UntrustedIssuer);
    ///
    /// let error = builder().issuer("https://b.example").build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        let own = self.own();
        let earlier = own.rules.issuer.replace(issuer.into());
        if earlier.is_some() {
            own.said_twice = Some("`issuer` is said twice: further issuers are for `trust`");
        }
        self
    }

    /// Accepts a token whatever its `iss` is, or without one: whoever holds one of the keys is believed. Beside a named
    /// issuer it is refused at [`build`](Self::build).
    ///
    /// ```
    /// # use tollgate_core::{SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key()).build()?;
    /// let token = key.encode(&serde_json::json!({"iss": "anyone", "exp": 4_000_000_000_u64}))?;
    /// assert_eq!(verifier.verify(token)?.issuer(), Some("anyone"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn dangerous_any_issuer(mut self) -> Self {
        self.own().dangerous_any_issuer = true;
        self
    }

    rule_methods!(own);
    provider_rule_methods!(own);

    /// Trusts a further issuer, which has keys and rules of its own. The token's `iss` chooses among them, and the
    /// chosen one's keys must have signed it (RFC 8725 section 3.8). An issuer named twice is refused at
    /// [`build`](Self::build).
    ///
    /// ```
    /// # use tollgate_core::{SigningKey, TrustedIssuer, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (a, b) = (SigningKey::hs256([1; 32])?, SigningKey::hs256([2; 32])?);
    /// let verifier = Verifier::builder()
    ///     .trust(TrustedIssuer::new("https://a.example").dangerous_any_audience().key(a.verifying_key()))
    ///     .trust(TrustedIssuer::new("https://b.example").dangerous_any_audience().key(b.verifying_key()))
    ///     .build()?;
    /// let claims = serde_json::json!({"iss": "https://a.example", "exp": 4_000_000_000_u64});
    /// assert!(verifier.verify(a.encode(&claims)?).is_ok());
    /// assert!(verifier.verify(b.encode(&claims)?).is_err());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.trusted.push(issuer);
        self
    }

    /// Trusts the issuers that `source` knows, besides those that are named: for services whose tenants bring issuers of
    /// their own. Beside [`dangerous_any_issuer`](Self::dangerous_any_issuer) it is refused at [`build`](Self::build).
    ///
    /// ```
    /// # use tollgate_core::{IssuerSource, PreparedIssuer, RejectionKind, SigningKey, Unavailable, Verifier};
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
    /// # let token = key.encode(&serde_json::json!({"iss": "https://a.example", "exp": 4_000_000_000_u64}))?;
    /// assert_eq!(verifier.verify(token).unwrap_err().kind(), RejectionKind::UntrustedIssuer);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn issuer_source(mut self, source: impl IssuerSource + 'static) -> Self {
        self.issuer_sources.push(Box::new(source));
        self
    }

    /// Takes the time from `clock`, in seconds since the epoch, instead of the operating system.
    ///
    /// ```
    /// # use tollgate_core::{RejectionKind, SigningKey, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = SigningKey::hs256([7; 32])?;
    /// let builder = || Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(key.verifying_key());
    /// let at = |now| builder().clock(move || now).build();
    /// let token = key.encode(&serde_json::json!({"exp": 2_000}))?;
    /// assert!(at(1_999)?.verify(&token).is_ok());
    /// assert_eq!(at(9_999)?.verify(&token).unwrap_err().kind(), RejectionKind::Expired);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Replaces the settings of the cache of verified tokens, which is there unless
    /// [`without_token_cache`](Self::without_token_cache) is said: see [`TokenCache`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate_core::{Key, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?);
    /// let verifier = builder.token_cache(TokenCache::default().lifetime(Duration::from_secs(30))).build()?;
    /// assert!(verifier.token_cache_status().is_some());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn token_cache(mut self, settings: TokenCache) -> Self {
        self.cache = Some(settings);
        self
    }

    /// Verifies each token from the start, however often it comes: for a service where none comes twice.
    ///
    /// ```
    /// # use tollgate_core::{ConfigErrorKind, Key, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = || -> Result<_, Box<dyn std::error::Error>> {
    ///     Ok(Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?).without_token_cache())
    /// };
    /// assert!(builder()?.build()?.token_cache_status().is_none());
    ///
    /// let error = builder()?.token_cache(TokenCache::default()).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::Contradiction);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn without_token_cache(mut self) -> Self {
        self.without_cache = true;
        self
    }

    /// Replaces the bounds on tokens. A bound of zero that no token could meet, a depth of JSON above 128 and more than
    /// 4096 members are refused at [`build`](Self::build).
    ///
    /// ```
    /// # use tollgate_core::{ConfigErrorKind, Key, Limits, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience().key(Key::hs256([7; 32])?);
    /// let error = builder.limits(Limits::default().with_token_bytes(0)).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Checks the configuration and makes the verifier.
    ///
    /// # Errors
    /// A [`ConfigError`] for the first contradiction or omission; [`ConfigErrorKind`] lists them.
    ///
    /// ```
    /// # use tollgate_core::{ConfigErrorKind, Key, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = || Verifier::builder().dangerous_any_issuer().key(Key::hs256([7; 32]).expect("long enough"));
    /// assert!(builder().dangerous_any_audience().build().is_ok());
    /// assert_eq!(builder().build().unwrap_err().kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn build(self) -> Result<Verifier, ConfigError> {
        let mut drafts: Vec<Draft> = self.trusted.into_iter().map(|issuer| issuer.0).collect();
        if self.own_used || (drafts.is_empty() && self.issuer_sources.is_empty()) {
            drafts.insert(0, self.own);
        }
        let several = drafts.len() > 1 || !self.issuer_sources.is_empty();
        let mut names = HashSet::new();
        for draft in &drafts {
            draft.check()?;
            if several && draft.dangerous_any_issuer {
                return Err(ConfigError::new(
                    ConfigErrorKind::Contradiction,
                    "`dangerous_any_issuer` stands beside other trusted issuers",
                ));
            }
            for issuer in draft.rules.spellings() {
                let tenant = |other: &Draft| other.rules.tenants.is_some() && other.rules.names(issuer);
                if !names.insert(issuer) || drafts.iter().any(tenant) {
                    return Err(ConfigError::new(
                        ConfigErrorKind::Duplicate,
                        format!("issuer {issuer:?} is trusted twice"),
                    ));
                }
            }
        }
        check_limits(&self.limits)?;
        let cache = self.cache.unwrap_or_default();
        cache.check()?;
        if self.without_cache && self.cache.is_some() {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "`without_token_cache` stands beside the settings of a token cache",
            ));
        }
        Ok(Verifier(Arc::new(Inner {
            issuers: drafts.into_iter().map(Draft::into_listed_issuer).collect(),
            issuer_sources: self.issuer_sources,
            limits: self.limits,
            clock: self.clock,
            cache: (!self.without_cache).then(|| VerifiedTokens::new(cache)),
        })))
    }
}

/// Bounds that no token could meet, and one that the reader's stack could not.
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
        return out_of_range("a limit is zero: no token could pass");
    }
    if limits.json_depth() > MOST_JSON_DEPTH {
        return out_of_range("the limit on JSON depth is above 128");
    }
    if limits.members() > MOST_MEMBERS {
        return out_of_range("the limit on members is above 4096");
    }
    Ok(())
}

impl fmt::Debug for VerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierBuilder")
            .field("rules", &self.own.rules)
            .finish_non_exhaustive()
    }
}
