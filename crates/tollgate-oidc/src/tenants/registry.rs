//! The registry of issuers: a bounded number, in two classes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::admission::Admission;
use crate::remote::Turn;

#[cfg(test)]
mod tests;

/// The maximum number of unproven issuers.
pub(super) const MOST_UNPROVEN: usize = 64;

/// Returns the maximum number of proven issuers.
pub(super) const fn most_proven(capacity: usize) -> usize {
    Shares::of(capacity).proven
}

/// The state of each issuer. Readers take no lock and never wait; writers are serialized.
///
/// An issuer is *proven* once one of its tokens has verified. Proven and unproven issuers have
/// their own slots: invented names evict only each other. An issuer that is known or was proven
/// before has a slot among the proven ones from the start. Of unproven issuers the least recently
/// used one is evicted first, of proven ones the one that was admitted last.
pub(super) struct Registry<V> {
    /// Replaced as a whole by each write: writes are as rare as first fetches. The hash is randomly
    /// keyed.
    kept: ArcSwap<HashMap<Arc<str>, Arc<Resident<V>>>>,
    writing: Mutex<Writing>,
    shares: Shares,
}

struct Writing {
    admission: Admission,
    remembered: Remembered,
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

/// Issuers that were proven before, a bounded number. The one that was added first makes room.
struct Remembered {
    most: usize,
    names: HashSet<Arc<str>>,
    order: VecDeque<Arc<str>>,
}

impl Remembered {
    fn add(&mut self, issuer: Arc<str>) {
        if !self.names.insert(Arc::clone(&issuer)) {
            return;
        }
        self.order.push_back(issuer);
        if self.order.len() > self.most
            && let Some(first) = self.order.pop_front()
        {
            self.names.remove(&first);
        }
    }
}

/// An issuer in the registry.
#[derive(Debug)]
pub(super) struct Resident<V> {
    pub(super) issuer: Arc<str>,
    pub(super) value: V,
    /// The order of admission.
    admitted: u64,
    is_known: bool,
    /// Whether it has a slot among the proven ones before it is proven.
    is_favoured: bool,
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

impl<V> std::ops::Deref for Resident<V> {
    type Target = Usage;

    fn deref(&self) -> &Usage {
        &self.usage
    }
}

impl<V> Resident<V> {
    /// Returns whether it has a slot among the proven ones.
    fn is_regular(&self) -> bool {
        self.is_favoured || self.is_proven()
    }

    /// The issuer with the lowest standing of its class is evicted first. Known issuers have a
    /// higher standing than others, and proven ones than unproven ones.
    fn standing(&self) -> Standing {
        if self.is_proven() {
            (self.is_known, true, u64::MAX - self.admitted, 0)
        } else {
            (self.is_known, false, self.last_used(), self.admitted)
        }
    }
}

type Standing = (bool, bool, u64, u64);

/// The reason for which an issuer is not admitted.
#[derive(Debug)]
pub(super) enum NotAdmitted<E> {
    /// Retry after this time.
    Later(Duration),
    /// It could not be created.
    Failed(E),
}

impl Writing {
    /// Records that these issuers were removed.
    fn give_up<V>(&mut self, gone: &[Arc<Resident<V>>], now: Duration) {
        for kept in gone.iter().filter(|kept| kept.is_proven()) {
            self.remembered.add(Arc::clone(&kept.issuer));
        }
        let names = gone.iter().map(|kept| Arc::clone(&kept.issuer));
        self.admission.given_up(names, now);
    }
}

impl<V> Registry<V> {
    /// Creates a registry for `capacity` issuers. The issuers `remembered`, as many at most, were
    /// proven before.
    pub(super) fn new(
        capacity: usize,
        admission: Admission,
        remembered: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        let mut before = Remembered {
            most: capacity,
            names: HashSet::new(),
            order: VecDeque::new(),
        };
        for issuer in remembered.into_iter().take(capacity) {
            before.add(issuer);
        }
        Self {
            kept: ArcSwap::default(),
            writing: Mutex::new(Writing {
                admission,
                remembered: before,
                admitted: 0,
            }),
            shares: Shares::of(capacity),
        }
    }

    pub(super) fn get(&self, issuer: &str) -> Option<Arc<Resident<V>>> {
        self.kept.load().get(issuer).cloned()
    }

    /// Returns all issuers.
    pub(super) fn all(&self) -> Vec<Arc<Resident<V>>> {
        self.kept.load().values().cloned().collect()
    }

    /// Returns the issuers that are or were proven: the kept ones by admission, then the others.
    pub(super) fn remembered(&self) -> Vec<Arc<str>> {
        let mut proven = self.all();
        proven.retain(|kept| kept.is_proven());
        proven.sort_by_key(|kept| kept.admitted);
        let mut names: Vec<_> = proven.iter().map(|kept| Arc::clone(&kept.issuer)).collect();
        let known: HashSet<_> = names.iter().cloned().collect();
        let writing = self.writing();
        let before = writing.remembered.order.iter();
        names.extend(before.filter(|name| !known.contains(*name)).cloned());
        names
    }

    /// Returns the issuer. Adds it with the value of `make` if a first fetch is permitted. Known
    /// issuers and those that were proven before are not subject to the rate of first fetches.
    ///
    /// # Errors
    /// Returns an error if a first fetch is not permitted now, and if `make` fails.
    pub(super) fn admit<E>(
        &self,
        issuer: &str,
        is_known: bool,
        now: Duration,
        make: impl FnOnce(Turn) -> Result<V, E>,
    ) -> Result<Arc<Resident<V>>, NotAdmitted<E>> {
        let mut writing = self.writing();
        let kept = self.kept.load_full();
        if let Some(kept) = kept.get(issuer) {
            return Ok(Arc::clone(kept));
        }
        let is_favoured = is_known || writing.remembered.names.contains(issuer);
        let turn = writing
            .admission
            .admit(issuer, is_favoured, now)
            .map_err(NotAdmitted::Later)?;
        let value = make(turn).map_err(NotAdmitted::Failed)?;
        writing.admitted += 1;
        let mut entry = Resident {
            issuer: issuer.into(),
            value,
            admitted: writing.admitted,
            is_known,
            is_favoured,
            usage: Arc::new(Usage::new(now)),
        };
        entry.is_favoured &= self.has_slot(&kept, entry.standing());
        let mut next = HashMap::clone(&kept);
        let gone = self.make_room(&mut next, entry.is_favoured);
        writing.give_up(&gone, now);
        let entry = Arc::new(entry);
        next.insert(Arc::clone(&entry.issuer), Arc::clone(&entry));
        self.kept.store(Arc::new(next));
        Ok(entry)
    }

    /// Removes the issuers for which `keep` returns false.
    pub(super) fn retain(
        &self,
        now: Duration,
        mut keep: impl FnMut(&Resident<V>) -> bool,
    ) -> usize {
        let unwanted: Vec<Arc<Resident<V>>> =
            self.all().into_iter().filter(|kept| !keep(kept)).collect();
        if unwanted.is_empty() {
            return 0;
        }
        let mut writing = self.writing();
        let mut next = HashMap::clone(&self.kept.load());
        let gone = unwanted.iter().filter_map(|kept| next.remove(&kept.issuer));
        let gone: Vec<_> = gone.collect();
        writing.give_up(&gone, now);
        self.kept.store(Arc::new(next));
        gone.len()
    }

    /// Returns whether an issuer of that standing has a slot among the proven ones: a free one, or
    /// one of an issuer with a lower standing.
    fn has_slot(&self, kept: &HashMap<Arc<str>, Arc<Resident<V>>>, standing: Standing) -> bool {
        let regular = || kept.values().filter(|kept| kept.is_regular());
        regular().count() < self.shares.proven || regular().any(|kept| kept.standing() < standing)
    }

    /// Evicts until one more issuer fits into its class and no class exceeds its share.
    fn make_room(
        &self,
        kept: &mut HashMap<Arc<str>, Arc<Resident<V>>>,
        is_regular: bool,
    ) -> Vec<Arc<Resident<V>>> {
        // Read once: requests write the marks concurrently.
        let mut classes = [Vec::new(), Vec::new()];
        for entry in kept.values() {
            classes[usize::from(entry.is_regular())]
                .push((entry.standing(), Arc::clone(&entry.issuer)));
        }
        let mut room = [self.shares.unproven, self.shares.proven];
        room[usize::from(is_regular)] -= 1;
        let mut gone = Vec::new();
        for (mut class, room) in classes.into_iter().zip(room) {
            class.sort_unstable();
            let over = class.len().saturating_sub(room);
            gone.extend(
                class
                    .drain(..over)
                    .filter_map(|(_, issuer)| kept.remove(&issuer)),
            );
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
