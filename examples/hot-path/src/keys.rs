//! Verification keys that change while the service runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate::extend::{KeyEpoch, KeySource, Unavailable};
use tollgate::{Key, KeySet};

use crate::demo::ISSUER;

/// An immutable key set that is replaced as a whole. Readers take no lock.
#[derive(Default)]
pub(crate) struct Keys(ArcSwap<KeySet>);

impl Keys {
    /// Adds a key and keeps the others.
    pub(crate) fn add(&self, key: &Key) {
        self.0.rcu(|set| {
            let keys = set.keys().iter().chain([key]);
            keys.cloned().collect::<KeySet>()
        });
    }

    /// Removes a key and returns whether it was present. If it was not, the set and its epoch stay
    /// the same.
    pub(crate) fn withdraw(&self, kid: &str) -> bool {
        let is_meant = |key: &&Key| key.kid() == Some(kid);
        let former = self.0.rcu(|set| {
            if !set.keys().iter().any(|key| is_meant(&key)) {
                return Arc::clone(set);
            }
            let others = set.keys().iter().filter(|key| !is_meant(key));
            Arc::new(others.cloned().collect())
        });
        former.keys().iter().any(|key| is_meant(&key))
    }
}

/// For a cache hit, the verifier reads only the epoch and compares it with the epoch at
/// verification time. Every collected set has its own epoch, so replacing the set invalidates all
/// cached tokens immediately.
impl KeySource for Keys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(self.0.load_full())
    }

    /// The default calls `keys`, which updates a reference count shared by all threads.
    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        Ok(self.0.load().epoch())
    }

    fn issuer(&self) -> Option<&str> {
        Some(ISSUER)
    }
}
