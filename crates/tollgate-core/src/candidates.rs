//! From a header to the keys that may verify the token, and to the verified signature.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::algorithm::Algorithm;
use crate::key::{Key, KeySet};
use crate::key_source::{KeySource, MissingKey, Refresh, Unavailable};
use crate::pending::BoxFuture;
use crate::rejection::{Rejection, RejectionKind, Shown};
use crate::token::{Compact, SIGNATURE_BYTES};

/// The keys of one issuer.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    pub(crate) keys: Vec<Key>,
    pub(crate) sources: Vec<Arc<dyn KeySource>>,
}

/// Why no key has verified a token.
pub(crate) enum Miss {
    /// The token is refused.
    Refused(Rejection),
    /// A source is being asked for a key that it did not have; afterwards the token is worth another look.
    Asked(Asked),
}

/// The answers that are awaited of the sources of one keyring: seldom more than one.
pub(crate) struct Asked(SmallVec<[BoxFuture<Result<(), Unavailable>>; 1]>);

impl Asked {
    /// Waits for all of them; the worst answer counts.
    pub(crate) async fn answer(self) -> Result<(), Unavailable> {
        let mut worst = Ok(());
        for answer in self.0 {
            worst = worst.and(answer.await);
        }
        worst
    }
}

/// Whether the sources may be asked for a key that they do not have.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    /// They may.
    Sources,
    /// They were, and this is what they said.
    Nobody(Result<(), Unavailable>),
}

/// What became of the search for a key; the worst case decides the refusal.
#[derive(Default)]
struct Search {
    serving: bool,
    tried: usize,
    /// Whether a key of exactly the token's `kid` was tried.
    exact: bool,
    unavailable: Option<Unavailable>,
}

impl Keyring {
    /// Verifies the signature with the keys that fit (`kid`, `alg`) and gives the one that did.
    ///
    /// A key without a `kid` fits any, a token without one fits every key; at most `most` keys are tried.
    pub(crate) fn verify(
        &self,
        token: &Compact<'_>,
        algorithm: Algorithm,
        key_id: Option<&str>,
        most: usize,
        ask: Ask,
        now: u64,
    ) -> Result<Key, Miss> {
        let mut buffer = [0; SIGNATURE_BYTES];
        let signature = token.signature(&mut buffer).map_err(Miss::Refused)?;
        let mut search = Search::default();
        let mut sets: SmallVec<[(&Arc<dyn KeySource>, Arc<KeySet>); 4]> = SmallVec::new();
        for source in &self.sources {
            match source.keys() {
                Ok(set) => sets.push((source, set)),
                Err(down) => search.unavailable = Some(down),
            }
        }
        let fixed = self.keys.iter().map(|key| (None, key));
        let sourced = sets
            .iter()
            .flat_map(|(source, set)| set.keys().iter().map(move |key| (Some(*source), key)));
        let keys = || fixed.clone().chain(sourced.clone());
        // A secret next to public keys is never used: who can fetch the set, knows it. What a source that is down would
        // bring cannot be known.
        let barred = algorithm.family().is_symmetric()
            && (search.unavailable.is_some() || keys().any(|(_, key)| !key.family().is_symmetric()));
        // Keys of exactly the token's `kid` first, so that none without one can use up the tries.
        for exact in [true, false] {
            for (source, key) in keys().filter(|(_, key)| !barred && key.serves(algorithm)) {
                search.serving = true;
                let fits = match (key_id, key.kid()) {
                    (Some(wanted), Some(got)) => exact && wanted == got,
                    (Some(_), None) => !exact,
                    (None, _) => exact,
                };
                if !fits || search.tried == most {
                    continue;
                }
                search.tried += 1;
                search.exact |= key_id.is_some() && exact;
                if key.verify(algorithm, token.signing_input(), signature) {
                    if let Some(source) = source {
                        source.used(key, now);
                    }
                    return Ok(key.clone());
                }
            }
        }
        // A key that was found by its name and does not fit is no reason to ask for others. A secret never comes from a
        // source.
        if !search.exact && !algorithm.family().is_symmetric() {
            match ask {
                Ask::Sources => {
                    if let Some(asked) = self.ask(&MissingKey::new(key_id, algorithm), &mut search) {
                        return Err(Miss::Asked(asked));
                    }
                }
                Ask::Nobody(Err(down)) => search.unavailable = Some(down),
                Ask::Nobody(Ok(())) => {}
            }
        }
        Err(Miss::Refused(search.rejection(algorithm, key_id)))
    }

    /// Asks the sources for a key that none of them has now; `None` if none of them has to be waited for.
    fn ask(&self, missing: &MissingKey<'_>, search: &mut Search) -> Option<Asked> {
        let mut asked = Asked(SmallVec::new());
        for source in &self.sources {
            match source.refresh(missing) {
                Refresh::Pointless => {}
                Refresh::Unavailable(down) => search.unavailable = Some(down),
                Refresh::Pending(answer) => asked.0.push(answer),
            }
        }
        (!asked.0.is_empty()).then_some(asked)
    }
}

impl Asked {
    /// The refusal for who cannot wait.
    pub(crate) fn refused() -> Rejection {
        Rejection::unavailable(
            Duration::from_secs(1),
            "a key source is being asked for the token's key, and this call cannot wait for it",
        )
    }
}

impl Search {
    fn rejection(self, algorithm: Algorithm, key_id: Option<&str>) -> Rejection {
        if let Some(down) = self.unavailable {
            return Rejection::unavailable(down.retry_after(), "a key source has no keys to offer");
        }
        let key_id = key_id.map_or_else(
            || "without `kid`".to_owned(),
            |kid| format!("with `kid` {}", Shown(kid)),
        );
        let (kind, detail) = match (self.serving, self.tried) {
            (false, _) => (
                RejectionKind::WrongAlgorithm,
                format!("no key serves `alg` {algorithm}"),
            ),
            (true, 0) => (
                RejectionKind::UnknownKey,
                format!("no key fits a token {key_id} and `alg` {algorithm}"),
            ),
            (true, tried) => (
                RejectionKind::BadSignature,
                format!(
                    "the signature of a token {key_id} and `alg` {algorithm} verifies with none of {tried} keys"
                ),
            ),
        };
        Rejection::new(kind, detail)
    }
}
