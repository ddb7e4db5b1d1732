//! A quick answer to "was this ever revoked?", which is "no" nearly always.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;

/// How many entries share a word of 64 bits when as many are in as there may be.
const ENTRIES_PER_WORD: usize = 4;
/// How many bits of its word an entry sets.
const BITS: u32 = 5;

/// A Bloom filter whose entries each stay within one word. It says `false` only of what is not in; of what is not in it says
/// `true` now and then, so that the one who asks looks closer.
///
/// Reading takes no lock. That one word tells all of an entry is what makes replacing the bits in place sound: whoever reads
/// sees the old word or the new one, and an entry that is in both sets is in both words.
pub(super) struct Filter {
    words: Box<[AtomicU64]>,
    /// Seeded anew in each process, so that nobody can choose names that collide.
    hasher: RandomState,
}

impl Filter {
    /// Empty, with room for so many entries.
    pub(super) fn new(entries: usize) -> Self {
        let words = entries.div_ceil(ENTRIES_PER_WORD).next_power_of_two().max(64);
        Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }

    /// Whether an entry of that kind and name may be in.
    pub(super) fn may_have(&self, kind: u8, name: &str) -> bool {
        let (index, bits) = self.place(kind, name);
        self.words[index].load(Ordering::Acquire) & bits == bits
    }

    pub(super) fn add(&self, kind: u8, name: &str) {
        let (index, bits) = self.place(kind, name);
        self.words[index].fetch_or(bits, Ordering::Release);
    }

    /// Only these entries from now on. Nobody may add meanwhile; anybody may read.
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

    /// The word of an entry, and its bits there.
    fn place(&self, kind: u8, name: &str) -> (usize, u64) {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u8(kind);
        hasher.write(name.as_bytes());
        let hash = hasher.finish();
        let bits = (0..BITS).fold(0, |bits, nth| bits | 1 << (hash >> (6 * nth) & 63));
        #[allow(clippy::cast_possible_truncation)] // masked by the number of words, which is a power of two
        let index = (hash >> 32) as usize & (self.words.len() - 1);
        (index, bits)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn what_is_in_is_found_and_what_is_not_nearly_never() {
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
    fn what_stays_in_is_found_at_every_moment() {
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
