//! Keys that are kept fresh in the background: a set, or keys that are published [one by
//! one](by_kid).
//!
//! [`schedule`] computes the times of fetches, and the answer to a token with a missing key; it is
//! pure arithmetic. [`engine`] is the task that fetches. [`snapshot`] is the state for readers: a
//! reader takes no lock, loads the snapshot and checks its expiry.

mod announce;
mod by_kid;
mod engine;
mod negative_cache;
mod schedule;
mod snapshot;
#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unchecked_time_subtraction,
    reason = "a panic fails the test"
)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tollgate_core::{
    Algorithm, BoxFuture, Key, KeyEpoch, KeySet, KeySource, MissingKey, Step, Unavailable,
};

use self::by_kid::KeysByKid;
pub(crate) use self::engine::Turn;
use self::engine::{Ended, Engine};
use self::schedule::{Named, Schedule, Verdict};
use self::snapshot::Snapshot;
use crate::error::{OidcError, OidcErrorKind};
use crate::event::Event;
use crate::retrieval::Retriever;
use crate::settings::{Location, Settings};
use crate::status::{Readiness, Status};

/// A [`KeySource`] whose keys are kept fresh in the background. Clones share the keys; dropping the
/// last one stops the fetching.
///
/// Created by [`Oidc`](crate::Oidc) and [`RemoteJwks`](crate::RemoteJwks). It fetches on the tokio
/// runtime on which it was created. When that runtime ends, the keys are used until they expire,
/// and then the response to tokens is 503.
///
/// Ages and pauses follow tokio's clock, so that setting the wall clock does not change the age of
/// keys. On most systems, including Linux, that clock stops while the machine is suspended: a key
/// that was withdrawn meanwhile is trusted until the next fetch.
///
/// Readers take no lock and never wait: [`keys`](KeySource::keys) loads a snapshot that is swapped
/// as a whole. Only a token whose key is missing costs more. The cost of all such tokens is
/// bounded: one fetch per cool-down for new `kid`s and one for repeated ones, 1024 waiting
/// requests, 1024 remembered `kid`s.
///
/// The set `{"keys":[]}` ends the keys if a second fetch, past all caches and at least five minutes
/// later, confirms it. The response to tokens is then 503 until the set has a key again. Any other
/// response without a usable key is a failed fetch, and the last keys stay in use.
///
/// ```
/// use tollgate::Verifier;
/// use tollgate::oidc::{Oidc, Readiness};
/// # use tollgate::Algorithm;
/// # use tollgate_testkit::{FakeClock, FakeProvider, Mint, keys};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clock = FakeClock::new();
/// # let provider = FakeProvider::new();
/// # provider.describe(Mint::ISSUER, "https://id.example.com/jwks.json");
/// # provider.publish("https://id.example.com/jwks.json", &[keys::signing(Algorithm::ES256)]);
/// let issuer = "https://id.example.com";
/// let source = Oidc::discover(issuer)
/// #   .fetch(provider)
///     .connect()
///     .await?;
/// assert_eq!(source.readiness(), Readiness::Ready);
///
/// let verifier = Verifier::builder()
///     .issuer(issuer)
///     .audience("orders-api")
///     .key_source(source)
/// #   .clock(clock.clone())
///     .build()?;
/// # let token = Mint::new(keys::signing(Algorithm::ES256), &clock).token().build();
/// assert!(verifier.verify(token).is_ok());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RemoteKeys(Kind);

#[derive(Clone)]
enum Kind {
    Set(Arc<Owner>),
    ByKid(Arc<KeysByKid>),
}

/// The state of all clones. Dropping it stops the task that fetches.
struct Owner {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// The state of readers, waiting requests and the task that fetches.
struct Shared {
    settings: Settings,
    source: Arc<str>,
    /// The origin of all times that are durations.
    epoch: Instant,
    /// The last keys, expired or not.
    current: ArcSwapOption<Snapshot>,
    /// [`Schedule::permitted`] in nanoseconds, for readers.
    permitted: AtomicU64,
    /// Locked for a missing key and by the task, never by a reader that finds its key.
    schedule: Mutex<Schedule>,
    /// Wakes the task for a requested fetch.
    wish: Notify,
    /// Signals the end of a fetch to waiting requests.
    ended: watch::Receiver<Ended>,
    waiting: AtomicUsize,
    /// `true` if the task that fetches is alive.
    alive: AtomicBool,
    /// Randomly keyed, so that `kid`s cannot be chosen to collide.
    hasher: RandomState,
    runtime: Handle,
}

impl RemoteKeys {
    pub(crate) async fn connect(settings: Settings) -> Result<Self, OidcError> {
        if matches!(settings.location, Location::ByKid(_)) {
            return Self::lazy(settings);
        }
        let mut engine = Self::engine(settings, None)?;
        if engine.begin() {
            engine.fetch().await?;
        }
        Ok(Self::start(engine))
    }

    pub(crate) fn lazy(settings: Settings) -> Result<Self, OidcError> {
        if matches!(settings.location, Location::ByKid(_)) {
            settings.check()?;
            let retriever = Retriever::new(&settings)?;
            let keys = KeysByKid::start(settings, retriever, current_runtime()?);
            return Ok(Self(Kind::ByKid(Arc::new(keys))));
        }
        Ok(Self::start(Self::engine(settings, None)?))
    }

    /// Starts without keys and fetches on `runtime`.
    pub(crate) fn spawn(
        settings: Settings,
        runtime: &Handle,
        turn: Turn,
    ) -> Result<Self, OidcError> {
        let mut engine = Self::engine(settings, Some(runtime.clone()))?;
        engine.turn = Some(turn);
        Ok(Self::start(engine))
    }

    fn engine(settings: Settings, runtime: Option<Handle>) -> Result<Engine, OidcError> {
        settings.check()?;
        let retriever = Retriever::new(&settings)?;
        let runtime = match runtime {
            Some(runtime) => runtime,
            None => current_runtime()?,
        };
        let (sender, ended) = watch::channel(false);
        let shared = Arc::new(Shared {
            source: settings.location.shown().into(),
            epoch: Instant::now(),
            current: ArcSwapOption::empty(),
            permitted: AtomicU64::new(0),
            schedule: Mutex::new(Schedule::new(&settings, Duration::ZERO)),
            wish: Notify::new(),
            ended,
            waiting: AtomicUsize::new(0),
            alive: AtomicBool::new(true),
            hasher: RandomState::new(),
            runtime,
            settings,
        });
        Ok(Engine {
            shared,
            retriever,
            ended: sender,
            turn: None,
        })
    }

    fn start(engine: Engine) -> Self {
        let shared = Arc::clone(&engine.shared);
        let task = shared.runtime.spawn(engine.run()).abort_handle();
        Self(Kind::Set(Arc::new(Owner { shared, task })))
    }

    /// The current status of the keys.
    ///
    /// ```
    /// # use tollgate::oidc::{OidcErrorKind, Readiness, RemoteJwks};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = FakeProvider::new();
    /// # let source = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).lazy()?;
    /// # tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    /// // of a provider that answers 404
    /// let status = source.status();
    /// assert_eq!(status.readiness, Readiness::Unavailable);
    /// assert_eq!(status.consecutive_failures, 1);
    /// let error = status.last_error.map(|error| error.kind());
    /// assert_eq!(error, Some(OidcErrorKind::UnexpectedStatus));
    /// # Ok(()) }
    /// ```
    pub fn status(&self) -> Status {
        let shared = match &self.0 {
            Kind::Set(owner) => &*owner.shared,
            Kind::ByKid(keys) => return keys.status(),
        };
        let current = shared.current.load_full();
        let current = current.as_deref();
        let schedule = shared.schedule();
        let now = shared.now();
        let usable = current.filter(|current| current.is_usable(now));
        Status {
            source: shared.source.to_string(),
            readiness: current.map_or(Readiness::Unavailable, |current| current.readiness(now)),
            last_success: current.map(|current| current.fetched),
            age: current.map(|current| now.saturating_sub(current.fetched_at)),
            next_refresh: shared
                .is_alive()
                .then(|| schedule.due().saturating_sub(now)),
            expires_in: usable.map(|current| current.expiry.saturating_sub(now)),
            consecutive_failures: schedule.failures(),
            last_error: schedule.last_error().cloned(),
            keys: current.map_or_else(Vec::new, Snapshot::key_status),
            skipped: current.map_or_else(Vec::new, Snapshot::skipped),
            fetches: schedule.fetches(),
        }
    }

    /// Returns `true` if there are usable keys, for a readiness probe. Takes no lock.
    ///
    /// ```
    /// # use tollgate::oidc::{Readiness, RemoteJwks};
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = FakeProvider::new();
    /// let source = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).lazy()?;
    /// assert_eq!(source.readiness(), Readiness::Unavailable); // nothing has come yet
    /// # Ok(()) }
    /// ```
    pub fn readiness(&self) -> Readiness {
        let shared = match &self.0 {
            Kind::Set(owner) => &*owner.shared,
            Kind::ByKid(keys) => return keys.readiness(),
        };
        let current = shared.current.load();
        current.as_ref().map_or(Readiness::Unavailable, |current| {
            current.readiness(shared.now())
        })
    }

    /// The issuer of the keys; `None` if only the URL of the set is known.
    ///
    /// ```
    /// # use tollgate::oidc::Oidc;
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = FakeProvider::new();
    /// let source = Oidc::discover("https://id.example.com").fetch(provider).lazy()?;
    /// assert_eq!(source.issuer(), Some("https://id.example.com"));
    /// # Ok(()) }
    /// ```
    pub fn issuer(&self) -> Option<&str> {
        match &self.0 {
            Kind::Set(owner) => owner.shared.settings.location.issuer(),
            Kind::ByKid(_) => None,
        }
    }

    /// The name of the source in events and metrics: the issuer, or else the URL of the set. The
    /// URL's query is left out, because it may contain a secret.
    ///
    /// ```
    /// # use tollgate::oidc::RemoteJwks;
    /// # use tollgate_testkit::FakeProvider;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tollgate::oidc::OidcError> {
    /// # let provider = FakeProvider::new();
    /// let source = RemoteJwks::new("https://id.example.com/jwks.json").fetch(provider).lazy()?;
    /// assert_eq!(source.source(), "https://id.example.com/jwks.json");
    /// # Ok(()) }
    /// ```
    pub fn source(&self) -> &str {
        match &self.0 {
            Kind::Set(owner) => &owner.shared.source,
            Kind::ByKid(keys) => &keys.0.source,
        }
    }
}

impl KeySource for RemoteKeys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        let keys = |current: &Snapshot| Arc::clone(&current.keys);
        match &self.0 {
            Kind::Set(owner) => owner.shared.usable(keys),
            Kind::ByKid(source) => source.0.usable(keys),
        }
    }

    /// Does not touch the reference count of the set.
    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        let epoch = |current: &Snapshot| current.keys.epoch();
        match &self.0 {
            Kind::Set(owner) => owner.shared.usable(epoch),
            Kind::ByKid(source) => source.0.usable(epoch),
        }
    }

    fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        let shared = match &self.0 {
            Kind::Set(owner) => &owner.shared,
            Kind::ByKid(keys) => return keys.refresh(missing),
        };
        if !shared.is_alive() {
            return Step::Ready(Err(Unavailable::new(Duration::from_secs(60))));
        }
        let named = missing.kid().map(|kid| Named {
            hash: shared.name(kid, missing.algorithm()),
            kid,
        });
        let mut schedule = shared.schedule();
        // Under the lock: keys are stored before the schedule learns of them.
        let current = shared.current.load();
        let now = shared.now();
        let usable = current.as_ref().filter(|current| current.is_usable(now));
        let has_keys = usable.is_some();
        if usable.is_some_and(|current| current.has(missing)) {
            // The key arrived after the reader looked.
            return Step::pending(std::future::ready(Ok(())));
        }
        let waiting = shared.waiting.load(Ordering::Relaxed);
        let verdict = schedule.miss(now, named, has_keys, waiting);
        if schedule.is_wished() {
            shared.wish.notify_one();
        }
        match verdict {
            Verdict::Pointless => Step::Ready(Ok(())),
            Verdict::Unavailable(after) => Step::Ready(Err(Unavailable::new(after))),
            // The schedule is still locked, so an earlier fetch does not count.
            Verdict::Wait => Step::Pending(Shared::wait(shared, shared.ended.clone())),
        }
    }

    fn issuer(&self) -> Option<&str> {
        RemoteKeys::issuer(self)
    }

    fn used(&self, key: &Key, now: u64) {
        match &self.0 {
            Kind::Set(owner) => {
                if let Some(current) = &*owner.shared.current.load() {
                    current.note_use(key, now);
                }
            }
            Kind::ByKid(keys) => keys.0.current.load().note_use(key, now),
        }
    }
}

impl Shared {
    /// Returns a part of the current snapshot.
    fn usable<T>(&self, of: impl FnOnce(&Snapshot) -> T) -> Result<T, Unavailable> {
        let now = self.now();
        match &*self.current.load() {
            Some(current) if current.is_usable(now) => Ok(of(current)),
            _ => {
                let permitted = Duration::from_nanos(self.permitted.load(Ordering::Relaxed));
                Err(Unavailable::new(schedule::retry_after(now, permitted)))
            }
        }
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    fn announce(&self, event: &Event) {
        announce::announce(&self.settings, event);
    }

    /// The hash of a key for the schedule.
    fn name(&self, kid: &str, algorithm: Algorithm) -> u64 {
        self.hasher.hash_one((kid, algorithm))
    }

    /// The hashes of these keys for the schedule: one for each algorithm of a key.
    fn names(&self, keys: &KeySet) -> impl Iterator<Item = u64> {
        keys.keys().iter().flat_map(move |key| {
            let algorithms = Algorithm::ALL.iter().copied();
            let served = algorithms.filter(|algorithm| key.can_serve(*algorithm));
            served.filter_map(|algorithm| Some(self.name(key.kid()?, algorithm)))
        })
    }

    /// Waits for the end of the running fetch. The place is taken at once and freed on drop.
    fn wait(
        shared: &Arc<Self>,
        mut ended: watch::Receiver<Ended>,
    ) -> BoxFuture<Result<(), Unavailable>> {
        ended.mark_unchanged();
        let place = Place::take(Arc::clone(shared));
        Box::pin(async move {
            let shared = &*place.0;
            let changed = {
                // Outside of a tokio runtime, the timer of the fetching runtime is used.
                let _entered = Handle::try_current()
                    .is_err()
                    .then(|| shared.runtime.enter());
                timeout(shared.settings.timeout, ended.changed())
            };
            match changed.await {
                Ok(Ok(())) if *ended.borrow() => Ok(()),
                _ => Err(Unavailable::new(
                    shared.schedule().retry_after(shared.now()),
                )),
            }
        })
    }
}

/// The place of a waiting request.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: Arc<Shared>) -> Self {
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("source", &self.source())
            .field("readiness", &self.readiness())
            .finish_non_exhaustive()
    }
}

/// Returns the runtime of the caller, to fetch on.
fn current_runtime() -> Result<Handle, OidcError> {
    Handle::try_current().map_err(|_| {
        OidcError::new(
            OidcErrorKind::NoRuntime,
            "there is no tokio runtime: create the source within one",
        )
    })
}

/// Saturates after 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
