//! The configuration of sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{ConfigError, ConfigErrorKind};

use super::hook::{Ask, Hook};
use super::{Inner, Listener, Sessions};
use crate::attempts::AttemptMemory;
use crate::continuation::{Continuation, ContinuedSession};
use crate::event::SessionEvent;
use crate::issuer::Issuer;
use crate::refresh::{RefreshKey, RefreshKeys, Rules};
use crate::revocation::{RevocationStore, Revocations};
use crate::store::SessionStore;

/// The upper bound of `max_sessions_per_subject`.
const MOST_SESSIONS: usize = 10_000;

/// The default of `late_repeat`.
const LATE: Duration = Duration::from_secs(3600);

/// The default of `continue_timeout`.
const CONTINUE: Duration = Duration::from_secs(5);

/// The upper bound of `store_timeout` and `continue_timeout`.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A builder of [`Sessions`]. [`build`](Self::build) refuses contradictions.
///
/// ```
/// use std::time::Duration;
/// use tollgate::{Algorithm, SigningKey};
/// use tollgate::session::{Issuer, MemoryStore, RefreshKey, Sessions};
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
    late: Option<Duration>,
    revoke_former_access: bool,
    most: usize,
    most_revocations: usize,
    max_revocations: Option<usize>,
    timeout: Duration,
    on_event: Vec<Listener>,
    on_continue: Option<Ask>,
    continue_timeout: Option<Duration>,
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
            late: None,
            revoke_former_access: false,
            most: 64,
            most_revocations: 256,
            max_revocations: None,
            timeout: Duration::from_secs(1),
            on_event: Vec::new(),
            on_continue: None,
            continue_timeout: None,
        }
    }

    /// Adds a key that refresh tokens are derived from, the newest first. At least one is required,
    /// and all instances need the same ones.
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

    /// Sets how long a session lasts without being refreshed or renewed. Default: 7 days.
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

    /// Sets how long a session lasts after the login, regardless of its use. Default: 30 days.
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

    /// Sets the grace period: the time after a refresh in which the previous refresh token still
    /// returns the same successor. A lost response or a second tab then ends no session. Default:
    /// 10 seconds. With zero, every second use is reuse.
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

    /// Sets the time after a refresh in which the previous refresh token may return the same
    /// successor once more, although the grace period is over. A client that lost the response for
    /// longer than the grace period, or a write of the store that landed late, then ends no
    /// session. Default: 1 hour, or zero if [`grace`](Self::grace) is zero. With zero, a token that
    /// arrives after the grace period is always reuse.
    ///
    /// It is granted once for each refresh token, only while the successor was not presented, not
    /// after a re-authentication, and only to the same browser or device: the binding cookie, or
    /// else the user agent and the name where both are known. The address does not count, because a
    /// phone changes it. The access token is a new one, and the idle timeout does not move. Each
    /// answer is a [`RepeatedLate`](crate::SessionEventKind::RepeatedLate).
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let pointless = builder.refresh_key(key)
    ///     .grace(Duration::ZERO).late_repeat(Duration::from_secs(60)).build();
    /// assert!(pointless.is_err(), "without a grace period, every second use is reuse");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn late_repeat(mut self, late: Duration) -> Self {
        self.late = Some(late);
        self
    }

    /// Makes a refresh revoke the previous access tokens of the session. Costs one more write.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).revoke_former_access().build()?;
    /// let tokens = sessions.login(Login::new("u-7")).await?;
    /// sessions.refresh(&tokens.refresh_token, RefreshRequest::default()).await?;
    /// assert_eq!(sessions.revocations().status().entries, 2, "the token and its session");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn revoke_former_access(mut self) -> Self {
        self.revoke_former_access = true;
        self
    }

    /// Sets the maximum number of sessions per subject. A login beyond it ends the least recently
    /// used session. Default: 64.
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

    /// Sets the number of revocations of sessions and tokens per subject. Beyond it they merge into
    /// one, which refuses all earlier access tokens of the subject: its other sessions have to
    /// refresh. Default: 256. With zero, they always merge.
    ///
    /// The count is that of the replica in this process, so instances that revoke at the same
    /// moment may exceed it.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).max_revocations_per_subject(1).build()?;
    /// for _ in 0..9 {
    ///     let tokens = sessions.login(Login::new("u-7")).await?;
    ///     sessions.logout(&tokens.session).await?;
    /// }
    /// assert_eq!(sessions.revocations().status().entries, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn max_revocations_per_subject(mut self, most: usize) -> Self {
        self.most_revocations = most;
        self
    }

    /// Sets the capacity of the replica of the revocations, as
    /// [`RevocationsBuilder::max_entries`](crate::RevocationsBuilder::max_entries) does. Default:
    /// 100,000 entries.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let sessions = builder.refresh_key(key).max_revocations(1_000_000).build()?;
    /// assert_eq!(sessions.revocations().status().max_entries, 1_000_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn max_revocations(mut self, most: usize) -> Self {
        self.max_revocations = Some(most);
        self
    }

    /// Sets the timeout of an operation on the stores. Default: 1 second.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let slower_than_grace = builder.refresh_key(key)
    ///     .store_timeout(Duration::from_secs(20)).build();
    /// assert!(slower_than_grace.is_err(), "the grace period would end before the answer");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn store_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Adds a callback for events. It is called within the operation and must not block. For a sink
    /// that awaits, such as a database, use [`event_stream`](crate::event_stream).
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let (heard, events) = std::sync::mpsc::channel();
    /// let heard = std::sync::Mutex::new(heard);
    /// let tell = move |event: &SessionEvent| {
    ///     let _ = heard.lock().unwrap().send(event.clone());
    /// };
    /// let sessions = builder.refresh_key(key).on_event(tell).build()?;
    /// sessions.login(Login::new("u-7")).await?;
    /// assert_eq!(events.recv()?.kind(), SessionEventKind::LoggedIn);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_event(mut self, on_event: impl Fn(&SessionEvent) + Send + Sync + 'static) -> Self {
        self.on_event.push(Box::new(on_event));
        self
    }

    /// Sets a hook that is called before a session goes on: at a refresh, a renewal by activity, a
    /// re-authentication, and the repeat of one. It returns the roles, claims and scope that the
    /// user has now, ends the session of a user who was disabled, or is
    /// [unavailable](Continuation::unavailable). Without a hook, a session keeps what its login
    /// said.
    ///
    /// The hook is called with a genuine credential of a live session only, before anything is
    /// written and outside of locks. Concurrent calls for one session on one instance share an
    /// answer. If the session changes while the hook is called, it is called again. Of several
    /// instances the one that writes first decides, and the others return its tokens.
    ///
    /// A failure, a panic and an answer that takes longer than
    /// [`continue_timeout`](Self::continue_timeout) are 503, and the session does not change. A
    /// future that is dropped, because its client has disconnected, is dropped at its next `await`.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// use tollgate::session::{Continuation, ContinuedSession};
    ///
    /// let hook = async |session: ContinuedSession| {
    ///     if session.subject() == "u-7" {
    ///         Continuation::keep().roles(["clerk"])
    ///     } else {
    ///         Continuation::end()
    ///     }
    /// };
    /// let sessions = builder.refresh_key(key).on_continue(hook).build()?;
    /// let tokens = sessions.login(Login::new("u-7").role("admin")).await?;
    /// let tokens = sessions.refresh(&tokens.refresh_token, RefreshRequest::default()).await?;
    /// let principal = sessions.issuer().verifier().build()?.verify(&tokens.access_token)?;
    /// assert!(principal.has_role("clerk") && !principal.has_role("admin"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_continue<F>(
        mut self,
        hook: impl Fn(ContinuedSession) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output: Into<Continuation>> + Send + 'static,
    {
        self.on_continue = Some(Box::new(move |session| {
            let answer = hook(session);
            Box::pin(async move { answer.await.into() })
        }));
        self
    }

    /// Sets the time limit of the hook of [`on_continue`](Self::on_continue). Default: 5 seconds.
    /// Maximum: 60 seconds.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let pointless = builder.refresh_key(key).continue_timeout(Duration::from_secs(1)).build();
    /// assert!(pointless.is_err(), "there is no hook");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn continue_timeout(mut self, limit: Duration) -> Self {
        self.continue_timeout = Some(limit);
        self
    }

    /// Creates the sessions. Must be called inside a tokio runtime with the timer enabled, as a
    /// task follows the revocations.
    ///
    /// # Errors
    /// [`ConfigError`] if:
    ///
    /// - there is no refresh key, or two have the same number;
    /// - a maximum is out of range;
    /// - a timeout is not in whole seconds, or the timeouts contradict each other or the access
    ///   lifetime;
    /// - the store timeout is not shorter than a non-zero grace period;
    /// - there is a time limit of a hook, but no hook;
    /// - there is no tokio runtime.
    ///
    /// ```
    #[doc = include_str!("../../doc/builder.md")]
    /// let minute = Duration::from_secs(60);
    /// let mistake = builder.refresh_key(key).idle_timeout(minute).build().unwrap_err();
    /// assert_eq!(mistake.kind(), ConfigErrorKind::Contradiction);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<Sessions, ConfigError> {
        self.check()?;
        let keys = RefreshKeys::new(self.keys).ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::MissingKey,
                "no refresh key, or two with the same number: add each by `refresh_key`",
            )
        })?;
        let clock = Arc::clone(self.issuer.clock());
        let revocations = Revocations::builder(self.revocations, self.issuer.name())
            .access_lifetime(self.issuer.access_lifetime())
            // A revocation may reach the store this much later than its time was read.
            .leeway(self.issuer.leeway().saturating_add(self.timeout))
            .timeout(self.timeout)
            .clock(move || clock.now());
        let revocations = match self.max_revocations {
            Some(most) => revocations.max_entries(most),
            None => revocations,
        };
        let revocations = revocations.build()?;
        let rules = Rules {
            idle: self.idle.as_secs(),
            absolute: self.absolute.as_secs(),
            access: self.issuer.access_lifetime().as_secs(),
            grace: self.grace.as_secs(),
            late: self.late.unwrap_or(LATE).as_secs(),
            leeway: self.issuer.leeway().as_secs(),
            keys,
        };
        let verifier = self.issuer.verifier().build()?;
        let limit = self.continue_timeout.unwrap_or(CONTINUE);
        Ok(Sessions(Arc::new(Inner {
            verifier,
            issuer: self.issuer,
            store: self.store,
            revocations,
            rules,
            revoke_former_access: self.revoke_former_access,
            most: self.most,
            most_revocations: self.most_revocations,
            timeout: self.timeout,
            on_event: self.on_event,
            hook: self.on_continue.map(|ask| Hook::new(ask, limit)),
            attempts: AttemptMemory::default(),
        })))
    }

    fn check(&self) -> Result<(), ConfigError> {
        use ConfigErrorKind::{Contradiction, OutOfRange};

        let access = self.issuer.access_lifetime();
        let limit = self.continue_timeout;
        let late = self.late.filter(|late| !late.is_zero());
        let whole = [self.idle, self.absolute, self.grace, late.unwrap_or(LATE)]
            .iter()
            .all(|time| time.subsec_nanos() == 0);
        for (mistaken, kind, message) in [
            (
                !whole,
                OutOfRange,
                "`idle_timeout`, `absolute_timeout`, `grace` and `late_repeat` must be in whole \
                 seconds",
            ),
            (
                self.idle < access,
                Contradiction,
                "`idle_timeout` must not be shorter than the access lifetime",
            ),
            (
                self.absolute < self.idle,
                Contradiction,
                "`absolute_timeout` must not be shorter than `idle_timeout`",
            ),
            (
                self.grace >= access,
                Contradiction,
                "`grace` must be shorter than the access lifetime",
            ),
            (
                !self.grace.is_zero() && self.grace <= self.timeout,
                Contradiction,
                "`grace` must be zero or longer than `store_timeout`",
            ),
            (
                late.is_some_and(|late| self.grace.is_zero() || late <= self.grace),
                Contradiction,
                "`late_repeat` must be zero or longer than `grace`, and `grace` must not be zero",
            ),
            (
                late.is_some_and(|late| late > self.idle),
                Contradiction,
                "`late_repeat` must not be longer than `idle_timeout`",
            ),
            (
                self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT,
                OutOfRange,
                "`store_timeout` must be above zero and at most 60 s",
            ),
            (
                limit.is_some_and(|limit| limit.is_zero() || limit > LONGEST_TIMEOUT),
                OutOfRange,
                "`continue_timeout` must be above zero and at most 60 s",
            ),
            (
                limit.is_some() && self.on_continue.is_none(),
                Contradiction,
                "`continue_timeout` requires `on_continue`",
            ),
            (
                self.most == 0 || self.most > MOST_SESSIONS,
                OutOfRange,
                "`max_sessions_per_subject` must be between 1 and 10000",
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
