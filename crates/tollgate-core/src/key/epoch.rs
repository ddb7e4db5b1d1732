//! The identity of a key set.

use std::sync::atomic::{AtomicU64, Ordering};

/// The identity of a key set within this process: two sets have the same epoch only if one is a
/// clone of the other.
///
/// The cache of verified tokens compares epochs: an entry is valid only while the key source still
/// has the epoch of its verification. The next key set invalidates all of these entries at once.
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
    /// Creates an epoch that no other set has had.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
