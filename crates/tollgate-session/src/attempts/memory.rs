//! The budgets in the memory of a process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::PoisonError;

use super::charge::{AttemptCharge, AttemptKey, AttemptLevel};
use crate::sync::Mutex;

/// The budgets of login attempts in the memory of one process, bounded. For a store that only one
/// process uses; [`Sessions`](crate::Sessions) has one for stores that keep no budgets, or fail.
///
/// There are at most 50,000 budgets of each kind, in about 20 MB. If there are more, the budget
/// that is full again first is dropped. An exhausted budget is dropped only after 50,000 others
/// that are more exhausted, so it cannot be reset cheaply.
///
/// ```
/// use tollgate::session::{AttemptCharge, AttemptKey, AttemptMemory};
///
/// let memory = AttemptMemory::default();
/// let key = AttemptKey::new([7; 16]);
/// let charge = AttemptCharge { key, seconds: 60, most: 60, give_back: false };
/// assert!(memory.charge(&[charge], 1000)[0].taken);
/// assert!(!memory.charge(&[charge], 1059)[0].taken);
/// assert!(memory.charge(&[charge], 1060)[0].taken);
/// ```
#[derive(Default)]
pub struct AttemptMemory {
    kinds: Mutex<HashMap<u8, Kind>>,
}

/// The budgets of one kind, which refill equally fast.
#[derive(Default)]
struct Kind {
    ends: HashMap<AttemptKey, u64>,
    order: BTreeSet<(u64, AttemptKey)>,
}

impl AttemptMemory {
    /// The maximum number of budgets of each kind.
    pub const MAX: usize = 50_000;

    /// Charges the budgets in one atomic step, and returns their levels in the same order.
    pub fn charge(&self, charges: &[AttemptCharge], now: u64) -> Vec<AttemptLevel> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let levels = charges.iter().map(|charge| {
            let kind = kinds.entry(charge.key.as_bytes()[0]).or_default();
            kind.charge(charge, now)
        });
        levels.collect()
    }
}

impl Kind {
    fn charge(&mut self, charge: &AttemptCharge, now: u64) -> AttemptLevel {
        let key = charge.key;
        let stored = self.ends.remove(&key);
        if let Some(end) = stored {
            self.order.remove(&(end, key));
        }
        let (level, end) = charge.apply(stored, now);
        if end <= now {
            return level;
        }
        // Two at a time, so that budgets that are full again do not pile up.
        for _ in 0..2 {
            let full = self.ends.len() >= AttemptMemory::MAX;
            if let Some(first) = self.order.first().copied()
                && (full || first.0 <= now)
            {
                self.order.remove(&first);
                self.ends.remove(&first.1);
            }
        }
        self.ends.insert(key, end);
        self.order.insert((end, key));
        level
    }
}

impl fmt::Debug for AttemptMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptMemory")
    }
}
