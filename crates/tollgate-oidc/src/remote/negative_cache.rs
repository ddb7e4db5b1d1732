//! The negative cache: keys that were looked for and not found.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// The keys that are not looked for again for a while. Attackers choose their `kid`s: an entry is a
/// keyed hash, and the number of entries is bounded.
#[derive(Debug)]
pub(super) struct NegativeCache {
    life: Duration,
    /// Entries with their expiry, oldest first: all have the same life.
    order: VecDeque<(Duration, u64)>,
    names: HashSet<u64>,
}

impl NegativeCache {
    pub(super) const MOST: usize = 1024;

    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            order: VecDeque::new(),
            names: HashSet::new(),
        }
    }

    pub(super) fn contains(&mut self, now: Duration, name: u64) -> bool {
        while let Some((end, oldest)) = self.order.front().copied()
            && end <= now
        {
            self.order.pop_front();
            self.names.remove(&oldest);
        }
        self.names.contains(&name)
    }

    /// Adds an entry; a full cache drops the oldest.
    pub(super) fn insert(&mut self, now: Duration, name: u64) {
        if self.life.is_zero() || self.contains(now, name) {
            return;
        }
        if self.order.len() >= Self::MOST
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
        self.names.insert(name);
        self.order.push_back((now.saturating_add(self.life), name));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.order.len(), self.names.len());
        self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    #[test]
    fn an_entry_expires_after_its_life() {
        let mut unknown = NegativeCache::new(LIFE);
        let start = Duration::from_secs(5);
        unknown.insert(start, 1);
        unknown.insert(start + LIFE / 2, 1); // does not extend its life
        assert!(unknown.contains(start + Duration::from_millis(59_999), 1));
        assert!(!unknown.contains(start + LIFE, 1));
        assert_eq!(unknown.len(), 0);
    }

    #[test]
    fn the_oldest_entry_is_evicted() {
        let mut unknown = NegativeCache::new(LIFE);
        for name in 0..100_000 {
            unknown.insert(Duration::ZERO, name);
            assert!(unknown.len() <= NegativeCache::MOST);
        }
        assert!(!unknown.contains(Duration::ZERO, 100_000 - NegativeCache::MOST as u64 - 1));
        assert!(unknown.contains(Duration::ZERO, 100_000 - NegativeCache::MOST as u64));
    }

    #[test]
    fn without_a_life_nothing_is_recorded() {
        let mut unknown = NegativeCache::new(Duration::ZERO);
        unknown.insert(Duration::ZERO, 1);
        assert!(!unknown.contains(Duration::ZERO, 1));
    }
}
