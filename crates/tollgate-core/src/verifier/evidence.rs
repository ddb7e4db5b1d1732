//! What the outcome of a verification rests on, besides the token and the configuration.

use std::sync::{Arc, Weak};

use super::{Chosen, Issuer, PreparedIssuer, Verifier};
use crate::key::Key;
use crate::key::keyring::Epochs;
use crate::verifier::principal::Verified;

/// What has to hold still for a token that was verified before to be believed again. What is not here cannot change in
/// the life of a verifier (its rules, its fixed keys), or is looked at each time (the time).
pub(crate) struct Grounds {
    issuer: Trusted,
    rested: Rested,
}

enum Trusted {
    /// The one at this place of the verifier's list, which stays what it is.
    Listed(usize),
    /// One that a source gave. The source is asked again for each token, and nothing of the issuer is kept alive meanwhile:
    /// with the source of its keys would go on what that does, though the issuer may not be trusted any more.
    Found(Weak<Issuer>),
}

/// Whose key it was.
pub(super) struct Rested {
    pub(super) source: Option<usize>,
    pub(super) epochs: Epochs,
}

impl Rested {
    pub(super) fn on(self, issuer: Chosen<'_>) -> Grounds {
        let issuer = match issuer {
            Chosen::Listed(place, _) => Trusted::Listed(place),
            Chosen::Found(PreparedIssuer(issuer)) => Trusted::Found(Arc::downgrade(&issuer)),
        };
        Grounds { issuer, rested: self }
    }
}

impl Grounds {
    /// How much memory is only kept because of them, in bytes, by estimate: the rules of an issuer that a source may make anew
    /// for each token.
    pub(crate) const fn bytes(&self) -> usize {
        const OF_ITS_OWN: usize = 2048;
        match self.issuer {
            Trusted::Listed(_) => 0,
            Trusted::Found(_) => OF_ITS_OWN,
        }
    }
}

#[cfg(test)]
impl Grounds {
    /// Those of an issuer whose keys are fixed.
    pub(crate) fn none() -> Self {
        let (source, epochs) = (None, Epochs::new());
        Self {
            issuer: Trusted::Listed(0),
            rested: Rested { source, epochs },
        }
    }
}

impl Verifier {
    /// Whether all that a verification rested on still stands: the issuer is still trusted by the same rules, and each source
    /// of its keys still has the set that it had.
    pub(super) fn stand(&self, grounds: &Grounds, verified: &Verified) -> bool {
        let Grounds { issuer, rested } = grounds;
        match issuer {
            Trusted::Listed(place) => {
                let issuer = self.0.issuers.get(*place);
                issuer.is_some_and(|issuer| issuer.keyring.is_in(&rested.epochs))
            }
            Trusted::Found(found) => {
                let named = verified.issuer().map(|name| self.issuer_named(name));
                // As long as it is pointed to, no other can be in its place.
                matches!(named, Some(Ok(Chosen::Found(now))) if Arc::as_ptr(&now.0) == found.as_ptr()
                    && now.0.keyring.is_in(&rested.epochs))
            }
        }
    }

    /// Tells the source of the key that a token has passed by it once more.
    pub(super) fn note_use(&self, grounds: &Grounds, key: &Key, now: u64) {
        let note = |issuer: &Issuer| issuer.keyring.note_use(grounds.rested.source, key, now);
        match &grounds.issuer {
            Trusted::Listed(place) => self.0.issuers.get(*place).map(note),
            Trusted::Found(found) => found.upgrade().map(|found| note(&found)),
        };
    }
}
