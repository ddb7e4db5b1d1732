//! The last fetched keys.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_core::{Key, KeySet, MissingKey};

use crate::status::{KeyStatus, Readiness};

/// The state for readers, swapped as a whole. Only the use times change.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: Arc<KeySet>,
    /// The last use of each key, in seconds since the epoch; zero if never.
    used: Arc<[AtomicU64]>,
    pub(super) fetched_at: Duration,
    /// The same by the wall clock.
    pub(super) fetched: u64,
    pub(super) life_end: Duration,
    /// The expiry. Every reader checks it, so that it holds even if the engine is gone.
    pub(super) expiry: Duration,
}

/// The time of a fetch, and the times for which its keys are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) now: Duration,
    pub(super) clock: u64,
    pub(super) life: Duration,
    pub(super) stale: Duration,
}

impl Times {
    pub(super) const fn life_end(&self) -> Duration {
        self.now.saturating_add(self.life)
    }

    pub(super) const fn expiry(&self) -> Duration {
        self.life_end().saturating_add(self.stale)
    }
}

impl Snapshot {
    /// Creates a snapshot of a new set; remaining keys keep their use times.
    pub(super) fn changed(keys: KeySet, before: Option<&Self>, times: Times) -> Self {
        let used = keys
            .keys()
            .iter()
            .map(|key| AtomicU64::new(before.map_or(0, |before| before.last_used(key))))
            .collect();
        Self::new(Arc::new(keys), used, times)
    }

    /// An empty set that does not expire.
    pub(super) fn none() -> Self {
        let life = Duration::MAX;
        let (now, clock, stale) = (Duration::ZERO, 0, Duration::ZERO);
        Self::new(
            Arc::default(),
            Arc::default(),
            Times {
                now,
                clock,
                life,
                stale,
            },
        )
    }

    /// The same keys with new times.
    pub(super) fn unchanged(&self, times: Times) -> Self {
        Self::new(Arc::clone(&self.keys), Arc::clone(&self.used), times)
    }

    /// No keys any more.
    pub(super) fn ended(&self, now: Duration) -> Self {
        Self {
            keys: Arc::default(),
            used: Arc::default(),
            life_end: now,
            expiry: now,
            ..*self
        }
    }

    fn new(keys: Arc<KeySet>, used: Arc<[AtomicU64]>, times: Times) -> Self {
        Self {
            keys,
            used,
            fetched_at: times.now,
            fetched: times.clock,
            life_end: times.life_end(),
            expiry: times.expiry(),
        }
    }

    /// Returns whether there is a key with exactly this `kid` that can serve the algorithm.
    pub(super) fn has(&self, missing: &MissingKey<'_>) -> bool {
        let mut keys = self.keys.keys().iter();
        missing.kid().is_some_and(|kid| {
            keys.any(|key| key.kid() == Some(kid) && key.can_serve(missing.algorithm()))
        })
    }

    pub(super) fn is_usable(&self, now: Duration) -> bool {
        now < self.expiry
    }

    pub(super) fn readiness(&self, now: Duration) -> Readiness {
        if now < self.life_end {
            Readiness::Ready
        } else if self.is_usable(now) {
            Readiness::Stale
        } else {
            Readiness::Unavailable
        }
    }

    /// Records the use of `key`. Writes at most once a second for each key.
    pub(super) fn note_use(&self, key: &Key, clock: u64) {
        let keys = self.keys.keys();
        // Usually a clone of a key of this set, found by address.
        let here = keys.iter().position(|here| is_clone(here, key));
        let here = here.or_else(|| keys.iter().position(|here| same_name(here, key)));
        if let Some(used) = here.and_then(|index| self.used.get(index))
            && used.load(Ordering::Relaxed) != clock
        {
            used.store(clock, Ordering::Relaxed);
        }
    }

    /// Returns the last use of the key, in seconds since the epoch; zero if never.
    pub(super) fn last_used(&self, key: &Key) -> u64 {
        let named = self.keys.keys().iter().zip(&*self.used);
        let times = named.filter(|(here, _)| same_name(here, key));
        times
            .map(|(_, used)| used.load(Ordering::Relaxed))
            .max()
            .unwrap_or(0)
    }

    pub(super) fn key_status(&self) -> Vec<KeyStatus> {
        let keys = self.keys.keys().iter().zip(&*self.used);
        keys.map(|(key, used)| KeyStatus {
            kid: key.kid().map(str::to_owned),
            algorithms: key.algorithms().to_vec(),
            last_used: Some(used.load(Ordering::Relaxed)).filter(|used| *used > 0),
        })
        .collect()
    }

    pub(super) fn skipped(&self) -> Vec<String> {
        self.keys
            .skipped()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The `kid`s of these keys that `other` does not have.
    pub(super) fn names_not_in(&self, other: Option<&Self>) -> Vec<String> {
        let others: HashSet<_> = other
            .into_iter()
            .flat_map(|other| other.keys.keys())
            .filter_map(Key::kid)
            .collect();
        let mut seen = HashSet::new();
        let names = self.keys.keys().iter().filter_map(Key::kid);
        let names = names.filter(|name| !others.contains(name) && seen.insert(*name));
        names.map(str::to_owned).collect()
    }
}

/// Returns whether the two share their data.
fn is_clone(one: &Key, other: &Key) -> bool {
    one.kid().map(str::as_ptr) == other.kid().map(str::as_ptr)
        && std::ptr::eq(one.algorithms(), other.algorithms())
}

fn same_name(one: &Key, other: &Key) -> bool {
    one.kid() == other.kid() && one.algorithms() == other.algorithms()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        now: Duration::from_secs(10),
        clock: 1_700_000_000,
        life: Duration::from_secs(60),
        stale: Duration::from_secs(40),
    };

    fn key(byte: u8, kid: &str) -> Key {
        Key::hs256([byte; 32]).unwrap().with_kid(kid)
    }

    fn used(snapshot: &Snapshot) -> Vec<Option<u64>> {
        let keys = snapshot.key_status();
        keys.into_iter().map(|key| key.last_used).collect()
    }

    #[test]
    fn keys_are_fresh_then_stale_then_gone() {
        let snapshot = Snapshot::changed(KeySet::default(), None, TIMES);
        let at = |seconds| snapshot.readiness(Duration::from_secs(seconds));
        assert_eq!((at(10), at(69)), (Readiness::Ready, Readiness::Ready));
        assert_eq!((at(70), at(109)), (Readiness::Stale, Readiness::Stale));
        assert_eq!(at(110), Readiness::Unavailable);
    }

    #[test]
    fn remaining_keys_keep_their_times_of_use() {
        let first = Snapshot::changed(KeySet::from_iter([key(1, "a"), key(2, "b")]), None, TIMES);
        first.note_use(&first.keys.keys()[1], 7);
        assert_eq!(used(&first), [None, Some(7)]);
        let second = Snapshot::changed(
            KeySet::from_iter([key(3, "c"), key(2, "b")]),
            Some(&first),
            TIMES,
        );
        assert_eq!(used(&second), [None, Some(7)]);
        assert_eq!(second.names_not_in(Some(&first)), ["c"]);
        assert_eq!(first.names_not_in(Some(&second)), ["a"]);
        // A token that was verified with the previous set.
        second.note_use(&first.keys.keys()[1], 9);
        second.note_use(&first.keys.keys()[0], 9);
        assert_eq!(used(&second), [None, Some(9)]);
    }

    #[test]
    fn the_used_one_of_two_keys_with_one_kid_is_recorded() {
        let set = KeySet::from_iter([key(1, "a"), key(2, "a")]);
        let snapshot = Snapshot::changed(set, None, TIMES);
        snapshot.note_use(&snapshot.keys.keys()[1], 7);
        assert_eq!(used(&snapshot), [None, Some(7)]);
        assert_eq!(snapshot.names_not_in(None), ["a"]);
    }

    #[test]
    fn the_same_keys_stay_the_same_set() {
        let first = Snapshot::changed(KeySet::from_iter([key(1, "a")]), None, TIMES);
        let second = first.unchanged(Times {
            now: Duration::from_secs(60),
            ..TIMES
        });
        assert!(Arc::ptr_eq(&first.keys, &second.keys));
        assert_eq!(second.life_end, Duration::from_secs(120));
        first.note_use(&first.keys.keys()[0], 8); // by a reader of the previous snapshot
        assert_eq!(used(&second), [Some(8)]);
    }
}
