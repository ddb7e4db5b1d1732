//! What the tokens of one issuer are held to, and never anything else in its life.

use std::fmt;

use crate::key::Key;
use crate::key::keyring::Keyring;
use crate::per_thread::Shared;
use crate::verifier::rules::Rules;

/// The rules of an issuer, and its fixed keys if it stays as long as the verifier.
///
/// They are in one place so that a verified token holds both by one count of references, which is the thread's own. The
/// sources of further keys are not here: nobody keeps those going by keeping a token.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) rules: Rules,
    pub(crate) keys: Vec<Key>,
}

/// The terms that a token has met, and the key by which it did.
#[derive(Clone)]
pub(crate) struct Met {
    terms: Shared<Terms>,
    by: VerifyingKey,
}

/// A key that has verified a signature.
#[derive(Clone)]
pub(crate) enum VerifyingKey {
    /// The fixed one at this place.
    Fixed(usize),
    /// One that may be withdrawn: a source had it, or the issuer's own source may not have that any more.
    Sourced(Key),
}

impl Met {
    /// With a fixed key of the terms, if they have them, or else of its own.
    pub(crate) fn new(terms: Shared<Terms>, by: VerifyingKey, keyring: &Keyring) -> Self {
        let by = match by {
            VerifyingKey::Fixed(place) if place >= terms.keys.len() => {
                VerifyingKey::Sourced(keyring.keys[place].clone())
            }
            by => by,
        };
        Self { terms, by }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.terms.rules
    }

    pub(crate) fn key(&self) -> &Key {
        match &self.by {
            VerifyingKey::Fixed(place) => &self.terms.keys[*place],
            VerifyingKey::Sourced(key) => key,
        }
    }
}

impl fmt::Debug for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Met")
            .field("key", self.key())
            .finish_non_exhaustive()
    }
}
