//! The settings and the status of the cache.

use std::time::Duration;

use crate::config::{ConfigError, ConfigErrorKind};

const LEAST_BYTES: usize = 64 * 1024;
const MOST_BYTES: usize = 1 << 36;
const MOST_LIFETIME: Duration = Duration::from_secs(86_400);

/// Settings of the cache of verified tokens. A cache hit replaces the verification of a token that
/// was verified shortly before.
///
/// Every [`Verifier`](crate::Verifier) has its own cache, unless
/// [`without_token_cache`](crate::VerifierBuilder::without_token_cache) turns it off. The cache
/// saves work whose outcome cannot change: the signature, and parsing header and claims. Everything
/// that can change is checked for each request:
///
/// - the keys: a token is verified again as soon as the [epoch](crate::KeySource::epoch) of its
///   issuer's keys changes, or an [issuer source](crate::IssuerSource) returns another issuer;
/// - the time: `exp`, `nbf`, `iat` and the rules about age;
/// - revocation, proof of origin, policy and renewal, which come after the verifier and are never
///   cached.
///
/// The whole token is the key: a keyed hash selects the entry, and all bytes are compared. Refusals
/// are never kept. A flood of tokens that come once does not evict tokens that are used repeatedly.
/// A token with an HMAC is kept on its second use, because verifying it costs hardly more than
/// keeping it. A token with a signature is kept on its first use.
///
/// ```
/// use std::time::Duration;
/// use tollgate::{Key, SigningKey, TokenCache, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .token_cache(TokenCache::default().max_bytes(64 << 20).lifetime(Duration::from_secs(60)))
///     .build()?;
///
/// let token = SigningKey::hs256([7; 32])?.encode(&serde_json::json!({
///     "iss": "https://id.example.com", "aud": "orders-api", "exp": 4_000_000_000_u64,
/// }))?;
/// for _ in 0..3 {
///     assert!(verifier.verify(&token).is_ok());
/// }
/// let status = verifier.token_cache_status().expect("there is a cache");
/// assert_eq!((status.misses, status.hits), (2, 1));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenCache {
    pub(super) max_bytes: usize,
    pub(super) max_token_bytes: usize,
    pub(super) lifetime: Duration,
}

/// 16 MiB, tokens of up to 4096 bytes, a lifetime of five minutes.
impl Default for TokenCache {
    fn default() -> Self {
        Self {
            max_bytes: 16 << 20,
            max_token_bytes: 4096,
            lifetime: Duration::from_secs(300),
        }
    }
}

impl TokenCache {
    /// Sets the bound for the tokens that all threads share, in bytes, including the data kept for
    /// each. The default is 16 MiB, about 6000 tokens of the usual size.
    /// [`build`](crate::VerifierBuilder::build) refuses less than 64 KiB and more than 64 GiB.
    ///
    /// Each of up to 64 verifying threads may keep another eighth of it, plus the memory of [shared
    /// claims](crate::Principal::shared_claims) beyond twice their text. An expired token is
    /// dropped when room is needed.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Key, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?);
    /// let error = builder.token_cache(TokenCache::default().max_bytes(1000)).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the longest token that is kept, in bytes of its compact form. The default is 4096. A
    /// longer token is verified on each use.
    ///
    /// ```
    /// # use tollgate::{Key, SigningKey, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    /// #     .key(Key::hs256([7; 32])?);
    /// let verifier = builder.token_cache(TokenCache::default().max_token_bytes(100)).build()?;
    /// # let token = SigningKey::hs256([7; 32])?
    /// #     .encode(&serde_json::json!({"exp": 4_000_000_000_u64, "sub": "u-7"}))?;
    /// assert!(token.len() > 100);
    /// assert!(verifier.verify(&token).is_ok());
    /// assert_eq!(verifier.token_cache_status().map(|cache| cache.tokens), Some(0));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// Sets the time after which a cached token is verified again, in whole seconds. The default is
    /// 300. A token never outlives its `exp`. [`build`](crate::VerifierBuilder::build) refuses less
    /// than a second and more than a day.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::{Key, TokenCache, Verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .key(Key::hs256([7; 32])?);
    /// let error = builder.token_cache(TokenCache::default().lifetime(Duration::ZERO)).build()
    ///     .unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |message| Err(ConfigError::new(ConfigErrorKind::OutOfRange, message));
        if !(LEAST_BYTES..=MOST_BYTES).contains(&self.max_bytes) {
            return refuse("the token cache has less than 64 KiB or more than 64 GiB");
        }
        if self.max_token_bytes == 0 || self.max_token_bytes > self.max_bytes / 8 {
            return refuse(
                "the longest token of the cache is empty, or takes more than an eighth of it",
            );
        }
        if self.lifetime < Duration::from_secs(1) || self.lifetime > MOST_LIFETIME {
            return refuse("the lifetime in the token cache is not between a second and a day");
        }
        Ok(())
    }
}

/// The status of the cache of a verifier: see
/// [`Verifier::token_cache_status`](crate::Verifier::token_cache_status).
///
/// ```
/// # use tollgate::{Key, Verifier};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
///     .key(Key::hs256([7; 32])?).build()?;
/// let status = verifier.token_cache_status().expect("it is on unless switched off");
/// assert_eq!((status.tokens, status.bytes), (0, 0));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenCacheStatus {
    /// The number of tokens that are kept for all threads, including expired ones that are not
    /// dropped yet.
    pub tokens: usize,
    /// The memory of these tokens, in bytes.
    pub bytes: u64,
    /// The number of cache hits.
    pub hits: u64,
    /// The number of cache misses: verifications of tokens without a valid entry.
    pub misses: u64,
}
