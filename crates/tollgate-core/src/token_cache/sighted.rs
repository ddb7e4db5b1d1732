//! Which tokens have come before.

use std::sync::atomic::{AtomicU64, Ordering};

/// The hashes of tokens that have verified lately, the newer in place of the older. Whoever finds a place taken loses nothing
/// but time, and so does whoever meets another token's hash.
pub(super) struct Sighted(Box<[AtomicU64]>);

impl Sighted {
    pub(super) fn new(places: usize) -> Self {
        let places = places.next_power_of_two();
        Self(std::iter::repeat_with(AtomicU64::default).take(places).collect())
    }

    /// Whether it was here before; from now on it was.
    #[allow(clippy::cast_possible_truncation)] // the low bits are what is wanted
    pub(super) fn sight(&self, hash: u64) -> bool {
        let place = &self.0[hash as usize & (self.0.len() - 1)];
        let known = place.load(Ordering::Relaxed) == hash;
        if !known {
            place.store(hash, Ordering::Relaxed);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_sight_is_known_until_another_takes_the_place() {
        let sighted = Sighted::new(100);
        assert_eq!(sighted.0.len(), 128);
        assert_eq!([sighted.sight(5), sighted.sight(5)], [false, true]);
        assert_eq!([sighted.sight(5 + 128), sighted.sight(5)], [false, false]);
        assert_eq!([sighted.sight(6), sighted.sight(5)], [false, true]);
    }
}
