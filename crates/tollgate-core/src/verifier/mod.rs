//! The verifier: from the text of a token to a [`Principal`].

mod attempt;
mod builder;
pub(crate) mod cache;
mod claimed_issuer;
pub(crate) mod confirmation;
mod evidence;
mod issuer;
mod issuer_config;
mod issuer_rules;
mod issuer_source;
mod issuers;
pub(crate) mod principal;
mod provider_rules;
mod role_paths;
pub(crate) mod rules;
mod unverified;
mod verified;

use std::fmt;
use std::sync::Arc;

pub use builder::{VerifierBuilder, VerifierSettings};
pub use issuer_rules::{IssuerRules, TrustedIssuer};
pub use issuer_source::{IssuerSource, PreparedIssuer};

use crate::clock::Clock;
use crate::config::ConfigError;
use crate::http::SourceKind;
use crate::limits::Limits;
use crate::rejection::Rejection;
use crate::step::Step;
use crate::verifier::cache::{TokenCacheStatus, VerifiedTokens};
use crate::verifier::confirmation::Unconfirmed;
use crate::verifier::issuers::Issuers;
use crate::verifier::principal::Principal;
use crate::verifier::verified::Verified;

/// A verifier of tokens of one or several issuers, each with its keys and rules.
///
/// Build a verifier once, clone it freely and share it between threads. A configuration error shows
/// at [`build`](VerifierBuilder::build).
///
/// ```
/// use tollgate::{Key, RejectionKind, SigningKey, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key(Key::hs256([7; 32])?)
///     .clock(|| 1_700_000_000)
///     .build()?;
///
/// let key = SigningKey::hs256([7; 32])?;
/// let mut claims = serde_json::json!({
///     "iss": "https://id.example.com", "aud": "orders-api", "sub": "u-7", "exp": 1_700_000_900,
/// });
/// assert_eq!(verifier.verify(&key.encode(&claims)?)?.subject(), Some("u-7"));
///
/// claims["aud"] = "billing-api".into();
/// let rejection = verifier.verify(&key.encode(&claims)?).unwrap_err();
/// assert_eq!(rejection.kind(), RejectionKind::WrongAudience);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    issuers: Issuers,
    limits: Limits,
    clock: Box<dyn Clock>,
    cache: Option<VerifiedTokens<Verified>>,
    /// `true` if tokens of an issuer in the list may have padded segments.
    padded: bool,
}

impl Verifier {
    /// Returns `true` if both are clones of one verifier.
    #[cfg(feature = "actix")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The time of the verifier's clock, in seconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.0.clock.now()
    }

    /// Starts a configuration.
    ///
    /// ```
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::{Key, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let forgotten = Verifier::builder().issuer("https://id.example.com")
    ///     .key(Key::hs256([7; 32])?).build();
    /// assert_eq!(forgotten.unwrap_err().kind(), ConfigErrorKind::MissingAudience);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::builder()
    }

    /// Creates a verifier that trusts one issuer, with the default limits, clock and token cache.
    ///
    /// # Errors
    /// A [`ConfigError`], see [`VerifierBuilder::build`].
    ///
    /// ```
    /// use tollgate::{Key, TrustedIssuer, Verifier};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = TrustedIssuer::new("https://id.example.com")
    ///     .audience("orders-api")
    ///     .key(Key::hs256([7; 32])?);
    /// let verifier = Verifier::new(issuer)?;
    /// assert!(verifier.verify("a.b.c").is_err());
    /// # Ok(()) }
    /// ```
    pub fn new(issuer: TrustedIssuer) -> Result<Self, ConfigError> {
        Self::builder().trust(issuer).build()
    }

    /// Verifies a token in compact form (RFC 7519 section 7.2) with every check of the
    /// configuration.
    ///
    /// # Errors
    /// A [`Rejection`] with the first check that failed.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # use tollgate::RejectionKind;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert_eq!(verifier().verify(token("orders:read"))?.subject(), Some("u-7"));
    /// assert_eq!(verifier().verify("a.b").unwrap_err().kind(), RejectionKind::MalformedToken);
    /// # Ok(()) }
    /// ```
    pub fn verify(&self, token: impl AsRef<[u8]>) -> Result<Principal, Rejection> {
        match self.attempt(token.as_ref(), None, None) {
            Ok(verified) => verified.without_proof(),
            Err(Step::Ready(outcome)) => outcome?.without_proof(),
            Err(Step::Pending(_)) => {
                let second = std::time::Duration::from_secs(1);
                let detail = "a key source is being asked for the token's key, and this call \
                              cannot wait for it";
                Err(Rejection::unavailable(second, detail))
            }
        }
    }

    /// Like [`verify`](Self::verify), but may return a future: if no key fits the token and a
    /// [`KeySource`](crate::KeySource) fetches a newer set.
    ///
    /// Dropping the future is cancel-safe. It owns a copy of the token, which is zeroized on drop.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # use tollgate::extend::Step;
    /// # fn main() {
    /// assert!(matches!(verifier().begin(token("orders:read")), Step::Ready(Ok(_))));
    /// assert!(matches!(verifier().begin("a.b"), Step::Ready(Err(_))));
    /// # }
    /// ```
    pub fn begin(&self, token: impl AsRef<[u8]>) -> Step<Result<Principal, Rejection>> {
        match self.attempt(token.as_ref(), None, None) {
            Ok(verified) => Step::Ready(verified.without_proof()),
            Err(Step::Ready(outcome)) => Step::Ready(outcome.and_then(Unconfirmed::without_proof)),
            Err(Step::Pending(outcome)) => {
                Step::pending(async move { outcome.await?.without_proof() })
            }
        }
    }

    /// Like [`begin`](Self::begin), for a credential of a request: a text that is not a `b64token`
    /// is a malformed credential, even if it has other errors. The caller checks the binding.
    #[inline]
    pub(crate) fn begin_credential(
        &self,
        token: &[u8],
        source: SourceKind,
    ) -> Step<Result<Unconfirmed, Rejection>> {
        match self.attempt(token, Some(source), None) {
            Ok(verified) => Step::Ready(Ok(verified)),
            Err(step) => step,
        }
    }

    /// Clears the cache of verified tokens of this verifier and its clones immediately.
    ///
    /// A change of keys or the revocation of a token does not require this call: both are checked
    /// for each request.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (verifier, token) = (verifier(), token("orders:read"));
    /// let hits = || verifier.token_cache_status().map(|cache| cache.hits);
    /// for _ in 0..3 {
    ///     verifier.verify(&token)?;
    /// }
    /// assert_eq!(hits(), Some(1));
    ///
    /// verifier.forget_verified_tokens();
    /// verifier.verify(&token)?;
    /// assert_eq!(hits(), Some(1));
    /// # Ok(()) }
    /// ```
    pub fn forget_verified_tokens(&self) {
        if let Some(cache) = &self.0.cache {
            cache.forget();
        }
    }

    /// The status of the cache of verified tokens; `None` without a cache. It reads the counters of
    /// all threads: use it for metrics, not on the request path.
    ///
    /// ```
    /// # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/example/mod.rs")); }
    /// # use example::{token, verifier};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (verifier, token) = (verifier(), token("orders:read"));
    /// for _ in 0..3 {
    ///     verifier.verify(&token)?;
    /// }
    /// let status = verifier.token_cache_status().expect("there is a cache");
    /// assert_eq!((status.tokens, status.hits, status.misses),
    ///     (1, 1, 2)); // a token with an HMAC is cached at its second use
    /// # Ok(()) }
    /// ```
    pub fn token_cache_status(&self) -> Option<TokenCacheStatus> {
        self.0.cache.as_ref().map(VerifiedTokens::status)
    }
}

impl Verifier {
    /// Whether tokens of an issuer may have padded segments.
    #[inline]
    pub(crate) fn reads_padding(&self) -> bool {
        self.0.padded
    }

    /// Whether a token of this issuer can pass; `true` if the issuers cannot be enumerated.
    pub(crate) fn may_trust(&self, issuer: &str) -> bool {
        self.0.issuers.may_trust(issuer)
    }

    /// Whether a token can have roles; `true` if the issuers cannot be enumerated.
    pub(crate) fn may_read_roles(&self) -> bool {
        self.0.issuers.may_read_roles()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<_> = self
            .0
            .issuers
            .listed
            .iter()
            .map(|issuer| &issuer.entry.rules)
            .collect();
        f.debug_struct("Verifier")
            .field("issuers", &issuers)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}
