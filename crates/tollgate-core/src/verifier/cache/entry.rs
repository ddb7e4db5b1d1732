//! The entries of the cache.

use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;

use quick_cache::{Equivalent, Lifecycle, Weighter};
use zeroize::Zeroizing;

use super::held::Cached;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A verified token, and the evidence that it is still valid.
pub(crate) struct Entry<V: Cached> {
    pub(super) hash: u64,
    pub(super) token: Zeroizing<Box<[u8]>>,
    pub(super) value: Arc<V>,
    pub(super) evidence: V::Evidence,
    /// The generation of the cache when the verification began.
    pub(super) generation: u64,
    /// The time of the verification, in seconds since the epoch.
    pub(super) since: u64,
    /// The time of the last report of its use by a thread without a handle, in seconds since the
    /// epoch.
    pub(super) noted: AtomicU64,
    pub(super) bytes: usize,
}

impl<V: Cached> Entry<V> {
    /// The memory of an entry, in bytes: itself, the value, and the places in the tables.
    pub(super) fn measure(token: &[u8], value: &V, evidence: &V::Evidence) -> usize {
        const PLACES: usize = 128;
        size_of::<Self>() + token.len() + value.bytes(evidence) + PLACES
    }

    /// Returns `true` if the use is not yet reported in this second. Concurrent callers may all get
    /// `true`.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let due = self.noted.load(Ordering::Relaxed) != now;
        if due {
            self.noted.store(now, Ordering::Relaxed);
        }
        due
    }
}

/// An entry under its token.
pub(super) struct ByToken<V: Cached>(pub(super) Arc<Entry<V>>);

impl<V: Cached> Clone for ByToken<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A token to look up, with its hash, which is specific to one cache.
#[derive(Clone, Copy)]
pub(super) struct Hashed<'t> {
    pub(super) hash: u64,
    pub(super) token: &'t [u8],
}

impl Hashed<'_> {
    /// Compares the keyed hash first. The bytes are compared only if all of its 64 bits are equal,
    /// so the time of that comparison reveals nothing.
    pub(super) fn is<V: Cached>(&self, entry: &Entry<V>) -> bool {
        self.hash == entry.hash && *self.token == **entry.token
    }
}

impl<V: Cached> Hash for ByToken<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl<V: Cached> PartialEq for ByToken<V> {
    fn eq(&self, other: &Self) -> bool {
        let Entry { hash, token, .. } = &*self.0;
        Hashed { hash: *hash, token }.is(&other.0)
    }
}

impl<V: Cached> Eq for ByToken<V> {}

impl<V: Cached> Equivalent<ByToken<V>> for Hashed<'_> {
    fn equivalent(&self, key: &ByToken<V>) -> bool {
        self.is(&key.0)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Bytes;

impl<V: Cached> Weighter<ByToken<V>, Arc<Entry<V>>> for Bytes {
    fn weight(&self, _: &ByToken<V>, entry: &Arc<Entry<V>>) -> u64 {
        entry.bytes as u64
    }
}

/// Collects evicted entries, so that they are dropped without the lock: an entry may hold values of
/// a user's type, whose destructors may use the cache.
#[derive(Clone, Copy)]
pub(super) struct PushedOut;

impl<V: Cached> Lifecycle<ByToken<V>, Arc<Entry<V>>> for PushedOut {
    type RequestState = Vec<(ByToken<V>, Arc<Entry<V>>)>;

    fn on_evict(
        &self,
        pushed_out: &mut Self::RequestState,
        token: ByToken<V>,
        entry: Arc<Entry<V>>,
    ) {
        pushed_out.push((token, entry));
    }
}

/// A hasher that returns the hash unchanged.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
