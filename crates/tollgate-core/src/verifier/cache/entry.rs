//! What is kept of a token.

use std::hash::{Hash, Hasher};
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::{Equivalent, Lifecycle, Weighter};
use zeroize::Zeroizing;

use crate::verifier::Grounds;
use crate::verifier::principal::Verified;

/// A token that was verified, and all that the outcome rested on.
pub(crate) struct Entry {
    pub(super) hash: u64,
    pub(super) token: Zeroizing<Box<[u8]>>,
    pub(crate) verified: Arc<Verified>,
    pub(crate) grounds: Grounds,
    /// How often everything had been forgotten when the verification began.
    pub(super) generation: u64,
    /// When it was verified, in seconds since the epoch.
    pub(super) since: u64,
    /// When its use was last told to others by a thread that does not have it itself, in seconds since the epoch.
    pub(super) noted: AtomicU64,
    pub(super) bytes: usize,
}

impl Entry {
    /// What it takes in a cache: itself, the verified token, and the places in the tables.
    pub(super) fn measure(token: &[u8], verified: &Verified) -> usize {
        const PLACES: usize = 128;
        size_of::<Self>() + token.len() + verified.bytes() + PLACES
    }

    /// Whether it is the first time in this second; threads that ask at once may all be told so.
    pub(super) fn is_due(&self, now: u64) -> bool {
        let due = self.noted.load(Ordering::Relaxed) != now;
        if due {
            self.noted.store(now, Ordering::Relaxed);
        }
        due
    }
}

/// An entry under its token.
#[derive(Clone)]
pub(super) struct ByToken(pub(super) Arc<Entry>);

/// A token that is looked for, with its hash, which is the secret of one cache.
#[derive(Clone, Copy)]
pub(super) struct Hashed<'t> {
    pub(super) hash: u64,
    pub(super) token: &'t [u8],
}

impl Hashed<'_> {
    /// The hash comes first: only who has met all of its 64 bits, which are keyed, gets to the bytes, so that the time that
    /// comparing takes tells nobody anything.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        self.hash == entry.hash && *self.token == **entry.token
    }
}

impl Hash for ByToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl PartialEq for ByToken {
    fn eq(&self, other: &Self) -> bool {
        let Entry { hash, token, .. } = &*self.0;
        Hashed { hash: *hash, token }.is(&other.0)
    }
}

impl Eq for ByToken {}

impl Equivalent<ByToken> for Hashed<'_> {
    fn equivalent(&self, key: &ByToken) -> bool {
        self.is(&key.0)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Bytes;

impl Weighter<ByToken, Arc<Entry>> for Bytes {
    fn weight(&self, _: &ByToken, entry: &Arc<Entry>) -> u64 {
        entry.bytes as u64
    }
}

/// Takes what makes room for others, so that it is dropped after the lock: there may be things of the user's in it, which do
/// what they like when they are dropped.
#[derive(Clone, Copy)]
pub(super) struct PushedOut;

impl Lifecycle<ByToken, Arc<Entry>> for PushedOut {
    type RequestState = Vec<(ByToken, Arc<Entry>)>;

    fn on_evict(&self, pushed_out: &mut Self::RequestState, token: ByToken, entry: Arc<Entry>) {
        pushed_out.push((token, entry));
    }
}

/// Takes what it is given for the hash: it is one.
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
