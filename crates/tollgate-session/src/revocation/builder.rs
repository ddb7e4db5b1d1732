//! The builder of revocations.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{Clock, ConfigError, ConfigErrorKind, SystemClock};

use super::health::Health;
use super::reading::Breaker;
use super::replica::Replica;
use super::revocations::{Revocations, Shared};
use super::store::RevocationStore;
use super::sync::Follower;
use crate::clock::SteadyClock;

/// A builder of [`Revocations`].
///
/// ```
/// # use tollgate::session::{MemoryStore, Revocations};
/// let builder = Revocations::builder(MemoryStore::default(), "https://id.example.com");
/// assert!(builder.build().is_err(), "there is no tokio runtime");
/// ```
pub struct RevocationsBuilder {
    store: Arc<dyn RevocationStore>,
    issuer: String,
    timeout: Duration,
    max_entries: usize,
    access_lifetime: Duration,
    leeway: Duration,
    clock: Arc<dyn Clock>,
}

impl RevocationsBuilder {
    pub(super) fn new(store: Arc<dyn RevocationStore>, issuer: String) -> Self {
        Self {
            store,
            issuer,
            timeout: Duration::from_secs(1),
            max_entries: 100_000,
            access_lifetime: Duration::from_secs(24 * 3600),
            leeway: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the timeout for an answer of the store. Default: 1 second.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// let builder = Revocations::builder(MemoryStore::default(), "i")
    ///     .timeout(std::time::Duration::from_millis(300));
    /// assert!(format!("{builder:?}").contains("300ms"));
    /// ```
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the capacity of the replica. Default: 100,000 entries. If there are more, gates query
    /// the store for every token.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// let builder = Revocations::builder(MemoryStore::default(), "i").max_entries(1_000_000);
    /// assert!(format!("{builder:?}").contains("1000000"));
    /// ```
    #[must_use]
    pub const fn max_entries(mut self, most: usize) -> Self {
        self.max_entries = most;
        self
    }

    /// Sets the longest lifetime of the issuer's access tokens. Entries by session, user or key
    /// live this long plus the leeway. Default: 24 hours, more than most services need.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// let builder = Revocations::builder(MemoryStore::default(), "i")
    ///     .access_lifetime(std::time::Duration::from_secs(900));
    /// assert!(format!("{builder:?}").contains("900s"));
    /// ```
    #[must_use]
    pub const fn access_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_lifetime = lifetime;
        self
    }

    /// Sets the largest leeway of the verifiers that check these tokens. Default: 60 seconds.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// let builder = Revocations::builder(MemoryStore::default(), "i")
    ///     .leeway(std::time::Duration::from_secs(5));
    /// assert!(format!("{builder:?}").contains("5s"));
    /// ```
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the clock. Default: the system clock.
    ///
    /// ```
    /// # use tollgate::session::{MemoryStore, RevocationKind, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let revocations = Revocations::builder(MemoryStore::default(), "i")
    ///     .clock(|| 5).leeway(std::time::Duration::ZERO);
    /// let entry = revocations.build()?.entry(RevocationKind::Key, "k", 0);
    /// assert_eq!(entry.expires_at, 5 + 24 * 3600);
    /// # Ok::<(), tollgate::ConfigError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Creates the revocations and spawns the task that follows the store on the current runtime.
    ///
    /// # Errors
    /// [`ConfigError`] if the issuer is empty, a value is zero or out of range, or there is no
    /// tokio runtime.
    ///
    /// ```
    /// # use tollgate::config::ConfigErrorKind;
    /// # use tollgate::session::{MemoryStore, Revocations};
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let error = Revocations::builder(MemoryStore::default(), "i")
    ///     .max_entries(0).build().unwrap_err();
    /// assert_eq!(error.kind(), ConfigErrorKind::OutOfRange);
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<Revocations, ConfigError> {
        const MOST_ENTRIES: usize = 1 << 26;
        let refused = |kind, message: &str| Err(ConfigError::new(kind, message));
        if self.issuer.is_empty() {
            return refused(ConfigErrorKind::InvalidText, "the issuer is empty");
        }
        if self.max_entries == 0 || self.max_entries > MOST_ENTRIES {
            return refused(
                ConfigErrorKind::OutOfRange,
                "`max_entries` must be between 1 and 67108864",
            );
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_secs(60) {
            return refused(
                ConfigErrorKind::OutOfRange,
                "`timeout` must be above zero and at most 60 s",
            );
        }
        if self.access_lifetime.is_zero() {
            return refused(
                ConfigErrorKind::OutOfRange,
                "`access_lifetime` must be above zero",
            );
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return refused(
                ConfigErrorKind::Contradiction,
                "no tokio runtime: call `build` inside one",
            );
        };
        let replica = Arc::new(Replica::new(self.issuer, self.max_entries));
        let health = Arc::new(Health::default());
        let leeway = seconds(self.leeway);
        let follower = Follower {
            store: Arc::clone(&self.store),
            replica: Arc::clone(&replica),
            clock: Arc::clone(&self.clock),
            timeout: self.timeout,
            health: Arc::clone(&health),
            supported_skew: leeway / 2,
            steady: SteadyClock::new(),
        };
        Ok(Revocations {
            shared: Arc::new(Shared {
                store: self.store,
                replica,
                clock: self.clock,
                timeout: self.timeout,
                breaker: Breaker::new(),
                health,
                access_lifetime: seconds(self.access_lifetime),
                leeway,
                follower: runtime.spawn(follower.run()),
            }),
        })
    }
}

impl fmt::Debug for RevocationsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationsBuilder")
            .field("issuer", &self.issuer)
            .field("timeout", &self.timeout)
            .field("max_entries", &self.max_entries)
            .field("access_lifetime", &self.access_lifetime)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

/// Rounds up to whole seconds.
fn seconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0))
}
