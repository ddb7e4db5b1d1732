//! Tokens that were verified a moment ago.
//!
//! There are two levels. The far one is shared by all threads, bounded in bytes, and chooses what to keep so that tokens that
//! come once do not push out those that come again. The near one is each thread's own and takes no lock: what the far one
//! answers a second time gets a place there.
//!
//! To keep a token costs about as much as to verify an HMAC. Such a token is kept when it comes for the second time, any other
//! one at once.

mod entry;
mod held;
mod near;
mod settings;
mod sighted;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use quick_cache::OptionsBuilder;
use quick_cache::sync::Cache;
use thread_local::ThreadLocal;
use zeroize::Zeroizing;

use self::entry::{AsItIs, ByToken, Bytes, Entry, Hashed, PushedOut};
pub(crate) use self::held::{Cached, Held};
use self::near::{Counters, Near};
pub use self::settings::{TokenCache, TokenCacheStatus};
use self::sighted::Sighted;
use crate::of_thread::of_thread;

/// What a token takes, with what is kept of it.
const USUAL_BYTES: usize = 2048;

/// What the table of each thread may take of what all may take together.
const NEAR_SHARE: usize = 8;

type Far<V> = Cache<ByToken<V>, Arc<Entry<V>>, Bytes, BuildHasherDefault<AsItIs>, PushedOut>;

/// The verified tokens of one verifier. No other verifier can see them.
pub(crate) struct VerifiedTokens<V: Cached> {
    settings: TokenCache,
    /// Keyed, so that nobody outside knows which tokens share a place.
    hashing: SeedableRandomState,
    /// How often everything was forgotten.
    generation: AtomicU64,
    /// Made when there is something to keep.
    far: OnceLock<Far<V>>,
    sighted: OnceLock<Sighted>,
    near: ThreadLocal<RefCell<Near<V>>>,
    counters: Mutex<Vec<Arc<Counters>>>,
}

/// A token that is looked for, and kept if it verifies.
pub(crate) struct Sought<'c, 't, V: Cached> {
    cache: &'c VerifiedTokens<V>,
    hashed: Hashed<'t>,
    generation: u64,
}

/// A token that was found, whose grounds still stand. The time has to be looked at.
pub(crate) struct Known<V: Cached> {
    pub(crate) held: Held<V>,
    /// Once a second for each thread that has the token, and for all that have not: the use has to be told to where the key
    /// came from.
    due: Option<Arc<Entry<V>>>,
}

impl<V: Cached> Known<V> {
    /// The evidence of the token if its use has to be reported to the source of its key.
    pub(crate) fn due(&self) -> Option<&V::Evidence> {
        self.due.as_deref().map(|entry| &entry.evidence)
    }
}

impl<V: Cached> VerifiedTokens<V> {
    pub(crate) fn new(settings: TokenCache) -> Self {
        // Randomness of the operating system, which this is a way to.
        let seed = RandomState::new().hash_one(());
        Self {
            settings,
            hashing: SeedableRandomState::with_seed(seed, SharedSeed::global_random()),
            generation: AtomicU64::new(0),
            far: OnceLock::new(),
            sighted: OnceLock::new(),
            near: ThreadLocal::new(),
            counters: Mutex::default(),
        }
    }

    /// `None` where the token is too long to be kept.
    pub(crate) fn seek<'c, 't>(&'c self, token: &'t [u8]) -> Option<Sought<'c, 't, V>> {
        if token.len() > self.settings.max_token_bytes {
            return None;
        }
        let mut hasher = self.hashing.build_hasher();
        hasher.write(token);
        let hash = hasher.finish();
        Some(Sought {
            cache: self,
            hashed: Hashed { hash, token },
            generation: self.generation.load(Ordering::Acquire),
        })
    }

    /// Every token has to be verified again.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn status(&self) -> TokenCacheStatus {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: fn(&Counters) -> &AtomicU64| {
            let counts = counters
                .iter()
                .map(|counters| of(counters).load(Ordering::Relaxed));
            counts.fold(0, u64::wrapping_add)
        };
        TokenCacheStatus {
            tokens: self.far.get().map_or(0, Far::<V>::len),
            bytes: self.far.get().map_or(0, Far::<V>::weight),
            hits: sum(|counters| &counters.hits),
            misses: sum(|counters| &counters.misses),
        }
    }

    /// `None` in a thread that is ending.
    fn near(&self) -> Option<&RefCell<Near<V>>> {
        of_thread(&self.near, || {
            let counters = Arc::<Counters>::default();
            let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Arc::clone(&counters));
            RefCell::new(Near::new(self.settings.max_bytes / NEAR_SHARE, counters))
        })
    }

    /// Whether a token that is cheap to verify comes often enough to be kept.
    fn comes_again(&self, hash: u64) -> bool {
        let places = self.settings.max_bytes / USUAL_BYTES;
        self.sighted.get_or_init(|| Sighted::new(places)).sight(hash)
    }

    fn far(&self) -> &Far<V> {
        self.far.get_or_init(|| {
            let most = self.settings.max_bytes;
            // A shard must have room for several of the longest tokens.
            let shards = most / (256 * 1024).max(8 * self.settings.max_token_bytes);
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            let options = OptionsBuilder::new()
                .estimated_items_capacity(most / USUAL_BYTES)
                .weight_capacity(most as u64)
                .shards(shards.clamp(1, threads * 4))
                .build();
            let options = options.expect("both capacities are set");
            let hashing = BuildHasherDefault::default();
            Cache::with_options(options, Bytes, hashing, PushedOut)
        })
    }

    fn stands(&self, entry: &Entry<V>, now: u64) -> bool {
        // A clock that was put back says nothing of how long ago it was.
        let age = now.checked_sub(entry.since);
        age.is_some_and(|age| age < self.settings.lifetime.as_secs())
            && entry.generation == self.generation.load(Ordering::Acquire)
    }
}

impl<V: Cached> Sought<'_, '_, V> {
    /// The token, if it was verified within the lifetime and `hold` says of all that it rested on that it still does.
    ///
    /// `hold` may call code of others, which may verify tokens in turn: nothing is locked, and a table that is being read is
    /// not changed.
    pub(crate) fn find(&self, now: u64, holds: impl Fn(&V, &V::Evidence) -> bool) -> Option<Known<V>> {
        if let Some(known) = self.find_near(now, &holds) {
            return Some(known);
        }
        let far = self.cache.far.get()?;
        let entry = far.get(&self.hashed)?;
        if !self.cache.stands(&entry, now) || !holds(&entry.value, &entry.evidence) {
            // Another thread may have verified the token since, and kept that.
            far.remove_if(&self.hashed, |now| Arc::ptr_eq(now, &entry));
            return None;
        }
        let near = self.cache.near().and_then(|near| near.try_borrow_mut().ok());
        let handle = near.and_then(|mut table| {
            Counters::count(&table.counters.hits);
            table.has_room_for(&entry, now).then(|| table.keep(&entry, now))?
        });
        let together = || Held::Together(Arc::clone(&entry.value));
        Some(Known {
            held: handle.map_or_else(together, Held::ByThread),
            due: entry.is_due(now).then_some(entry),
        })
    }

    /// What this thread has; if it does not stand any longer, another thread may have something newer.
    fn find_near(&self, now: u64, holds: impl Fn(&V, &V::Evidence) -> bool) -> Option<Known<V>> {
        let near = self.cache.near()?;
        let table = near.try_borrow().ok()?;
        let slot = table.find(&self.hashed)?;
        if self.cache.stands(&slot.entry, now) && holds(&slot.entry.value, &slot.entry.evidence) {
            Counters::count(&table.counters.hits);
            let due = slot.is_due(now).then(|| Arc::clone(&slot.entry));
            if let Some(entry) = &due {
                self.keep_far(entry);
            }
            return Some(Known {
                held: slot.held(),
                due,
            });
        }
        drop(table);
        if let Ok(mut table) = near.try_borrow_mut() {
            table.remove(&self.hashed);
        }
        None
    }

    /// Keeps the token, which was not found and has been verified since; if it was cheap to verify, only when it was so before.
    pub(crate) fn keep(self, now: u64, value: &Arc<V>, evidence: V::Evidence) {
        let Hashed { hash, token } = self.hashed;
        if let Some(Ok(near)) = self.cache.near().map(RefCell::try_borrow) {
            Counters::count(&near.counters.misses);
        }
        let cheap = value.is_cheap();
        if cheap && !self.cache.comes_again(hash) {
            return;
        }
        let bytes = Entry::measure(token, &**value, &evidence);
        let entry = Arc::new(Entry {
            hash,
            token: Zeroizing::new(token.into()),
            value: Arc::clone(value),
            evidence,
            generation: self.generation,
            since: now,
            noted: AtomicU64::new(now),
            bytes,
        });
        self.cache.far().insert(ByToken(Arc::clone(&entry)), entry);
    }

    /// The token has to be verified again.
    pub(crate) fn forget(&self) {
        if let Some(Ok(mut near)) = self.cache.near().map(RefCell::try_borrow_mut) {
            near.remove(&self.hashed);
        }
        if let Some(far) = self.cache.far.get() {
            far.remove(&self.hashed);
        }
    }

    /// The far level only sees what the near ones do not have: it is told now and then what is in use.
    fn keep_far(&self, entry: &Arc<Entry<V>>) {
        let far = self.cache.far();
        if far.get(&self.hashed).is_none() {
            far.insert(ByToken(Arc::clone(entry)), Arc::clone(entry));
        }
    }
}

impl<V: Cached> fmt::Debug for VerifiedTokens<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
