//! A record of the tokens of earlier verifications.

use crate::sync::atomic::{AtomicU64, Ordering};

/// The hashes of recently verified tokens. Newer ones replace older ones. A replaced hash, or one
/// that equals the hash of another token, only costs time.
pub(super) struct Sighted(Box<[Places]>);

/// Several places, so that tokens with the same low bits do not replace each other.
type Places = [AtomicU64; TOGETHER];

const TOGETHER: usize = 4;

impl Sighted {
    pub(super) fn new(tokens: usize) -> Self {
        let places = (tokens / TOGETHER).next_power_of_two();
        Self(
            std::iter::repeat_with(Places::default)
                .take(places)
                .collect(),
        )
    }

    /// Records the hash, and returns `true` if it was recorded before.
    #[allow(clippy::cast_possible_truncation)] // uses the low bits
    pub(super) fn sight(&self, hash: u64) -> bool {
        let places = &self.0[hash as usize & (self.0.len() - 1)];
        let held = |sought| {
            let mut places = places.iter();
            places.find(|place| place.load(Ordering::Relaxed) == sought)
        };
        if held(hash).is_some() {
            return true;
        }
        let place = held(0).unwrap_or(&places[(hash >> 62) as usize]);
        place.store(hash, Ordering::Relaxed);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_recorded_until_others_replace_it() {
        let sighted = Sighted::new(400);
        assert_eq!(sighted.0.len(), 128);
        assert_eq!([sighted.sight(5), sighted.sight(5)], [false, true]);
        let sharing = |number: u64| 5 + 128 * number;
        for number in 1..4 {
            assert!(!sighted.sight(sharing(number)));
        }
        assert!((0..4).all(|number| sighted.sight(sharing(number))));
        // A fifth hash replaces the first place.
        assert_eq!(
            [sighted.sight(sharing(4)), sighted.sight(5)],
            [false, false]
        );
        assert_eq!([sighted.sight(6), sighted.sight(sharing(1))], [false, true]);
    }
}
