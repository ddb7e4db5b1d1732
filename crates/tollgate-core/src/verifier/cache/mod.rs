//! The cache of verified tokens.
//!
//! It has two levels. All threads share the far level, which is bounded in bytes and resists floods
//! of tokens that come once. Each thread has its own near level, whose lock no other thread takes.
//! A hit in the far level adds the token to the near level.
//!
//! Keeping a token costs about as much as verifying an HMAC. A token with an HMAC is therefore kept
//! on its second use, any other token on its first.

mod entry;
mod held;
#[cfg(all(test, shuttle))]
mod interleavings;
mod near;
mod settings;
mod sighted;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher as _, RandomState};
use std::sync::{Arc, OnceLock, TryLockError};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use quick_cache::OptionsBuilder;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use self::entry::{AsItIs, ByToken, Bytes, Entry, Hashed, PushedOut};
pub(crate) use self::held::{Cached, Held};
use self::near::{Counters, Near};
pub use self::settings::{TokenCache, TokenCacheStatus};
use self::sighted::Sighted;
use crate::per_thread::Slots;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// The usual memory of an entry, in bytes.
const USUAL_BYTES: usize = 2048;

/// The divisor of the memory bound that gives the bound of one near level.
const NEAR_SHARE: usize = 8;

type Far<V> = Cache<ByToken<V>, Arc<Entry<V>>, Bytes, BuildHasherDefault<AsItIs>, PushedOut>;

/// The verified tokens of one verifier. They are not shared with other verifiers.
pub(crate) struct VerifiedTokens<V: Cached> {
    settings: TokenCache,
    /// Keyed, so that an attacker cannot choose tokens that collide.
    hashing: SeedableRandomState,
    /// The number of calls of [`forget`](Self::forget). Entries of an older generation are invalid.
    generation: AtomicU64,
    /// Created with the first entry.
    far: OnceLock<Far<V>>,
    sighted: OnceLock<Sighted>,
    near: Slots<Box<Table<V>>>,
}

/// The near level of one thread, and its counters.
struct Table<V: Cached> {
    near: Mutex<Near<V>>,
    counters: Counters,
}

impl<V: Cached> Table<V> {
    /// Locks the table. `None` if it is in use: by this thread itself, if a value's destructor or a
    /// key source verifies tokens in turn, or by a thread that shares the slot.
    #[inline]
    fn lock(&self) -> Option<MutexGuard<'_, Near<V>>> {
        match self.near.try_lock() {
            Ok(table) => Some(table),
            Err(TryLockError::Poisoned(table)) => Some(table.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A token to look up, and to keep after its verification.
pub(crate) struct Sought<'c, 't, V: Cached> {
    cache: &'c VerifiedTokens<V>,
    hashed: Hashed<'t>,
    generation: u64,
}

/// A cache hit whose evidence still holds. The caller has to check the time.
pub(crate) struct Known<V: Cached> {
    pub(crate) held: Held<V>,
    /// Set if the use has to be reported to the source of the key: once a second for each thread
    /// with a near entry, and once for all other threads.
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
        // `RandomState` is seeded with randomness of the operating system.
        let seed = RandomState::new().hash_one(());
        Self {
            settings,
            hashing: SeedableRandomState::with_seed(seed, SharedSeed::global_random()),
            generation: AtomicU64::new(0),
            far: OnceLock::new(),
            sighted: OnceLock::new(),
            near: Slots::new(),
        }
    }

    /// Starts a look-up. `None` if the token is too long to be kept.
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

    /// Invalidates all entries.
    pub(crate) fn forget(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn status(&self) -> TokenCacheStatus {
        let sum = |of: fn(&Counters) -> &AtomicU64| {
            let counts = self
                .near
                .iter()
                .map(|near| of(&near.counters).load(Ordering::Relaxed));
            counts.fold(0, u64::wrapping_add)
        };
        TokenCacheStatus {
            tokens: self.far.get().map_or(0, Far::<V>::len),
            bytes: self.far.get().map_or(0, Far::<V>::weight),
            hits: sum(|counters| &counters.hits),
            misses: sum(|counters| &counters.misses),
        }
    }

    /// Returns the near level of this thread.
    #[inline]
    fn near(&self) -> &Table<V> {
        self.near.own().get_or_init(|| {
            Box::new(Table {
                near: Mutex::new(Near::new(self.settings.max_bytes / NEAR_SHARE)),
                counters: Counters::default(),
            })
        })
    }

    /// Returns `true` if a token that is cheap to verify comes often enough to be kept.
    fn comes_again(&self, hash: u64) -> bool {
        let places = self.settings.max_bytes / USUAL_BYTES;
        self.sighted
            .get_or_init(|| Sighted::new(places))
            .sight(hash)
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
        // After a clock was set back, the age of an entry is unknown.
        let age = now.checked_sub(entry.since);
        age.is_some_and(|age| age < self.settings.lifetime.as_secs())
            && entry.generation == self.generation.load(Ordering::Acquire)
    }
}

impl<V: Cached> Sought<'_, '_, V> {
    /// Returns the token if it was verified within the lifetime and its evidence still holds.
    ///
    /// [`Cached::is_valid`] may verify tokens in turn, so this function never waits for a lock.
    pub(crate) fn find(&self, now: u64, state: &V::State) -> Option<Known<V>> {
        if let Some(known) = self.find_near(now, state) {
            return Some(known);
        }
        let far = self.cache.far.get()?;
        let entry = far.get(&self.hashed)?;
        if !self.cache.stands(&entry, now) || !entry.value.is_valid(&entry.evidence, state) {
            // Another thread may have verified the token since, and kept that.
            far.remove_if(&self.hashed, |now| Arc::ptr_eq(now, &entry));
            return None;
        }
        let near = self.cache.near();
        Counters::count(&near.counters.hits);
        let handle = near.lock().and_then(|mut table| {
            table
                .has_room_for(&entry, now)
                .then(|| table.keep(&entry, now))?
        });
        let together = || Held::Together(Arc::clone(&entry.value));
        Some(Known {
            held: handle.map_or_else(together, Held::ByThread),
            due: entry.is_due(now).then_some(entry),
        })
    }

    /// Looks in the near level. If its handle is invalid, another thread may have a newer entry.
    fn find_near(&self, now: u64, state: &V::State) -> Option<Known<V>> {
        let near = self.cache.near();
        let mut table = near.lock()?;
        let slot = table.find(&self.hashed)?;
        let entry = &slot.entry;
        if self.cache.stands(entry, now) && entry.value.is_valid(&entry.evidence, state) {
            Counters::count(&near.counters.hits);
            let due = slot.is_due(now).then(|| Arc::clone(entry));
            if let Some(entry) = &due {
                self.keep_far(entry);
            }
            return Some(Known {
                held: slot.held(),
                due,
            });
        }
        table.remove(&self.hashed);
        None
    }

    /// Keeps a token after a cache miss. A token that is cheap to verify is kept only on its second
    /// use.
    pub(crate) fn keep(self, now: u64, value: &Arc<V>, evidence: V::Evidence) {
        let Hashed { hash, token } = self.hashed;
        Counters::count(&self.cache.near().counters.misses);
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

    /// Invalidates the token.
    pub(crate) fn forget(&self) {
        if let Some(mut table) = self.cache.near().lock() {
            table.remove(&self.hashed);
        }
        if let Some(far) = self.cache.far.get() {
            far.remove(&self.hashed);
        }
    }

    /// Touches an entry in the far level, which does not see the hits of the near levels.
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
