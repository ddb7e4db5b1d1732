//! The evidence for a verified token: the rules of its issuer, the key, and the state of the key
//! sources.

use std::fmt;
use std::sync::Weak;

use crate::decisions::IssuerLabel;
use crate::key::Key;
use crate::key::keyring::{Epochs, Keyring, VerifyingKey};
use crate::per_thread::PerThread;
use crate::token::claims::ClaimSetText;
use crate::verifier::issuer::{Issuer, IssuerEntry};
use crate::verifier::rules::Rules;

/// The rules that a token has met, and the key that verified it.
#[derive(Clone)]
pub(crate) struct MetRules {
    issuer: PerThread<IssuerEntry>,
    key: VerifyingKey,
}

impl MetRules {
    /// A fixed key that `issuer` does not hold is cloned from the keyring.
    pub(super) fn new(
        issuer: PerThread<IssuerEntry>,
        key: VerifyingKey,
        keyring: &Keyring,
    ) -> Self {
        let key = match key {
            VerifyingKey::Fixed(place) if place >= issuer.keys.len() => keyring
                .fixed()
                .nth(place)
                .map_or(key, |key| VerifyingKey::Sourced(key.clone())),
            key => key,
        };
        Self { issuer, key }
    }

    pub(super) fn label(&self) -> &IssuerLabel {
        &self.issuer.label
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.issuer.rules
    }

    /// Records which role claims a token has.
    #[inline]
    pub(super) fn note_roles(&self, claims: &ClaimSetText) {
        self.issuer.role_paths.note(&self.issuer.rules, claims);
    }

    /// Records that a token lacks a role.
    #[cold]
    pub(super) fn note_missing_role(&self, role: &str) {
        let IssuerEntry {
            rules, role_paths, ..
        } = &*self.issuer;
        role_paths.note_missing_role(rules, role);
    }

    pub(crate) fn key(&self) -> &Key {
        match &self.key {
            VerifyingKey::Fixed(place) => &self.issuer.keys[*place],
            VerifyingKey::Sourced(key) => key,
        }
    }
}

impl fmt::Debug for MetRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetRules")
            .field("key", self.key())
            .finish_non_exhaustive()
    }
}

/// The conditions under which a cached token is still valid.
///
/// Everything else is fixed for the life of a verifier (its rules, its fixed keys) or checked for
/// each request (the time).
pub(crate) struct Evidence {
    pub(super) issuer: Trusted,
    /// The index of the key's source; `None` for a fixed key.
    pub(super) source: Option<usize>,
    pub(super) epochs: Epochs,
}

/// The issuer of a cached token.
pub(super) enum Trusted {
    /// The issuer at this index of the verifier's list, which never changes.
    Listed(usize),
    /// An issuer from an issuer source, which is queried again for each token. A strong reference
    /// would keep the key source of an issuer running after the issuer is no longer trusted.
    Found(Weak<Issuer>),
}

impl Evidence {
    /// Returns an estimate of the memory that only the evidence keeps alive, in bytes: an issuer
    /// source may create new rules for each token.
    pub(super) const fn bytes(&self) -> usize {
        const RULES: usize = 2048;
        match self.issuer {
            Trusted::Listed(_) => 0,
            Trusted::Found(_) => RULES,
        }
    }
}

#[cfg(test)]
impl Evidence {
    /// The evidence of an issuer whose keys are fixed.
    pub(crate) fn none() -> Self {
        Self {
            issuer: Trusted::Listed(0),
            source: None,
            epochs: Epochs::new(),
        }
    }
}
