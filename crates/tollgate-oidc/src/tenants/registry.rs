//! The issuers whose keys are kept: a bounded number, in two classes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::admission::{Admission, Running};

#[cfg(test)]
mod tests;

/// The most issuers that are kept without having proved themselves.
const MOST_UNPROVEN: usize = 64;

/// What is kept for each issuer. Readers take no lock and wait for nobody; writers take turns.
///
/// An issuer is *proven* once a token of it has verified. Each class has slots of its own, and within a class the one that was
/// used the longest ago makes room: however many names are made up, they only ever push each other out.
pub(super) struct Roster<V> {
    /// Replaced as a whole by each write: writes are as rare as first fetches. The hash is keyed at random.
    kept: ArcSwap<HashMap<Arc<str>, Arc<Kept<V>>>>,
    writing: Mutex<Writing>,
    shares: Shares,
}

struct Writing {
    admission: Admission,
    admitted: u64,
}

/// How many of each class are kept.
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

/// An issuer that is kept.
#[derive(Debug)]
pub(super) struct Kept<V> {
    pub(super) issuer: Arc<str>,
    pub(super) value: V,
    /// Tells apart what was used in the same second: who came first goes first.
    admitted: u64,
    pub(super) usage: Arc<Usage>,
}

/// What requests note of an issuer.
#[derive(Debug)]
pub(super) struct Usage {
    proven: AtomicBool,
    /// By the timer, in seconds.
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

    /// By the timer, in seconds.
    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Notes that a token names the issuer. Of a proven one that says nothing: anybody can name it.
    pub(super) fn named(&self, now: Duration) {
        if !self.is_proven() {
            self.touch(now);
        }
    }

    /// Notes that a token of the issuer has verified.
    pub(super) fn verified(&self, now: Duration) {
        self.touch(now);
        if !self.is_proven() {
            self.proven.store(true, Ordering::Relaxed);
        }
    }

    /// Written at most once a second: the cache line stays shared between the readers.
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
    /// The less, the sooner it makes room.
    fn standing(&self) -> (u64, u64) {
        (self.last_used(), self.admitted)
    }
}

/// Why an issuer is not kept.
#[derive(Debug)]
pub(super) enum NotKept<E> {
    /// It may be in a while.
    Later(Duration),
    /// It could not be made.
    Failed(E),
}

impl<V> Roster<V> {
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

    /// All that are kept now.
    pub(super) fn all(&self) -> Vec<Arc<Kept<V>>> {
        self.kept.load().values().cloned().collect()
    }

    /// Keeps what `make` makes for an issuer that is not kept, if it may be fetched for the first time; else what is kept.
    ///
    /// # Errors
    /// Where it may not be fetched now, and where it cannot be made.
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
        let running = writing.admission.admit(issuer, now).map_err(NotKept::Later)?;
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

    /// Gives up those that `keep` does not want.
    pub(super) fn retain(&self, now: Duration, mut keep: impl FnMut(&Kept<V>) -> bool) -> usize {
        let unwanted: Vec<Arc<Kept<V>>> = self.all().into_iter().filter(|kept| !keep(kept)).collect();
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

    /// Until one more that is not proven fits in, and no class is above its share.
    fn make_room(&self, kept: &mut HashMap<Arc<str>, Arc<Kept<V>>>) -> Vec<Arc<str>> {
        // Read once: the marks are written by readers meanwhile.
        let mut classes = [Vec::new(), Vec::new()];
        for entry in kept.values() {
            classes[usize::from(entry.is_proven())].push((entry.standing(), Arc::clone(&entry.issuer)));
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

    /// A writer that has panicked has left the map as it was.
    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn resting(&self, now: Duration) -> usize {
        self.writing().admission.resting(now)
    }
}
