//! The cache of verified tokens.
//!
//! It has two levels. All threads share the far one, which is bounded in bytes and resists floods
//! of tokens that come once. Each thread has a near level of its own, whose lock no other thread
//! takes. A token that the far level answers gets a place in the near one.
//!
//! Keeping a token costs about as much as verifying an HMAC. A token with an HMAC is kept when it
//! comes for the second time, any other token at once.

mod entry;
mod held;
mod near;
mod settings;
mod sighted;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};

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

/// The usual memory of an entry, in bytes.
const USUAL_BYTES: usize = 2048;

/// The divisor of the memory bound that gives the bound of one near level.
const NEAR_SHARE: usize = 8;

type Far<V> = Cache<ByToken<V>, Arc<Entry<V>>, Bytes, BuildHasherDefault<AsItIs>, PushedOut>;

/// The verified tokens of one verifier. No other verifier can see them.
pub(crate) struct VerifiedTokens<V: Cached> {
    settings: TokenCache,
    /// Keyed, so that an attacker cannot choose tokens that share a place.
    hashing: SeedableRandomState,
    /// Counts the calls of [`forget`](Self::forget). Older entries do not stand.
    generation: AtomicU64,
    /// Made when there is something to keep.
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
    /// `None` if the table is in use: by this thread itself, when a value's destructor or a key
    /// source verifies tokens in turn, or by a thread that shares the slot.
    #[inline]
    fn lock(&self) -> Option<MutexGuard<'_, Near<V>>> {
        match self.near.try_lock() {
            Ok(table) => Some(table),
            Err(TryLockError::Poisoned(table)) => Some(table.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A token to look up, and to keep if it verifies.
pub(crate) struct Sought<'c, 't, V: Cached> {
    cache: &'c VerifiedTokens<V>,
    hashed: Hashed<'t>,
    generation: u64,
}

/// A token that was found, whose grounds still stand. The time has to be looked at.
pub(crate) struct Known<V: Cached> {
    pub(crate) held: Held<V>,
    /// Once a second for each thread that has the token, and for all that have not: the use has to
    /// be told to where the key came from.
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
            near: Slots::new(),
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

    /// The near level of this thread.
    #[inline]
    fn near(&self) -> &Table<V> {
        self.near.own().get_or_init(|| {
            Box::new(Table {
                near: Mutex::new(Near::new(self.settings.max_bytes / NEAR_SHARE)),
                counters: Counters::default(),
            })
        })
    }

    /// Whether a token that is cheap to verify comes often enough to be kept.
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
        // A clock that was put back says nothing of how long ago it was.
        let age = now.checked_sub(entry.since);
        age.is_some_and(|age| age < self.settings.lifetime.as_secs())
            && entry.generation == self.generation.load(Ordering::Acquire)
    }
}

impl<V: Cached> Sought<'_, '_, V> {
    /// The token, if it was verified within the lifetime and its evidence still holds.
    ///
    /// `holds` may call code of the user, which may verify tokens in turn. No lock is waited for.
    pub(crate) fn find(
        &self,
        now: u64,
        holds: impl Fn(&V, &V::Evidence) -> bool,
    ) -> Option<Known<V>> {
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

    /// The handle of this thread. If it does not stand, another thread may have a newer entry.
    fn find_near(&self, now: u64, holds: impl Fn(&V, &V::Evidence) -> bool) -> Option<Known<V>> {
        let near = self.cache.near();
        let mut table = near.lock()?;
        let slot = table.find(&self.hashed)?;
        if self.cache.stands(&slot.entry, now) && holds(&slot.entry.value, &slot.entry.evidence) {
            Counters::count(&near.counters.hits);
            let due = slot.is_due(now).then(|| Arc::clone(&slot.entry));
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

    /// Keeps the token, which was not found and has been verified since; if it was cheap to verify,
    /// only when it was so before.
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

    /// The token has to be verified again.
    pub(crate) fn forget(&self) {
        if let Some(mut table) = self.cache.near().lock() {
            table.remove(&self.hashed);
        }
        if let Some(far) = self.cache.far.get() {
            far.remove(&self.hashed);
        }
    }

    /// Touches an entry in the far level, which sees no hits of the near levels.
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
