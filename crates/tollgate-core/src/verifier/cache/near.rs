//! The near level: the table of one thread.

use std::cell::Cell;
use std::sync::Arc;

use super::USUAL_BYTES;
use super::entry::{Entry, Hashed};
use super::held::{Cached, Handle, Held};
use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of places in a set.
const WAYS: usize = 4;

/// The maximum number of places of a table, which then takes 256 KiB.
const MOST_TOKENS: usize = 8192;

/// The number of places that are searched for an unused token before a new one is rejected.
const LOOKS: usize = 8;

/// The share of rejected tokens that get a place anyway (one in this many), so that a new working
/// set can replace an old one.
const LET_IN: u8 = 16;

/// A table of the tokens that a thread uses repeatedly.
///
/// It has its own handles to them, so that a hit writes to no memory of other threads. Changing a
/// reference count that all threads share costs as much as the look-up.
///
/// Aligned to cache lines, because its neighbours belong to other threads.
#[repr(align(128))]
pub(super) struct Near<V: Cached> {
    sets: Box<[Set<V>]>,
    bytes: usize,
    most_bytes: usize,
    /// The place at which the search for an unused token continues.
    hand: Place,
    turned_away: u8,
}

/// The places of tokens whose hashes have equal low bits. The hashes are contiguous, because a
/// look-up compares them first.
#[repr(align(128))]
struct Set<V: Cached> {
    /// May be stale if the slot is empty.
    hashes: [u64; WAYS],
    slots: [Option<Slot<V>>; WAYS],
}

impl<V: Cached> Default for Set<V> {
    fn default() -> Self {
        Self {
            hashes: [0; WAYS],
            slots: [const { None }; WAYS],
        }
    }
}

pub(super) struct Slot<V: Cached> {
    pub(super) entry: Arc<Entry<V>>,
    handle: Arc<Handle<V>>,
    /// The time of the last report of its use, in seconds since the epoch.
    noted: Cell<u64>,
}

/// The counters of one thread, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
}

impl Counters {
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The number of a set, and of a place in it.
type Place = (usize, usize);

impl<V: Cached> Near<V> {
    /// Creates a table with twice as many places as tokens of the usual size fit, so that few sets
    /// are full.
    pub(super) fn new(most_bytes: usize) -> Self {
        let places = (2 * most_bytes / USUAL_BYTES).next_power_of_two();
        let sets = places.clamp(WAYS, MOST_TOKENS) / WAYS;
        Self {
            sets: std::iter::repeat_with(Set::default).take(sets).collect(),
            bytes: 0,
            most_bytes: most_bytes.saturating_sub(sets * size_of::<Set<V>>()),
            hand: (0, 0),
            turned_away: 0,
        }
    }

    #[allow(clippy::cast_possible_truncation)] // uses the low bits
    const fn set_of(&self, hash: u64) -> usize {
        hash as usize & (self.sets.len() - 1)
    }

    #[inline]
    pub(super) fn find(&self, sought: &Hashed<'_>) -> Option<&Slot<V>> {
        let (_, slot) = self.sets[self.set_of(sought.hash)].find(sought)?;
        Some(slot)
    }

    pub(super) fn remove(&mut self, sought: &Hashed<'_>) {
        let number = self.set_of(sought.hash);
        let found = self.sets[number].find(sought).map(|(way, _)| way);
        if let Some(way) = found {
            self.clear((number, way));
        }
    }

    /// Returns `true` if the token gets a place: a free one, or that of an unused token. A thread
    /// with more tokens than places keeps some of them, instead of replacing each one before its
    /// next use.
    pub(super) fn has_room_for(&mut self, entry: &Entry<V>, now: u64) -> bool {
        let place = self.place_for(entry);
        let freed = self.slot(place).map_or(0, |slot| Slot::bytes(&slot.entry));
        let fits = self.bytes + Slot::bytes(entry) <= self.most_bytes + freed;
        if !self.is_in_use(place, now) && (fits || self.find_idle(now)) {
            return true;
        }
        self.turned_away = (self.turned_away + 1) % LET_IN;
        self.turned_away == 0
    }

    /// Moves the hand to an unused token, if it finds one.
    fn find_idle(&mut self, now: u64) -> bool {
        for _ in 0..LOOKS {
            if self.slot(self.hand).is_some() && !self.is_in_use(self.hand, now) {
                return true;
            }
            self.advance();
        }
        false
    }

    fn advance(&mut self) {
        let (number, way) = self.hand;
        self.hand = if way + 1 < WAYS {
            (number, way + 1)
        } else {
            ((number + 1) & (self.sets.len() - 1), 0)
        };
    }

    /// Keeps a handle and returns it. It may evict others. An entry that is too large on its own is
    /// not kept.
    pub(super) fn keep(&mut self, entry: &Arc<Entry<V>>, now: u64) -> Option<Arc<Handle<V>>> {
        if Slot::bytes(entry) > self.most_bytes {
            return None;
        }
        let place = self.place_for(entry);
        self.clear(place);
        let handle = Handle::new(&entry.value);
        self.bytes += Slot::bytes(entry);
        let (number, way) = place;
        let Set { hashes, slots } = &mut self.sets[number];
        hashes[way] = entry.hash;
        slots[way] = Some(Slot {
            entry: Arc::clone(entry),
            handle: Arc::clone(&handle),
            noted: Cell::new(now),
        });
        while self.bytes > self.most_bytes {
            if self.hand != place {
                self.clear(self.hand);
            }
            self.advance();
        }
        Some(handle)
    }

    /// Returns the place of the same token, or an empty one, or the least recently used one.
    fn place_for(&self, entry: &Entry<V>) -> Place {
        let number = self.set_of(entry.hash);
        let noted = |way: &usize| {
            let slot = self.slot((number, *way))?;
            let same = slot.entry.hash == entry.hash;
            Some((!same).then(|| slot.noted.get()))
        };
        let same = (0..WAYS).find(|way| noted(way) == Some(None));
        let way = same.or_else(|| (0..WAYS).min_by_key(noted));
        (number, way.unwrap_or(0))
    }

    const fn slot(&self, (number, way): Place) -> Option<&Slot<V>> {
        self.sets[number].slots[way].as_ref()
    }

    fn is_in_use(&self, place: Place, now: u64) -> bool {
        self.slot(place).is_some_and(|slot| slot.is_in_use(now))
    }

    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the memory of all slots, recounted.
    #[cfg(test)]
    pub(super) fn measured(&self) -> usize {
        let slots = self.sets.iter().flat_map(|set| set.slots.iter().flatten());
        slots.map(|slot| Slot::bytes(&slot.entry)).sum()
    }

    fn clear(&mut self, (number, way): Place) {
        if let Some(slot) = self.sets[number].slots[way].take() {
            self.bytes -= Slot::bytes(&slot.entry);
        }
    }
}

impl<V: Cached> Set<V> {
    #[inline]
    fn find(&self, sought: &Hashed<'_>) -> Option<(usize, &Slot<V>)> {
        let mut ways = self.hashes.iter().zip(&self.slots).enumerate();
        ways.find_map(|(way, (hash, slot))| {
            let slot = (*hash == sought.hash).then_some(slot.as_ref())??;
            sought.is(&slot.entry).then_some((way, slot))
        })
    }
}

impl<V: Cached> Slot<V> {
    /// Returns the memory of the handle and of the entry, which may no longer be in the far level.
    fn bytes(entry: &Entry<V>) -> usize {
        entry.bytes + Handle::bytes(&*entry.value)
    }

    #[inline]
    pub(super) fn held(&self) -> Held<V> {
        Held::ByThread(Arc::clone(&self.handle))
    }

    /// Returns `true` if its use is not yet reported in this second.
    #[inline]
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.noted.replace(now) != now
    }

    /// Returns `true` if its use was reported in this second or the one before.
    fn is_in_use(&self, now: u64) -> bool {
        let since = now.checked_sub(self.noted.get());
        since.is_some_and(|since| since <= 1)
    }
}
