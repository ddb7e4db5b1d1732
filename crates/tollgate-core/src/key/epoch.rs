//! Which key set it is.

use std::sync::atomic::{AtomicU64, Ordering};

/// Stands for one key set of this process: two sets have the same epoch only if one is a clone of
/// the other.
///
/// What was decided with the keys of an epoch holds while the source of the keys is still in it;
/// with the next set that it hands out, all of that is over at once. The cache of verified tokens
/// goes by it.
///
/// ```
/// use tollgate::{Key, KeySet};
///
/// let set = KeySet::from_iter([Key::hs256([7; 32])?]);
/// assert_eq!(set.epoch(), set.clone().epoch());
/// assert_ne!(set.epoch(), KeySet::from_iter(set.keys().iter().cloned()).epoch());
/// # Ok::<(), tollgate::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyEpoch(u64);

impl KeyEpoch {
    /// One that no other set has had.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
