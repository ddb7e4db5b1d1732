//! What one thread keeps for itself.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::USUAL_BYTES;
use super::entry::{Entry, Hashed};
use crate::principal::Verified;

/// A table of the tokens that a thread sees again and again. It has copies of its own, so that a look at it writes to no
/// memory that another thread writes to: a count of references that all threads change costs as much as the look-up.
///
/// On cache lines of its own, and so are the counters: what lies beside belongs to another thread.
#[repr(align(128))]
pub(super) struct Near {
    /// Each token has two places, side by side.
    slots: Box<[Option<Slot>]>,
    bytes: usize,
    most_bytes: usize,
    /// Where the search for something to give up goes on.
    hand: usize,
    pub(super) counters: Arc<Counters>,
}

pub(super) struct Slot {
    pub(super) entry: Arc<Entry>,
    pub(super) verified: Arc<Verified>,
    /// When its use was last told to others, in seconds since the epoch.
    noted: Cell<u64>,
}

/// Of one thread, which alone writes them.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

impl Near {
    pub(super) fn new(most_bytes: usize, counters: Arc<Counters>) -> Self {
        let slots = (most_bytes / USUAL_BYTES).next_power_of_two().clamp(2, 1024);
        Self {
            slots: std::iter::repeat_with(|| None).take(slots).collect(),
            bytes: 0,
            most_bytes,
            hand: 0,
            counters,
        }
    }

    #[allow(clippy::cast_possible_truncation)] // the low bits are what is wanted
    fn places(&self, hash: u64) -> [usize; 2] {
        let place = hash as usize & (self.slots.len() - 1);
        [place, place ^ 1]
    }

    fn place_of(&self, sought: &Hashed<'_>) -> Option<usize> {
        let places = self.places(sought.hash).into_iter();
        let mut matching = places.filter(|place| {
            let slot = self.slots[*place].as_ref();
            slot.is_some_and(|slot| sought.is(&slot.entry))
        });
        matching.next()
    }

    pub(super) fn find(&self, sought: &Hashed<'_>) -> Option<&Slot> {
        self.slots[self.place_of(sought)?].as_ref()
    }

    pub(super) fn remove(&mut self, sought: &Hashed<'_>) {
        if let Some(place) = self.place_of(sought) {
            self.clear(place);
        }
    }

    /// Keeps a copy, if need be instead of others, and gives it. What alone is too large is not kept.
    pub(super) fn keep(&mut self, entry: &Arc<Entry>, now: u64) -> Option<Arc<Verified>> {
        if Slot::bytes(entry) > self.most_bytes {
            return None;
        }
        let noted = |place: usize| self.slots[place].as_ref().map(|slot| slot.noted.get());
        let [one, other] = self.places(entry.hash);
        let same = |place: usize| {
            let slot = self.slots[place].as_ref();
            slot.is_some_and(|slot| slot.entry.hash == entry.hash)
        };
        // What is empty counts as the oldest.
        let place = if same(other) || (!same(one) && noted(other) < noted(one)) {
            other
        } else {
            one
        };
        self.clear(place);
        let verified = Arc::new(Verified::clone(&entry.verified));
        self.bytes += Slot::bytes(entry);
        self.slots[place] = Some(Slot {
            entry: Arc::clone(entry),
            verified: Arc::clone(&verified),
            noted: Cell::new(now),
        });
        while self.bytes > self.most_bytes {
            self.hand = (self.hand + 1) & (self.slots.len() - 1);
            if self.hand != place {
                self.clear(self.hand);
            }
        }
        Some(verified)
    }

    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is there, counted anew.
    #[cfg(test)]
    pub(super) fn measured(&self) -> usize {
        let slots = self.slots.iter().flatten();
        slots.map(|slot| Slot::bytes(&slot.entry)).sum()
    }

    fn clear(&mut self, place: usize) {
        if let Some(slot) = self.slots[place].take() {
            self.bytes -= Slot::bytes(&slot.entry);
        }
    }
}

impl Slot {
    /// What the thread answers for: its copy, and the entry, which may be nowhere else by now.
    fn bytes(entry: &Entry) -> usize {
        entry.bytes + entry.verified.bytes()
    }

    /// Whether it is the first time in this second.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.noted.replace(now) != now
    }
}
