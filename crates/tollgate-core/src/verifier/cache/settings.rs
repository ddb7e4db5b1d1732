//! The settings and the status of the cache.

use std::time::Duration;

use crate::config::{ConfigError, ConfigErrorKind};

const LEAST_BYTES: usize = 64 * 1024;
const MOST_BYTES: usize = 1 << 36;
const MOST_LIFETIME: Duration = Duration::from_secs(86_400);

/// Settings of the cache of verified tokens: a token that was verified a moment ago is recognised
/// and not verified again.
///
/// Every [`Verifier`](crate::Verifier) has a cache of its own, unless
/// [`without_token_cache`](crate::VerifierBuilder::without_token_cache) switches it off. The cache
/// saves work whose outcome cannot change: the signature, and reading header and claims. Everything
/// that can change is checked for each request:
///
/// - the keys: a token is verified again as soon as the [epoch](crate::KeySource::epoch) of its
///   issuer's keys is another, or an [issuer source](crate::IssuerSource) answers anew;
/// - the time: `exp`, `nbf`, `iat` and the rules about age;
/// - revocation, proof of origin, policy, renewal: those come after the verifier, and never see a
///   cache.
///
/// A token is found by all of its bytes: a keyed hash leads to the place, and the comparison of the
/// whole decides. Refusals are never kept. A flood of tokens that come once does not push out those
/// that come again. A token with an HMAC, which is verified in hardly more time than it takes to
/// keep it, is kept when it has come twice; one with a signature, at once.
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

/// 16 MiB, tokens of up to 4096 bytes, five minutes.
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
    /// How many bytes the tokens may take that all threads share, with what is kept of each; 16 MiB
    /// unless set, which is about 6000 tokens of the usual size. Each of up to 64 threads that
    /// verify may keep another eighth of it, plus the memory of
    /// [shared claims](crate::Principal::shared_claims) beyond twice their text. A token that is no
    /// longer valid is dropped when room is needed. [`build`](crate::VerifierBuilder::build)
    /// refuses less than 64 KiB and more than 64 GiB.
    ///
    /// ```
    /// # use tollgate::{ConfigErrorKind, Key, TokenCache, Verifier};
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

    /// The longest token that is kept, in bytes of its compact form; 4096 unless set. A longer one
    /// is verified each time.
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

    /// How long a token may be recognised before it is verified again, in whole seconds; 300 unless
    /// set. It never outlives its `exp`. Less than a second and more than a day are refused at
    /// [`build`](crate::VerifierBuilder::build).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tollgate::{ConfigErrorKind, Key, TokenCache, Verifier};
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

/// How the cache of a verifier stands: see
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
    /// How many tokens are kept for all threads, those included whose time is over and which nobody
    /// has asked for since.
    pub tokens: usize,
    /// What those take, in bytes.
    pub bytes: u64,
    /// How many verifications the cache has answered.
    pub hits: u64,
    /// How many tokens were verified because they were not in the cache, or could not be answered
    /// from it.
    pub misses: u64,
}
