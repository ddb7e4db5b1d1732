//! The registry of issuers: a bounded number, in two classes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::admission::{Admission, Running};

#[cfg(test)]
mod tests;

/// The maximum number of unproven issuers.
const MOST_UNPROVEN: usize = 64;

/// The state of each issuer. Readers take no lock and never wait; writers are serialized.
///
/// An issuer is *proven* once one of its tokens has verified. Each class has its own slots, and the
/// least recently used issuer of a class is evicted first: invented names evict only each other.
pub(super) struct Registry<V> {
    /// Replaced as a whole by each write: writes are as rare as first fetches. The hash is randomly
    /// keyed.
    kept: ArcSwap<HashMap<Arc<str>, Arc<Kept<V>>>>,
    writing: Mutex<Writing>,
    shares: Shares,
}

struct Writing {
    admission: Admission,
    admitted: u64,
}

/// The capacity of each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shares {
    proven: usize,
    unproven: usize,
}

impl Shares {
    const fn of(capacity: usize) -> Self {
        let quarter = capacity / 4;
        let unproven = match quarter {
            0 => 1,
            1..MOST_UNPROVEN => quarter,
            _ => MOST_UNPROVEN,
        };
        Self {
            proven: capacity.saturating_sub(unproven),
            unproven,
        }
    }
}

/// An issuer in the registry.
#[derive(Debug)]
pub(super) struct Kept<V> {
    pub(super) issuer: Arc<str>,
    pub(super) value: V,
    /// The order of admission, to break ties within a second.
    admitted: u64,
    pub(super) usage: Arc<Usage>,
}

/// The marks that requests set on an issuer.
#[derive(Debug)]
pub(super) struct Usage {
    proven: AtomicBool,
    /// In seconds, by the caller's clock.
    last_used: AtomicU64,
}

impl Usage {
    const fn new(now: Duration) -> Self {
        Self {
            proven: AtomicBool::new(false),
            last_used: AtomicU64::new(now.as_secs()),
        }
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Returns the last use, in seconds by the caller's clock.
    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Records that a token names the issuer. Ignored for a proven issuer: anyone can send such a
    /// token.
    pub(super) fn named(&self, now: Duration) {
        if !self.is_proven() {
            self.touch(now);
        }
    }

    /// Records that a token of the issuer has verified.
    pub(super) fn verified(&self, now: Duration) {
        self.touch(now);
        if !self.is_proven() {
            self.proven.store(true, Ordering::Relaxed);
        }
    }

    /// Writes at most once a second, so that readers share the cache line.
    fn touch(&self, now: Duration) {
        if self.last_used() < now.as_secs() {
            self.last_used.store(now.as_secs(), Ordering::Relaxed);
        }
    }
}

impl<V> std::ops::Deref for Kept<V> {
    type Target = Usage;

    fn deref(&self) -> &Usage {
        &self.usage
    }
}

impl<V> Kept<V> {
    /// The issuer with the lowest standing is evicted first.
    fn standing(&self) -> (u64, u64) {
        (self.last_used(), self.admitted)
    }
}

/// The reason for which an issuer is not admitted.
#[derive(Debug)]
pub(super) enum NotKept<E> {
    /// Retry after this time.
    Later(Duration),
    /// It could not be created.
    Failed(E),
}

impl<V> Registry<V> {
    pub(super) fn new(capacity: usize, admission: Admission) -> Self {
        Self {
            kept: ArcSwap::default(),
            writing: Mutex::new(Writing {
                admission,
                admitted: 0,
            }),
            shares: Shares::of(capacity),
        }
    }

    pub(super) fn get(&self, issuer: &str) -> Option<Arc<Kept<V>>> {
        self.kept.load().get(issuer).cloned()
    }

    /// Returns all issuers.
    pub(super) fn all(&self) -> Vec<Arc<Kept<V>>> {
        self.kept.load().values().cloned().collect()
    }

    /// Returns the issuer. Adds it with the value of `make` if a first fetch is permitted.
    ///
    /// # Errors
    /// Returns an error if a first fetch is not permitted now, and if `make` fails.
    pub(super) fn admit<E>(
        &self,
        issuer: &str,
        now: Duration,
        make: impl FnOnce(Running) -> Result<V, E>,
    ) -> Result<Arc<Kept<V>>, NotKept<E>> {
        let mut writing = self.writing();
        let kept = self.kept.load_full();
        if let Some(kept) = kept.get(issuer) {
            return Ok(Arc::clone(kept));
        }
        let running = writing
            .admission
            .admit(issuer, now)
            .map_err(NotKept::Later)?;
        let value = make(running).map_err(NotKept::Failed)?;
        let mut next = HashMap::clone(&kept);
        let gone = self.make_room(&mut next);
        writing.admission.given_up(gone, now);
        writing.admitted += 1;
        let entry = Arc::new(Kept {
            issuer: issuer.into(),
            value,
            admitted: writing.admitted,
            usage: Arc::new(Usage::new(now)),
        });
        next.insert(Arc::clone(&entry.issuer), Arc::clone(&entry));
        self.kept.store(Arc::new(next));
        Ok(entry)
    }

    /// Removes the issuers for which `keep` returns false.
    pub(super) fn retain(&self, now: Duration, mut keep: impl FnMut(&Kept<V>) -> bool) -> usize {
        let unwanted: Vec<Arc<Kept<V>>> =
            self.all().into_iter().filter(|kept| !keep(kept)).collect();
        if unwanted.is_empty() {
            return 0;
        }
        let mut writing = self.writing();
        let mut next = HashMap::clone(&self.kept.load());
        let gone = unwanted
            .iter()
            .filter_map(|kept| next.remove_entry(&kept.issuer).map(|(issuer, _)| issuer));
        let gone: Vec<_> = gone.collect();
        let count = gone.len();
        writing.admission.given_up(gone, now);
        self.kept.store(Arc::new(next));
        count
    }

    /// Evicts until one more unproven issuer fits and no class exceeds its share.
    fn make_room(&self, kept: &mut HashMap<Arc<str>, Arc<Kept<V>>>) -> Vec<Arc<str>> {
        // Read once: requests write the marks concurrently.
        let mut classes = [Vec::new(), Vec::new()];
        for entry in kept.values() {
            classes[usize::from(entry.is_proven())]
                .push((entry.standing(), Arc::clone(&entry.issuer)));
        }
        let room = [self.shares.unproven - 1, self.shares.proven];
        let mut gone = Vec::new();
        for (mut class, room) in classes.into_iter().zip(room) {
            class.sort_unstable();
            let over = class.len().saturating_sub(room);
            gone.extend(class.drain(..over).map(|(_, issuer)| issuer));
        }
        for issuer in &gone {
            kept.remove(issuer);
        }
        gone
    }

    /// Locks the registry for writing. After a panic of a writer the map is unchanged.
    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn resting(&self, now: Duration) -> usize {
        self.writing().admission.resting(now)
    }
}
