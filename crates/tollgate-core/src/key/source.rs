//! Key sources: keys that may change while the service runs.

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::key::{Key, KeyEpoch, KeySet};
use crate::step::Step;

/// A source of keys that may change while the service runs: a remote JWK Set, or an issuer in the
/// same process that rotates its keys.
///
/// Called on the request path for each token; must not block. The source returns its current
/// snapshot. If the snapshot has no key for a token, the verifier calls [`refresh`](Self::refresh),
/// and the request waits for a newer set.
///
/// ```
/// use std::sync::Arc;
/// use tollgate::extend::{KeySource, Unavailable};
/// use tollgate::{Key, KeySet, Verifier};
///
/// struct Fixed(Arc<KeySet>);
///
/// impl KeySource for Fixed {
///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
///         Ok(Arc::clone(&self.0))
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Arc::new(KeySet::from_iter([Key::hs256([7; 32])?]));
/// let verifier = Verifier::builder()
///     .issuer("https://id.example.com")
///     .audience("orders-api")
///     .key_source(Fixed(keys))
///     .build();
/// assert!(verifier.is_ok());
/// # Ok(()) }
/// ```
pub trait KeySource: Send + Sync {
    /// Returns the current keys.
    ///
    /// # Errors
    /// [`Unavailable`] if the source has no keys that are still valid. The client then gets a 503,
    /// never a 401.
    ///
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// use tollgate::extend::{KeySource, Unavailable};
    /// use tollgate::KeySet;
    ///
    /// struct Down;
    ///
    /// impl KeySource for Down {
    ///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
    ///         Err(Unavailable::new(Duration::from_secs(5)))
    ///     }
    /// }
    /// assert_eq!(Down.keys().unwrap_err().retry_after().as_secs(), 5);
    /// ```
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable>;

    /// Returns the epoch of the current keys: the [`KeySet::epoch`] of the result of
    /// [`keys`](Self::keys), or the same error.
    ///
    /// Called on each hit in the cache of verified tokens: a token that was verified with a set of
    /// another epoch is verified again. A source should therefore keep its `Arc` while nothing
    /// changes; with a new set on each call the cache has no effect. An own implementation avoids a
    /// write to the reference count that all threads share.
    ///
    /// # Errors
    /// [`Unavailable`] if [`keys`](Self::keys) returns it.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tollgate::extend::{KeyEpoch, KeySource, Unavailable};
    /// use tollgate::KeySet;
    ///
    /// struct Fixed(Arc<KeySet>);
    ///
    /// impl KeySource for Fixed {
    ///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
    ///         Ok(Arc::clone(&self.0))
    ///     }
    ///
    ///     fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
    ///         Ok(self.0.epoch())
    ///     }
    /// }
    ///
    /// let source = Fixed(Arc::default());
    /// assert_eq!(source.epoch(), source.keys().map(|keys| keys.epoch()));
    /// ```
    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        self.keys().map(|keys| keys.epoch())
    }

    /// Fetches a newer set, if there may be one. Called when no key fits a token.
    ///
    /// A ready step is final. `Ok` means that the keys are as new as they can be, and the token is
    /// refused. [`Unavailable`] means that this cannot be found out now, and the client gets a 503,
    /// never a 401. A pending step waits for newer keys; then the token is checked once more.
    /// Dropping the future stops the wait, not the fetch.
    ///
    /// The verifier calls it at most once per token, never for a secret, and never if a key of the
    /// token's `kid` was tried. An attacker chooses `missing` and the number of calls, so the
    /// source has to bound its work. The default implementation has no newer set.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use std::sync::Arc;
    /// use tollgate::extend::{KeySource, MissingKey, Step, Unavailable};
    /// use tollgate::{Algorithm, Key, KeySet, SigningKey, Verifier};
    ///
    /// /// Has its one key after the first request for it.
    /// struct Lazy(Key, Arc<AtomicBool>);
    ///
    /// impl KeySource for Lazy {
    ///     fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
    ///         let asked = self.1.load(Ordering::Relaxed);
    ///         Ok(Arc::new(asked.then(|| self.0.clone()).into_iter().collect()))
    ///     }
    ///
    ///     fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
    ///         if missing.kid() != self.0.kid() {
    ///             return Step::Ready(Ok(()));
    ///         }
    ///         let asked = Arc::clone(&self.1);
    ///         Step::pending(async move {
    ///             asked.store(true, Ordering::Relaxed);
    ///             Ok(())
    ///         })
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SigningKey::generate(Algorithm::ES256)?.with_kid("2031-02");
    /// let verifier = Verifier::builder()
    ///     .dangerous_any_issuer()
    ///     .dangerous_any_audience()
    ///     .key_source(Lazy(key.verifying_key(), Arc::default()))
    ///     .build()?;
    /// let token = key.encode(&serde_json::json!({"sub": "u-7", "exp": 4_000_000_000_u64}))?;
    ///
    /// let Step::Pending(outcome) = verifier.begin(&token) else { panic!("it has to ask") };
    /// assert_eq!(outcome.await?.subject(), Some("u-7"));
    /// assert!(verifier.verify(token).is_ok()); // now the key is there
    /// # Ok(()) }
    /// ```
    fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        let _ = missing;
        Step::Ready(Ok(()))
    }

    /// The issuer of the keys, if known: `build` then refuses rules for another issuer. The default
    /// is `None`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate::extend::Unavailable;
    /// # use tollgate::KeySet;
    /// use tollgate::extend::KeySource;
    /// use tollgate::config::ConfigErrorKind;
    /// use tollgate::Verifier;
    ///
    /// struct Theirs;
    ///
    /// impl KeySource for Theirs {
    /// #   fn keys(&self) -> Result<Arc<KeySet>, Unavailable> { Ok(Arc::default()) }
    ///     // ...
    ///     fn issuer(&self) -> Option<&str> {
    ///         Some("https://theirs.example")
    ///     }
    /// }
    ///
    /// let ours = Verifier::builder().issuer("https://ours.example").audience("orders")
    ///     .key_source(Theirs).build();
    /// assert_eq!(ours.unwrap_err().kind(), ConfigErrorKind::Contradiction);
    /// ```
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// Records that a token has passed every check of the verifier with a key of the source, or
    /// with a [shared secret](crate::TrustedIssuer::shared_secret) of its issuer, at a time in
    /// seconds since the epoch.
    ///
    /// Called on the request path; must not block. For cached tokens it is called at least once per
    /// second and thread, so the calls do not count the uses. The default implementation does
    /// nothing.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicU64, Ordering};
    /// # use tollgate::extend::{KeySource, Unavailable};
    /// # use tollgate::{Key, KeySet, SigningKey, Verifier};
    /// struct Noting(Arc<KeySet>, Arc<AtomicU64>);
    ///
    /// impl KeySource for Noting {
    /// #   fn keys(&self) -> Result<Arc<KeySet>, Unavailable> { Ok(Arc::clone(&self.0)) }
    ///     // ...
    ///     fn used(&self, _: &Key, now: u64) {
    ///         self.1.store(now, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (key, used) = (SigningKey::hs256([7; 32])?, Arc::new(AtomicU64::new(0)));
    /// # let source =
    /// #     Noting(Arc::new([key.verifying_key()].into_iter().collect()), Arc::clone(&used));
    /// let builder = Verifier::builder().dangerous_any_issuer().dangerous_any_audience()
    ///     .clock(|| 1_700_000_000);
    /// let verifier = builder.key_source(source).build()?;
    /// verifier.verify(key.encode(&serde_json::json!({"exp": 1_700_000_900}))?)?;
    /// assert_eq!(used.load(Ordering::Relaxed), 1_700_000_000);
    /// # Ok(()) }
    /// ```
    fn used(&self, key: &Key, now: u64) {
        let _ = (key, now);
    }
}

impl<S: KeySource + ?Sized> KeySource for Arc<S> {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        (**self).keys()
    }

    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        (**self).epoch()
    }

    fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        (**self).refresh(missing)
    }

    fn issuer(&self) -> Option<&str> {
        (**self).issuer()
    }

    fn used(&self, key: &Key, now: u64) {
        (**self).used(key, now);
    }
}

/// The part of a token's unverified header that describes a key which a [`KeySource`] does not
/// have.
///
/// ```
/// use tollgate::extend::MissingKey;
/// use tollgate::Algorithm;
///
/// let missing = MissingKey::new(Some("2031-01"), Algorithm::ES256);
/// assert_eq!(missing.kid(), Some("2031-01"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MissingKey<'t> {
    kid: Option<&'t str>,
    algorithm: Algorithm,
}

impl<'t> MissingKey<'t> {
    /// Creates a description from the header's `kid` and `alg`.
    ///
    /// ```
    /// # use tollgate::extend::MissingKey;
    /// # use tollgate::Algorithm;
    /// assert_eq!(MissingKey::new(None, Algorithm::ES256).kid(), None);
    /// ```
    pub const fn new(kid: Option<&'t str>, algorithm: Algorithm) -> Self {
        Self { kid, algorithm }
    }

    /// The token's `kid` (RFC 7515 section 4.1.4), if present.
    ///
    /// ```
    /// # use tollgate::extend::MissingKey;
    /// # use tollgate::Algorithm;
    /// assert_eq!(MissingKey::new(Some("1"), Algorithm::ES256).kid(), Some("1"));
    /// ```
    pub const fn kid(&self) -> Option<&'t str> {
        self.kid
    }

    /// The token's `alg`.
    ///
    /// ```
    /// # use tollgate::extend::MissingKey;
    /// # use tollgate::Algorithm;
    /// assert_eq!(MissingKey::new(Some("1"), Algorithm::ES256).algorithm(), Algorithm::ES256);
    /// ```
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// An error of a [`KeySource`] or of another source that cannot answer now.
///
/// ```
/// use std::time::Duration;
/// use tollgate::extend::Unavailable;
///
/// let down = Unavailable::new(Duration::from_secs(5));
/// assert_eq!(down.retry_after(), Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable {
    retry_after: Duration,
}

impl Unavailable {
    /// Creates an error with the time after which the client may try again.
    ///
    /// ```
    /// # use tollgate::extend::Unavailable;
    /// assert_eq!(Unavailable::new(std::time::Duration::ZERO).retry_after().as_secs(), 0);
    /// ```
    pub const fn new(retry_after: Duration) -> Self {
        Self { retry_after }
    }

    /// The time after which the client may try again.
    ///
    /// ```
    /// # use tollgate::extend::Unavailable;
    /// assert_eq!(Unavailable::new(std::time::Duration::from_secs(1)).retry_after().as_secs(), 1);
    /// ```
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the keys are not available at the moment")
    }
}

impl std::error::Error for Unavailable {}
