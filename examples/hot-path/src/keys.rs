//! The keys that tokens are verified with. They change while the service runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tollgate::extend::{KeyEpoch, KeySource, Unavailable};
use tollgate::{Key, KeySet};

use crate::demo::ISSUER;

/// One set of keys at a time, which is never changed but replaced: whoever reads it takes no lock.
#[derive(Default)]
pub(crate) struct Keys(ArcSwap<KeySet>);

impl Keys {
    /// Adds a key; those that are there hold on.
    pub(crate) fn add(&self, key: &Key) {
        self.0.rcu(|set| {
            let keys = set.keys().iter().chain([key]);
            keys.cloned().collect::<KeySet>()
        });
    }

    /// Takes a key away, and says whether it was there. If it was not, the set stays the same one, and so does its epoch.
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

/// For each token that is recognised the verifier asks for the epoch alone, and compares it with the one in which the token
/// was verified. Every set that is collected has an epoch of its own: the moment that it is put in place, nothing that was
/// verified before is recognised any more.
impl KeySource for Keys {
    fn keys(&self) -> Result<Arc<KeySet>, Unavailable> {
        Ok(self.0.load_full())
    }

    /// The default would call `keys`, which writes to the set's count of references: memory that all threads share.
    fn epoch(&self) -> Result<KeyEpoch, Unavailable> {
        Ok(self.0.load().epoch())
    }

    fn issuer(&self) -> Option<&str> {
        Some(ISSUER)
    }
}
