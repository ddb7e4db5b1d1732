//! Keys that are published one by one, each at a URL that ends with its `kid`.
//!
//! A token with a new `kid` causes the first fetch of its key, in a task of its own. The task keeps
//! the key fresh and ends with it. Readers see all keys as one set.
//!
//! Tokens cause at most [`BURST`] first fetches at once and as many per further cool-down, and one
//! per cool-down for `kid`s that were not found before. Keys of which no token has verified have
//! places of their own, and are not refreshed. So invented `kid`s evict no key in use.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tollgate_core::{Key, MissingKey, Step, Unavailable};

use super::announce;
use super::engine::catch_panic;
use super::negative_cache::NegativeCache;
use super::schedule::{LONGEST_PAUSE, Schedule, fraction, retry_after};
use super::snapshot::{Snapshot, Times};
use crate::bucket::Bucket;
use crate::error::{OidcError, OidcErrorKind};
use crate::event::Event;
use crate::retrieval::{Fresh, Retriever};
use crate::settings::Settings;
use crate::status::{Readiness, Status};

/// The first fetches at once, and per further cool-down.
const BURST: u32 = 8;

/// The most keys of which a token has verified.
const MOST_PROVEN: usize = 16;

/// The most other keys.
const MOST_UNPROVEN: usize = 8;

/// The owner of the tasks. Dropping it ends them.
pub(super) struct KeysByKid(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) source: Arc<str>,
    /// The origin of all times that are durations.
    epoch: Instant,
    retriever: Retriever,
    /// The keys for readers, possibly none.
    pub(super) current: ArcSwap<Snapshot>,
    /// Locked for a missing key and by the tasks.
    state: Mutex<State>,
    /// One reference for each waiting request.
    waiting: Arc<()>,
    /// Randomly keyed, so that `kid`s cannot be chosen to collide.
    hasher: RandomState,
    runtime: Handle,
}

struct State {
    /// In the order of their first fetches.
    held: Vec<Held>,
    /// The first fetches.
    running: HashMap<Box<str>, First>,
    tasks: JoinSet<()>,
    /// The `kid`s that were not found.
    unknown: NegativeCache,
    /// For `kid`s that were never looked for, and for those that were not found.
    budgets: [Bucket; 2],
    /// The end of the pause after a failed fetch.
    permitted: Duration,
    /// The end of the last failed fetch. Fetches that began before it are not another failure.
    failed_at: Duration,
    failures: u32,
    last_error: Option<OidcError>,
    fetches: u64,
}

struct First {
    /// `true` at an end with or without a key; closed at a failure.
    ended: watch::Receiver<bool>,
    task: AbortHandle,
}

struct Held {
    kid: Box<str>,
    task: AbortHandle,
    key: Key,
    /// The PEM, as a keyed hash.
    content: u64,
    times: Times,
    due: Duration,
}

/// The next step of the task of a key.
enum Next {
    Fetch,
    Sleep(Duration),
    Gone,
}

impl KeysByKid {
    pub(super) fn start(settings: Settings, retriever: Retriever, runtime: Handle) -> Self {
        let budget = |burst| Bucket::new(burst, settings.cool_down);
        Self(Arc::new(Shared {
            source: settings.location.shown().into(),
            epoch: Instant::now(),
            retriever,
            current: ArcSwap::from_pointee(Snapshot::none()),
            state: Mutex::new(State {
                held: Vec::new(),
                running: HashMap::new(),
                tasks: JoinSet::new(),
                unknown: NegativeCache::new(settings.negative_life),
                budgets: [budget(BURST), budget(1)],
                permitted: Duration::ZERO,
                failed_at: Duration::ZERO,
                failures: 0,
                last_error: None,
                fetches: 0,
            }),
            waiting: Arc::default(),
            hasher: RandomState::new(),
            runtime,
            settings,
        }))
    }

    /// Fetches the key of this `kid` if it was not found before and the budgets permit it.
    pub(super) fn refresh(&self, missing: &MissingKey<'_>) -> Step<Result<(), Unavailable>> {
        let shared = &self.0;
        let Some(kid) = missing.kid().filter(|kid| is_uuid(kid)) else {
            return Step::Ready(Ok(()));
        };
        let mut state = shared.state();
        let now = shared.now();
        if state.held.iter().any(|held| &*held.kid == kid) {
            // It arrived after the reader looked, or serves another algorithm.
            return Step::pending(std::future::ready(Ok(())));
        }
        if Arc::strong_count(&shared.waiting) > Schedule::MOST_WAITING {
            return Step::Ready(Err(shared.unavailable(&state)));
        }
        // A closed channel belongs to a task that panicked, or to a runtime that has ended.
        if let Some(running) = state.running.get(kid)
            && running.ended.has_changed().is_ok()
        {
            return shared.wait(running.ended.clone());
        }
        let name = shared.hasher.hash_one(kid);
        let repeated = state.unknown.contains(now, name);
        if now < state.permitted {
            return Step::Ready(Err(shared.unavailable(&state)));
        }
        match state.budgets[usize::from(repeated)].take(now) {
            // It was looked for a moment ago.
            Err(_) if repeated => return Step::Ready(Ok(())),
            Err(wait) => return Step::Ready(Err(Unavailable::new(retry_after(now, now + wait)))),
            Ok(()) => {}
        }
        let (ended, running) = watch::channel(false);
        while state.tasks.try_join_next().is_some() {}
        let task = Shared::keep(Arc::clone(shared), kid.into(), ended);
        let task = state.tasks.spawn_on(task, &shared.runtime);
        let first = First {
            ended: running.clone(),
            task,
        };
        state.running.insert(kid.into(), first);
        shared.wait(running)
    }

    pub(super) fn status(&self) -> Status {
        let shared = &*self.0;
        let current = shared.current.load();
        let state = shared.state();
        let now = shared.now();
        let times = || state.held.iter().map(|held| held.times);
        let until = |at: Duration| at.saturating_sub(now);
        let dues = state.held.iter().map(|held| held.due);
        Status {
            source: shared.source.to_string(),
            readiness: self.readiness(),
            last_success: times().map(|times| times.clock).max(),
            age: times().map(|times| now.saturating_sub(times.now)).min(),
            next_refresh: dues.min().map(until),
            expires_in: times().map(|times| until(times.expiry())).min(),
            consecutive_failures: state.failures,
            last_error: state.last_error.clone(),
            keys: current.key_status(),
            skipped: Vec::new(),
            fetches: state.fetches,
        }
    }

    /// A source without keys is ready: no key is known before the first token.
    pub(super) fn readiness(&self) -> Readiness {
        self.0.current.load().readiness(self.0.now())
    }
}

impl Shared {
    /// Returns a part of the current snapshot.
    pub(super) fn usable<T>(&self, of: impl FnOnce(&Snapshot) -> T) -> Result<T, Unavailable> {
        let current = self.current.load();
        if current.is_usable(self.now()) {
            return Ok(of(&current));
        }
        Err(Unavailable::new(retry_after(
            Duration::ZERO,
            Duration::ZERO,
        )))
    }

    /// Fetches the key of this `kid`, and keeps it fresh.
    async fn keep(self: Arc<Self>, kid: Box<str>, ended: watch::Sender<bool>) {
        let mut ended = Some(ended);
        loop {
            let began = self.begin();
            let outcome = self.fetch(&kid).await;
            let (is_known, event) = self.settle(&kid, began, outcome);
            if let Some(ended) = ended.take()
                && is_known
            {
                ended.send_replace(true);
            }
            if let Some(event) = event {
                announce::announce(&self.settings, &event);
            }
            loop {
                let next = self.next(&kid);
                match next {
                    Next::Fetch => break,
                    Next::Sleep(until) => sleep_until(self.epoch + until).await,
                    Next::Gone => return,
                }
            }
        }
    }

    fn begin(&self) -> Duration {
        self.state().fetches += 1;
        self.now()
    }

    async fn fetch(&self, kid: &str) -> Result<Option<Fresh<(Key, u64)>>, OidcError> {
        let retrieval = catch_panic(self.retriever.retrieve_key(kid, &self.hasher));
        let limit = self.settings.longest_retrieval();
        let (cause, problem) = match timeout(limit, retrieval).await {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => (OidcErrorKind::Unreachable, "the HTTP client panicked"),
            Err(_) => (OidcErrorKind::TimedOut, "the HTTP client did not respond"),
        };
        Err(OidcError::new(cause, problem))
    }

    /// Records the outcome of a fetch. Returns whether it is known now if the key exists.
    fn settle(
        &self,
        kid: &str,
        began: Duration,
        outcome: Result<Option<Fresh<(Key, u64)>>, OidcError>,
    ) -> (bool, Option<Event>) {
        let mut state = self.state();
        let now = self.now();
        let jitter = fraction((self.settings.jitter)());
        let place = state.held.iter().position(|held| &*held.kid == kid);
        let first = state.running.remove(kid).map(|first| first.task);
        let was_first = first.is_some();
        let Some(task) = first.or_else(|| Some(state.held[place?].task.clone())) else {
            return (false, None); // evicted during the fetch
        };
        let source = Arc::clone(&self.source);
        let error = match outcome {
            Ok(Some(fresh)) => {
                let event = self.accept(&mut state, kid, task, fresh, jitter);
                return (true, Some(event));
            }
            Ok(None) if was_first => {
                state.unknown.insert(now, self.hasher.hash_one(kid));
                let event = Event::UnknownKey {
                    source,
                    kid: kid.to_owned(),
                    count: 1,
                };
                return (true, Some(event));
            }
            // Its last fetch stays valid: the response may be one of a proxy.
            Ok(None) => {
                let detail = "the key is no longer published";
                OidcError::new(OidcErrorKind::NoUsableKey, detail)
            }
            Err(error) => {
                if began >= state.failed_at {
                    let doubled = self
                        .settings
                        .cool_down
                        .saturating_mul(1 << state.failures.min(16));
                    let pause = doubled.min(LONGEST_PAUSE.max(self.settings.cool_down));
                    state.failures = state.failures.saturating_add(1);
                    state.failed_at = now;
                    let pause = pause.mul_f64(1.0 + 0.1 * jitter);
                    state.permitted = state.permitted.max(began.saturating_add(pause));
                }
                state.last_error = Some(error.clone());
                error
            }
        };
        let due = state.permitted.max(now + self.settings.cool_down);
        let usable_for = place.map_or(Duration::ZERO, |place| {
            let held = &mut state.held[place];
            held.due = due;
            held.times.expiry().saturating_sub(now)
        });
        let consecutive = state.failures.max(1);
        (
            false,
            Some(Event::Failed {
                source,
                error,
                consecutive,
                usable_for,
            }),
        )
    }

    /// Stores a fetched key, as a new one or with new times.
    fn accept(
        &self,
        state: &mut State,
        kid: &str,
        task: AbortHandle,
        fresh: Fresh<(Key, u64)>,
        jitter: f64,
    ) -> Event {
        let (key, content) = fresh.found;
        let life = self.settings.bounded_life(fresh.life);
        let times = Times {
            now: self.now(),
            clock: self.settings.clock.now(),
            life,
            stale: self.settings.stale_if_error,
        };
        let due = times.now.saturating_add(life.mul_f64(0.80 - 0.08 * jitter));
        state.failures = 0;
        state.last_error = None;
        let source = Arc::clone(&self.source);
        let held = state.held.iter_mut().find(|held| &*held.kid == kid);
        if let Some(held) = held.filter(|held| held.content == content) {
            (held.times, held.due) = (times, due);
            self.publish(state, false);
            let keys = state.held.len();
            return Event::Unchanged { source, keys, life };
        }
        let new = Held {
            kid: kid.into(),
            task,
            key,
            content,
            times,
            due,
        };
        let withdrawn = self.insert(state, new);
        self.publish(state, true);
        Event::Refreshed {
            source,
            keys: state.held.len(),
            added: vec![kid.to_owned()],
            withdrawn,
            skipped: Vec::new(),
            life,
        }
    }

    /// Adds a key, and returns the `kid`s of the keys that make room.
    fn insert(&self, state: &mut State, new: Held) -> Vec<String> {
        state.held.retain(|held| held.kid != new.kid);
        let current = self.current.load();
        let mut gone = Vec::new();
        for (proven, most) in [(false, MOST_UNPROVEN - 1), (true, MOST_PROVEN)] {
            let used = |held: &&Held| current.last_used(&held.key);
            let class = || state.held.iter().filter(|held| (used(held) > 0) == proven);
            // The first of several with the same use is the oldest.
            if class().count() > most
                && let Some(least) = class().min_by_key(used)
            {
                least.task.abort();
                gone.push(String::from(&*least.kid));
            }
        }
        state
            .held
            .retain(|held| !gone.iter().any(|gone| **gone == *held.kid));
        state.held.push(new);
        gone
    }

    /// Returns the next step for the key, which is removed at its end.
    fn next(&self, kid: &str) -> Next {
        let mut state = self.state();
        let now = self.now();
        let Some(place) = state.held.iter().position(|held| &*held.kid == kid) else {
            return Next::Gone;
        };
        let held = &state.held[place];
        let is_proven = self.current.load().last_used(&held.key) > 0;
        let expiry = held.times.expiry();
        let at = held.due.max(state.permitted).min(expiry);
        let life_end = held.times.life_end();
        if now < at {
            return Next::Sleep(at);
        }
        if now >= expiry || (!is_proven && now >= life_end) {
            state.held.remove(place);
            self.publish(&state, true);
            let is_last = state.held.is_empty();
            drop(state);
            if is_proven && is_last {
                let source = Arc::clone(&self.source);
                announce::announce(&self.settings, &Event::Expired { source });
            }
            return Next::Gone;
        }
        if is_proven {
            Next::Fetch
        } else {
            Next::Sleep(life_end)
        }
    }

    /// Publishes the keys, as a new set if they have changed. Readers stop using the set soon after
    /// its first key has expired, if no task removes the key.
    fn publish(&self, state: &State, changed: bool) {
        const GRACE: Duration = Duration::from_secs(1);
        let current = self.current.load();
        let all = || state.held.iter().map(|held| held.times);
        let Some(latest) = all().max_by_key(|times| times.now) else {
            self.current.store(Arc::new(Snapshot::none()));
            return;
        };
        let first = |of: fn(&Times) -> Duration| all().map(|times| of(&times)).min();
        let life_end = first(Times::life_end).unwrap_or_default();
        let expiry = first(Times::expiry).unwrap_or_default();
        let times = Times {
            life: life_end.saturating_sub(latest.now),
            stale: expiry.saturating_sub(life_end.max(latest.now)) + GRACE,
            ..latest
        };
        let next = if changed {
            let keys = state.held.iter().map(|held| held.key.clone());
            Snapshot::changed(keys.collect(), Some(&current), times)
        } else {
            current.unchanged(times)
        };
        self.current.store(Arc::new(next));
    }

    /// Waits for the end of a first fetch.
    fn wait(self: &Arc<Self>, mut running: watch::Receiver<bool>) -> Step<Result<(), Unavailable>> {
        let (shared, place) = (Arc::clone(self), Arc::clone(&self.waiting));
        Step::pending(async move {
            let ended = {
                // Outside of a tokio runtime, the timer of the fetching runtime is used.
                let _entered = Handle::try_current()
                    .is_err()
                    .then(|| shared.runtime.enter());
                timeout(shared.settings.timeout, running.wait_for(|known| *known))
            };
            let known = matches!(ended.await, Ok(Ok(_)));
            drop(place);
            if known {
                return Ok(());
            }
            Err(shared.unavailable(&shared.state()))
        })
    }

    fn unavailable(&self, state: &State) -> Unavailable {
        Unavailable::new(retry_after(self.now(), state.permitted))
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeysByKid {
    fn drop(&mut self) {
        self.0.state().tasks.abort_all();
    }
}

/// Returns whether the `kid` is a UUID in lower case (RFC 9562 section 4), the only text that
/// becomes part of a URL.
fn is_uuid(kid: &str) -> bool {
    kid.len() == 36
        && kid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
