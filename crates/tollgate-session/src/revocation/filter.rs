//! A Bloom filter in front of the known revocations. The answer is "not revoked" for nearly every
//! token.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of entries per 64-bit word when the filter is full.
const ENTRIES_PER_WORD: usize = 4;
/// The number of bits that an entry sets in its word.
const BITS: u32 = 5;

/// A Bloom filter in which each entry stays within one 64-bit word. There are no false negatives. A
/// false positive makes the caller look up the entry itself.
///
/// Reads take no lock. Replacing the words in place is sound because one word holds all bits of an
/// entry: a reader sees the old word or the new one, and an entry in both sets is in both words.
pub(super) struct Filter {
    words: Box<[AtomicU64]>,
    /// Seeded per process, so that an attacker cannot choose names that collide.
    hasher: RandomState,
}

impl Filter {
    /// Creates an empty filter with room for `entries`.
    pub(super) fn new(entries: usize) -> Self {
        let words = entries
            .div_ceil(ENTRIES_PER_WORD)
            .next_power_of_two()
            .max(64);
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }

    /// Returns whether an entry of this kind and name may be in the filter.
    pub(super) fn may_have(&self, kind: u8, name: &str) -> bool {
        let (index, bits) = self.place(kind, name);
        self.words[index].load(Ordering::Acquire) & bits == bits
    }

    pub(super) fn add(&self, kind: u8, name: &str) {
        let (index, bits) = self.place(kind, name);
        self.words[index].fetch_or(bits, Ordering::Release);
    }

    /// Replaces the content with these entries. Concurrent reads are allowed, concurrent writes are
    /// not.
    pub(super) fn keep_only<'a>(&self, entries: impl Iterator<Item = (u8, &'a str)>) {
        let mut words = vec![0_u64; self.words.len()];
        for (kind, name) in entries {
            let (index, bits) = self.place(kind, name);
            words[index] |= bits;
        }
        for (word, bits) in self.words.iter().zip(words) {
            word.store(bits, Ordering::Release);
        }
    }

    /// Returns the index of the entry's word and the bits that it sets there.
    fn place(&self, kind: u8, name: &str) -> (usize, u64) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u8(kind);
        hasher.write(name.as_bytes());
        let hash = hasher.finish();
        let bits = (0..BITS).fold(0, |bits, nth| bits | 1 << (hash >> (6 * nth) & 63));
        #[allow(clippy::cast_possible_truncation)] // masked by the number of words
        let index = (hash >> 32) as usize & (self.words.len() - 1);
        (index, bits)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn false_positives_are_rare_and_false_negatives_impossible() {
        let filter = Filter::new(10_000);
        let name = |number: u32| format!("name-{number}");
        for number in 0..10_000 {
            filter.add(b's', &name(number));
        }
        assert!((0..10_000).all(|number| filter.may_have(b's', &name(number))));
        let wrong = (10_000..110_000)
            .filter(|number| filter.may_have(b's', &name(*number)))
            .count();
        assert!(wrong < 1_500, "{wrong} of 100000");
        let other_kind = (0..10_000)
            .filter(|number| filter.may_have(b't', &name(*number)))
            .count();
        assert!(other_kind < 150, "{other_kind} of 10000");

        filter.keep_only([(b's', "name-1")].into_iter());
        assert!(filter.may_have(b's', "name-1"));
        let left = (2..10_000)
            .filter(|number| filter.may_have(b's', &name(*number)))
            .count();
        assert_eq!(left, 0);
    }

    #[test]
    fn live_entries_are_found_during_replacement() {
        let filter = Filter::new(64);
        let live: Vec<String> = (0..50).map(|number| format!("live-{number}")).collect();
        for name in &live {
            filter.add(b's', name);
        }
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        assert!(live.iter().all(|name| filter.may_have(b's', name)));
                    }
                });
            }
            for round in 0..20_000 {
                filter.add(b'u', &round.to_string());
                filter.keep_only(live.iter().map(|name| (b's', &**name)));
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}
