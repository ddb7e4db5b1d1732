//! How sessions are configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{ConfigError, ConfigErrorKind};

use super::{Inner, Listener, Sessions};
use crate::event::SessionEvent;
use crate::issuer::Issuer;
use crate::refresh::{RefreshKey, RefreshKeys, Rules};
use crate::revocation::{RevocationStore, Revocations};
use crate::store::SessionStore;

/// The most sessions that one subject can be allowed.
const MOST_SESSIONS: usize = 10_000;

/// The longest that a store may take.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Configures [`Sessions`]; [`build`](Self::build) refuses what contradicts itself.
///
/// ```
/// use std::time::Duration;
/// use tollgate_core::{Algorithm, SigningKey};
/// use tollgate_session::{Issuer, MemoryStore, RefreshKey, Sessions};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let issuer = Issuer::builder("https://id.example.com")
///     .audience("orders-api")
///     .signing_key(SigningKey::generate(Algorithm::ES256)?.with_kid("2031-01"))
///     .build()?;
/// let sessions = Sessions::builder(issuer, MemoryStore::default())
///     .refresh_key(RefreshKey::generate(1)?)
///     .idle_timeout(Duration::from_secs(24 * 3600))
///     .grace(Duration::from_secs(5))
///     .on_event(|event| println!("{event:?}"))
///     .build()?;
/// assert_eq!(sessions.issuer().audience(), "orders-api");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SessionsBuilder {
    issuer: Issuer,
    store: Arc<dyn SessionStore>,
    revocations: Arc<dyn RevocationStore>,
    keys: Vec<RefreshKey>,
    idle: Duration,
    absolute: Duration,
    grace: Duration,
    revoke_former_access: bool,
    most: usize,
    timeout: Duration,
    on_event: Option<Listener>,
}

impl SessionsBuilder {
    pub(super) fn new<S: SessionStore + RevocationStore>(issuer: Issuer, store: S) -> Self {
        let store = Arc::new(store);
        Self {
            issuer,
            store: store.clone(),
            revocations: store,
            keys: Vec::new(),
            idle: Duration::from_secs(7 * 24 * 3600),
            absolute: Duration::from_secs(30 * 24 * 3600),
            grace: Duration::from_secs(10),
            revoke_former_access: false,
            most: 64,
            timeout: Duration::from_secs(1),
            on_event: None,
        }
    }

    /// Adds a key that refresh tokens are derived from, the newest first. At least one is needed, the same on all instances.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let old = RefreshKey::generate(1)?;
    /// let sessions = builder.refresh_key(RefreshKey::generate(2)?).refresh_key(old).build()?;
    /// assert!(sessions.login(Login::new("u-7")).await.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn refresh_key(mut self, key: RefreshKey) -> Self {
        self.keys.push(key);
        self
    }

    /// How long a session lasts without being used: refreshed, or renewed by activity. 7 days unless said otherwise.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).idle_timeout(Duration::from_secs(3600)).build()?;
    /// assert_eq!(sessions.login(Login::new("u-7")).await?.refresh_expires_in, 3600);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn idle_timeout(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long a session lasts at the most, from the login on; nothing moves that. 30 days unless said otherwise.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let day = Duration::from_secs(24 * 3600);
    /// let sessions = builder.refresh_key(key).idle_timeout(day).absolute_timeout(day).build()?;
    /// assert_eq!(sessions.login(Login::new("u-7")).await?.session_expires_in, 24 * 3600);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn absolute_timeout(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// How long after a refresh the former refresh token still brings the same successor, so that a lost answer or a second
    /// tab logs nobody out. 10 s unless said otherwise; nothing makes every second use a reuse.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).grace(Duration::ZERO).build()?;
    /// let first = sessions.login(Login::new("u-7")).await?.refresh_token;
    /// sessions.refresh(&first, RefreshRequest::default()).await?;
    /// let again = sessions.refresh(&first, RefreshRequest::default()).await.unwrap_err();
    /// assert_eq!(again.kind(), SessionErrorKind::Reuse);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// A refresh takes the session's former access tokens back at once, at the cost of one more write.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).revoke_former_access().build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// sessions.refresh(&tokens.refresh_token, RefreshRequest::default()).await?;
    /// assert_eq!(sessions.revocations().status().entries, 2, "the token's own, and one of its session");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn revoke_former_access(mut self) -> Self {
        self.revoke_former_access = true;
        self
    }

    /// How many sessions a subject may have; a login beyond that ends the one that was used least recently. 64 unless said
    /// otherwise.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).max_sessions_per_subject(1).build()?;
    /// sessions.login(Login::new("u-7")).await?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(sessions.devices("u-7", None).await?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn max_sessions_per_subject(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// How long an operation may wait for its stores. 1 s unless said otherwise.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let slower_than_grace = builder.refresh_key(key).store_timeout(Duration::from_secs(20)).build();
    /// assert!(slower_than_grace.is_err(), "the grace window would be over before the answer");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn store_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Is told what happens. It is called within the operation, and must be quick.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let (heard, events) = std::sync::mpsc::channel();
    /// let heard = std::sync::Mutex::new(heard);
    /// let tell = move |event: &SessionEvent| { let _ = heard.lock().unwrap().send(event.clone()); };
    /// let sessions = builder.refresh_key(key).on_event(tell).build()?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert!(matches!(events.recv()?, SessionEvent::LoggedIn { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_event(mut self, on_event: impl Fn(&SessionEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// The sessions. To be called inside a tokio runtime with its timer on: a task follows the revocations.
    ///
    /// # Errors
    /// [`ConfigError`] without a refresh key or with two of one number; for timeouts that are not in whole seconds, or
    /// contradict each other or the access lifetime; for a store's timeout that is not shorter than a grace window; outside
    /// of a runtime.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let minute = Duration::from_secs(60);
    /// let mistake = builder.refresh_key(key).idle_timeout(minute).build().unwrap_err();
    /// assert_eq!(mistake.kind(), ConfigErrorKind::Contradiction, "an access token lives longer");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<Sessions, ConfigError> {
        self.check()?;
        let keys = RefreshKeys::new(self.keys).ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::MissingKey,
                "there is no refresh key, or two have one number: add each by `refresh_key`",
            )
        })?;
        let clock = Arc::clone(self.issuer.clock());
        let revocations = Revocations::builder(self.revocations, self.issuer.name())
            .access_lifetime(self.issuer.access_lifetime())
            // A revocation may reach the store that much later than its time was read.
            .leeway(self.issuer.leeway().saturating_add(self.timeout))
            .timeout(self.timeout)
            .clock(move || clock.now())
            .build()?;
        let rules = Rules {
            idle: self.idle.as_secs(),
            absolute: self.absolute.as_secs(),
            access: self.issuer.access_lifetime().as_secs(),
            grace: self.grace.as_secs(),
            leeway: self.issuer.leeway().as_secs(),
            keys,
        };
        let verifier = self.issuer.verifier().build()?;
        Ok(Sessions(Arc::new(Inner {
            verifier,
            issuer: self.issuer,
            store: self.store,
            revocations,
            rules,
            revoke_former_access: self.revoke_former_access,
            most: self.most,
            timeout: self.timeout,
            on_event: self.on_event,
        })))
    }

    fn check(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind::{Contradiction, OutOfRange};

        let access = self.issuer.access_lifetime();
        let whole = [self.idle, self.absolute, self.grace]
            .iter()
            .all(|time| time.subsec_nanos() == 0);
        for (mistaken, kind, message) in [
            (
                !whole,
                OutOfRange,
                "the timeouts and the grace window are in whole seconds",
            ),
            (
                self.idle < access,
                Contradiction,
                "the idle timeout is shorter than the access lifetime",
            ),
            (
                self.absolute < self.idle,
                Contradiction,
                "the absolute timeout is shorter than the idle timeout",
            ),
            (
                self.grace >= access,
                Contradiction,
                "the grace window is not shorter than the access lifetime",
            ),
            (
                !self.grace.is_zero() && self.grace <= self.timeout,
                Contradiction,
                "the grace window is not longer than the store's timeout: make one longer, or have no grace",
            ),
            (
                self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT,
                OutOfRange,
                "the store's timeout is more than nothing and at most 60 s",
            ),
            (
                self.most == 0 || self.most > MOST_SESSIONS,
                OutOfRange,
                "a subject may have between 1 and 10000 sessions",
            ),
        ] {
            if mistaken {
                return Err(ConfigError::new(kind, message));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SessionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("issuer", &self.issuer)
            .field("keys", &self.keys)
            .field("idle", &self.idle)
            .field("absolute", &self.absolute)
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}
