//! Where keys come from while the service runs.

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::key::{Key, KeyEpoch, KeySet};
use crate::step::Step;

/// A place that keys come from while the service runs: a remote JWK Set, a rotating issuer of the
/// same process.
///
/// It is asked for each token and must not block: it hands out the snapshot that it has. Where that
/// has no key for a token, the source is asked whether a newer set could have one, and the request
/// waits for it.
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
    /// The keys as they stand now.
    ///
    /// # Errors
    /// [`Unavailable`] where the source has none that it still vouches for; the client then gets a
    /// 503, never a 401.
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

    /// Which keys hold now: [`KeySet::epoch`] of what [`keys`](Self::keys) would give, and an error
    /// where it would give one.
    ///
    /// It is asked whenever a token is found in the cache of verified tokens: a token that was
    /// verified by a set of another epoch is verified again. So a source keeps its `Arc` while
    /// nothing has changed; one that makes a new set for each call gets nothing from the cache.
    /// Written by hand it saves the count of references that all threads share.
    ///
    /// # Errors
    /// [`Unavailable`] where [`keys`](Self::keys) is.
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

    /// Asked when no key fits a token: fetches a newer set, if there may be one.
    ///
    /// A ready step is final. `Ok` means that the keys are as new as they can be, and the token is
    /// refused. [`Unavailable`] means that this cannot be found out now, and the client gets a 503,
    /// never a 401. A pending step waits for newer keys; then the token is checked once more.
    /// Dropping the future stops the wait, not the fetch.
    ///
    /// The verifier asks at most once per token. It never asks for a secret, nor if a key of the
    /// token's `kid` was tried. An attacker chooses `missing` and the number of calls, so the
    /// source has to bound its work. By default there is no newer set.
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

    /// Whose keys they are, where the source knows: `build` then refuses rules for another issuer.
    /// Unless said otherwise it does not know.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tollgate::extend::Unavailable;
    /// # use tollgate::KeySet;
    /// use tollgate::extend::KeySource;
    /// use tollgate::{ConfigErrorKind, Verifier};
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

    /// Told that a token has passed every check of the verifier by a key of the source, at a time
    /// in seconds since the epoch. It is on the way of requests. Of a token that is recognised it
    /// is told at least once for each second and thread, so it is no count of uses. Unless said
    /// otherwise nothing is noted.
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

/// What a token's header says of the key that a [`KeySource`] does not have. It is not verified.
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
    /// By the header's `kid` and `alg`.
    ///
    /// ```
    /// # use tollgate::extend::MissingKey;
    /// # use tollgate::Algorithm;
    /// assert_eq!(MissingKey::new(None, Algorithm::ES256).kid(), None);
    /// ```
    pub const fn new(kid: Option<&'t str>, algorithm: Algorithm) -> Self {
        Self { kid, algorithm }
    }

    /// The token's `kid` (RFC 7515 section 4.1.4), if it has one.
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

/// A [`KeySource`] cannot answer now.
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
    /// With the time after which the client may try again.
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
