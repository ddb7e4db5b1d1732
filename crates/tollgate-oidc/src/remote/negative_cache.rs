//! Names of keys that were looked for and are not there.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// The names that need not be looked for again for a while. They are of an attacker's choosing: what is kept of one is a
/// keyed hash, and how many are kept is bounded.
#[derive(Debug)]
pub(super) struct UnknownKeys {
    life: Duration,
    /// With the end of their time, the oldest first: all of them have the same life.
    order: VecDeque<(Duration, u64)>,
    names: HashSet<u64>,
}

impl UnknownKeys {
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

    /// Notes a name; where there are too many, the oldest is forgotten.
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
    fn a_name_is_forgotten_at_the_end_of_its_life() {
        let mut unknown = UnknownKeys::new(LIFE);
        let start = Duration::from_secs(5);
        unknown.insert(start, 1);
        unknown.insert(start + LIFE / 2, 1); // does not prolong it
        assert!(unknown.contains(start + Duration::from_millis(59_999), 1));
        assert!(!unknown.contains(start + LIFE, 1));
        assert_eq!(unknown.len(), 0);
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut unknown = UnknownKeys::new(LIFE);
        for name in 0..100_000 {
            unknown.insert(Duration::ZERO, name);
            assert!(unknown.len() <= UnknownKeys::MOST);
        }
        assert!(!unknown.contains(Duration::ZERO, 100_000 - UnknownKeys::MOST as u64 - 1));
        assert!(unknown.contains(Duration::ZERO, 100_000 - UnknownKeys::MOST as u64));
    }

    #[test]
    fn without_a_life_nothing_is_noted() {
        let mut unknown = UnknownKeys::new(Duration::ZERO);
        unknown.insert(Duration::ZERO, 1);
        assert!(!unknown.contains(Duration::ZERO, 1));
    }
}
